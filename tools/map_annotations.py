"""Write the relabel map that AML-Cytomorphology_LMU's annotations.dat holds."""

import sys
from pathlib import Path

import pandas as pd

# A script sees the modules beside it; the library is beside the stages.
sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from cytobalance.curation.reannotations import lmu_reannotations
from cytobalance.curation.relabel import MAP_COLUMNS
from cytobalance.sources.archive import open_archive
from cytobalance.sources.labels import find_labels, read_text
from cytobalance.sources.lmu import TABLE, name_in_table
from cytobalance.study import places
from cytobalance.study.params import read_study
from cytobalance.study.runtime import StudyError, run_stage
from cytobalance.study.tables import read_table, write_table

OUT = places.EXPERT / "lmu.csv"


def main() -> None:
    """data/raw/<source>, every source of layout `lmu` -> data/expert/lmu.csv."""
    study = read_study()
    names = [name for name, s in study.sources.items() if s.layout == "lmu"]
    if not names:
        raise StudyError("params.yaml: no source has the layout `lmu`, so no such map")
    maps = pd.concat([map_source(name) for name in names], ignore_index=True)
    write_table(OUT, maps)
    print(f"wrote {OUT}; name {OUT.name} in relabel.maps to apply it")


def map_source(name: str) -> pd.DataFrame:
    """The second opinions on those images of the source that were ingested."""
    archive = open_archive(places.RAW / name)
    text = read_text(archive, find_labels(archive, TABLE))
    maps = lmu_reannotations(text, name).rename(columns={"file": "place"})
    # The file names `<CODE>/<CODE>_0001.tiff`; archives have folders above, and may
    # hold a folder twice.
    files = read_table(places.ingested(name) / "cells.csv")["file"]
    names = [name_in_table(file) for file in files]
    held = pd.DataFrame({"place": names, "file": files})
    gone = int((~maps["place"].isin(held["place"])).sum())
    print(f"{name}: {len(maps)} second opinions, {gone} on images not ingested")
    return maps.merge(held, on="place")[list(MAP_COLUMNS)]


if __name__ == "__main__":
    run_stage(main)
