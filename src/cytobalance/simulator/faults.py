"""Plant recorded faults in a plan of simulated smears, as real sets have them."""

import numpy as np
import pandas as pd

from cytobalance.simulator import cnmc
from cytobalance.study.params import Study
from cytobalance.study.runtime import StudyError, random_stream
from cytobalance.taxonomy import CODES

# Faults and whether such a file adds to the cells that curation must end with.
FAULTS = {
    "": True,  # a sound file
    "mislabelled": True,  # wrong published label; the expert map puts it right
    "paper_correction": True,  # the neutrophil that Hazra's counts show was moved
    "exact_copy": False,  # the same bytes under another name, in C-NMC another subject
    "near_copy": False,  # re-encoded, shifted by 1 to 3 % of the side
    "cross_class": False,  # one cell under two classes, no expert's decision: both go
    "unreadable": False,
}
# Published as -> in truth; mistakes that readers of smears do make.
MISTAKES = (
    ("eosinophil", "neutrophil"),
    ("neutrophil", "eosinophil"),
    ("lymphocyte", "monocyte"),
    ("lymphocyte_typical", "monocyte"),
    ("monocyte", "myeloblast"),
    ("myeloblast", "monocyte"),
    ("lymphocyte_typical", "myeloblast"),
    ("erythroblast", "lymphocyte"),
    ("erythroblast", "lymphocyte_typical"),
    ("immature_granulocyte", "monocyte"),
    ("immature_granulocyte", "neutrophil"),
    ("neutrophil", "immature_granulocyte"),
)
# The way a file can be unreadable; taken in turn.
DAMAGES = ("truncated", "empty", "text", "noise")
# The PBC set has one: eosinophil/EO_225902.jpg is neutrophil/BNE_191112.jpg.
# (layout, truth, other published type); the first that the study's sources allow.
CROSS_CLASS = (
    ("pbc", "eosinophil", "neutrophil"),
    ("lmu", "eosinophil", "neutrophil_segmented"),
    ("eone", "eosinophil", "neutrophil"),
)
NEUTROPHILS = ("neutrophil_segmented", "neutrophil", "neutrophil_band")


def plant_faults(study: Study, cells: pd.DataFrame) -> pd.DataFrame:
    """The plan's files: `cells` (a row a sound scene), some mislabelled, and extras.

    Adds `key` (row identity), `of` (key of the original), `fault`, `damage`,
    `shift_x`, `shift_y` and `gain`. Faults go to the sources in turn; no scene has two.
    """
    faults = study.simulator.faults
    rng = random_stream(study.simulator.seed, "simulator", "faults")
    cells = cells.assign(
        key=cells["source"] + "/" + cells["scene"],
        of="",
        fault="",
        damage="",
        shift_x=0.0,
        shift_y=0.0,
        gain=1.0,
    )
    layouts = dict(zip(cells["source"], cells["layout"], strict=True))
    sources, smears = list(layouts), [s for s in layouts if layouts[s] != "cnmc"]
    if not smears and (faults.mislabelled or faults.cross_class):
        raise StudyError(
            "simulator.faults: in C-NMC the label is the patient's, so no cell of it "
            "is mislabelled or in two classes; set mislabelled and cross_class to 0"
        )
    _correct_as_paper(cells, rng)
    for number in range(faults.mislabelled):
        _mislabel(cells, smears[number % len(smears)], rng)
    extra: list[dict] = []
    for fault, count in (
        ("exact_copy", faults.exact_copies),
        ("near_copy", faults.near_copies),
        ("unreadable", faults.unreadable),
    ):
        taken = {*(row["of"] for row in extra), *cells["of"]}
        for number in range(count):
            source = sources[number % len(sources)]
            if fault == "exact_copy" and layouts[source] == "cnmc":
                if not cnmc.plant_copy(cells, source, rng):
                    raise _too_many(source)
                continue
            row = _pick(cells, source, taken, rng)
            row |= {"fault": fault, "of": row["key"], "key": f"{fault}/{number}"}
            taken.add(row["of"])
            if fault == "near_copy":
                row |= _recrop(rng)
            if fault == "unreadable":
                row |= {"of": "", "damage": DAMAGES[number % len(DAMAGES)]}
            extra.append(row)
    extra += _cross_classes(cells, faults.cross_class, rng)
    return pd.concat([cells, pd.DataFrame(extra)], ignore_index=True)


def _correct_as_paper(cells: pd.DataFrame, rng: np.random.Generator) -> None:
    """Let one cell that is published as a neutrophil be a promyelocyte in truth.

    Hazra's Table 1 has 10,744 neutrophils and 86 promyelocytes, Table 2 has 10,743
    and 87: the experts moved one image.
    """
    for name in NEUTROPHILS:
        rows = cells.index[cells["type"].eq(name)]
        if len(rows):
            row = rows[rng.integers(len(rows))]
            cells.loc[row, ["type", "fault"]] = "promyelocyte", "paper_correction"
            return


def _mislabel(cells: pd.DataFrame, source: str, rng: np.random.Generator) -> None:
    """Publish one cell of `source` under a type that it is often mistaken for."""
    sound = cells[cells["source"].eq(source) & cells["fault"].eq("")]
    if sound.empty:
        raise _too_many(source)
    codes = CODES[sound["layout"].iloc[0]].values()
    held = set(sound["type"])
    legal = [
        (published, true)
        for published, true in MISTAKES
        if published in codes and true in held
    ]
    if not legal:
        return
    published, true = legal[rng.integers(len(legal))]
    rows = sound.index[sound["type"].eq(true)]
    row = rows[rng.integers(len(rows))]
    cells.loc[row, ["published", "fault"]] = published, "mislabelled"


def _too_many(source: str) -> StudyError:
    return StudyError(
        f"simulator.faults: more faults than {source} has cells; "
        "raise simulator.scale or plant fewer"
    )


def _pick(
    cells: pd.DataFrame, source: str, taken: set[str], rng: np.random.Generator
) -> dict:
    """A sound cell of `source` that no copy was made from yet."""
    legal = cells["source"].eq(source) & cells["fault"].eq("")
    rows = cells.index[legal & ~cells["key"].isin(taken)]
    if not len(rows):
        raise _too_many(source)
    return cells.loc[rows[rng.integers(len(rows))]].to_dict()


def _recrop(rng: np.random.Generator) -> dict:
    """How a near copy differs: 1 to 3 % of the side in each direction, 1 % in gain."""
    shift_x, shift_y = rng.uniform(0.01, 0.03, 2) * rng.choice([-1, 1], 2)
    return {"shift_x": shift_x, "shift_y": shift_y, "gain": rng.uniform(0.99, 1.01)}


def _cross_classes(
    cells: pd.DataFrame, count: int, rng: np.random.Generator
) -> list[dict]:
    """Two rows a fault: a further cell, and the same bytes under another class.

    Both are extra, since curation must leave both out until an expert speaks.
    """
    rows: list[dict] = []
    for number in range(count):
        true, published, legal = _first_held(cells)
        if not len(legal):
            break
        cell = cells.loc[legal[rng.integers(len(legal))]].to_dict()
        key = f"cross_class/{number}"
        cell |= {"scene": f"{true}/cross-{number}", "fault": "cross_class"}
        rows.append(cell | {"key": key, "published": true})
        rows.append(cell | {"key": f"{key}/copy", "published": published, "of": key})
    return rows


def _first_held(cells: pd.DataFrame) -> tuple[str, str, pd.Index]:
    """The first of CROSS_CLASS that `cells` hold: truth, other type, rows."""
    for layout, true, published in CROSS_CLASS:
        legal = cells.index[cells["layout"].eq(layout) & cells["type"].eq(true)]
        if len(legal):
            return true, published, legal
    return "", "", pd.Index([])
