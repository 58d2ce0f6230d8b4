"""The second opinions that AML-Cytomorphology_LMU was published with, as a map."""

import pandas as pd

from cytobalance.curation.relabel import MAP_COLUMNS, UNCERTAIN
from cytobalance.sources.lmu import read_annotations
from cytobalance.study.runtime import StudyError
from cytobalance.taxonomy import CODES


def lmu_reannotations(text: str, source: str = "lmu") -> pd.DataFrame:
    """The relabel map that AML-Cytomorphology_LMU's `annotations.dat` holds.

    text: the set's table of 4 columns (path, label, two re-annotations); paths stay
    as written there, `BAS/BAS_0001.tiff`. Returns MAP_COLUMNS, two rows (annotators
    `first`, `second`) for each image asked again; an answer equal to the label is a
    vote for it. Source: Matek 2019, TCIA.
    """
    names = ["file", "from", "first", "second"]
    rows = read_annotations("annotations.dat", text)
    raw = pd.DataFrame(rows, columns=names, dtype=str)
    table = raw.melt(["file", "from"], ["first", "second"], "annotator", "to")
    table = table[table["to"] != "nan"].sort_values(["file", "annotator"])
    types = CODES["lmu"] | {UNCERTAIN: UNCERTAIN}
    unknown = sorted((set(table["from"]) | set(table["to"])) - set(types))
    if unknown:
        raise StudyError(f"annotations.dat: unknown codes: {', '.join(unknown)}")
    table["from"] = table["from"].map(types)
    table["to"] = table["to"].map(types)
    table = table.assign(source=source, reason="published re-annotation", date="2019")
    return table[list(MAP_COLUMNS)].reset_index(drop=True)
