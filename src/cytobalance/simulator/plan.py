"""Plan simulated smears: which cells, patients, files and faults exist (the key)."""

import math

import numpy as np
import pandas as pd

from cytobalance.simulator.faults import plant_faults
from cytobalance.study.params import Study
from cytobalance.study.runtime import random_stream
from cytobalance.taxonomy import CODES

# Hazra 2022, Table 1 (33,177 cells), dealt to its three sources; derived, since the
# paper prints only the margins (eone 12,756, lmu 10,300, pbc 10,121: section 2.1).
# Each source keeps to its own codes, no entry exceeds what the published sets hold,
# and eone has 17 types: all but monoblast and smudge cell, which are LMU's.
FULL_COUNTS: dict[str, dict[str, int]] = {
    "basophil": {"eone": 464, "lmu": 60, "pbc": 700},
    "eosinophil": {"eone": 1358, "lmu": 330, "pbc": 1850},
    "erythroblast": {"eone": 587, "lmu": 60, "pbc": 900},
    "immature_granulocyte": {"eone": 1161, "lmu": 0, "pbc": 1720},
    "myelocyte": {"eone": 4, "lmu": 35, "pbc": 0},
    "metamyelocyte": {"eone": 2, "lmu": 11, "pbc": 0},
    "lymphocyte": {"eone": 493, "lmu": 0, "pbc": 720},
    "lymphocyte_atypical": {"eone": 1, "lmu": 6, "pbc": 0},
    "lymphocyte_typical": {"eone": 1318, "lmu": 2500, "pbc": 0},
    "monoblast": {"eone": 0, "lmu": 26, "pbc": 0},
    "monocyte": {"eone": 440, "lmu": 1300, "pbc": 843},
    "myeloblast": {"eone": 904, "lmu": 2200, "pbc": 0},
    "neutrophil": {"eone": 1328, "lmu": 0, "pbc": 1988},
    "neutrophil_band": {"eone": 12, "lmu": 70, "pbc": 0},
    "neutrophil_segmented": {"eone": 3734, "lmu": 3612, "pbc": 0},
    "platelet": {"eone": 939, "lmu": 0, "pbc": 1400},
    "promyelocyte": {"eone": 9, "lmu": 60, "pbc": 0},
    "promyelocyte_bilobed": {"eone": 2, "lmu": 15, "pbc": 0},
    "smudge_cell": {"eone": 0, "lmu": 15, "pbc": 0},
}
# The PBC set's class folders (Acevedo 2020), finer than our types only by prefix.
PBC_FOLDERS = {
    "immature_granulocyte": "ig",
    "myelocyte": "ig",
    "metamyelocyte": "ig",
    "promyelocyte": "ig",
    "neutrophil_band": "neutrophil",
    "neutrophil_segmented": "neutrophil",
}
# Folder of the images inside each published archive.
TOP = {
    "pbc": "PBC_dataset_normal_DIB/",
    "lmu": "AML-Cytomorphology_LMU/",
    "eone": "images/",
}
# One row a file. `type` is the truth, `published` the type that the archive claims,
# `fault` empty or a name of faults.FAULTS, `of` the file that a copy was made from.
PLAN_COLUMNS = (
    "source",
    "layout",
    "file",
    "code",
    "type",
    "published",
    "patient",
    "scene",
    "fault",
    "of",
    "shift_x",
    "shift_y",
    "gain",
    "damage",
)


def plan_smears(study: Study) -> pd.DataFrame:
    """Every file of every simulated source of `study`: the key to its archives.

    Columns PLAN_COLUMNS, one row a file, sorted by source (params order) and file;
    `shift_x`, `shift_y` in parts of the image's side, `gain` a factor of brightness.
    It depends on the study's seed, sources and `simulator` group alone.
    """
    sources = {
        name: source.layout
        for name, source in study.sources.items()
        if source.origin == "simulated"
    }
    if not sources:
        return pd.DataFrame(columns=list(PLAN_COLUMNS))
    scenes = [_plan_source(study, name, layout) for name, layout in sources.items()]
    files = plant_faults(study, pd.concat(scenes, ignore_index=True))
    files = pd.concat(
        [_name_files(study, rows) for _, rows in files.groupby("source", sort=False)]
    )
    files["place"] = files["source"].map(list(sources).index)
    files["of"] = files["of"].map(files.set_index("key")["file"]).fillna("")
    files = files.sort_values(["place", "file"], ignore_index=True)
    return files[list(PLAN_COLUMNS)]


def type_counts(study: Study, layout: str) -> dict[str, int]:
    """Cells of each type that a source of `layout` holds, after every correction.

    Each type's total is Hazra's Table 1 times `simulator.scale` (at least 2 where the
    table has any), dealt to the three layouts by largest remainders; the types of
    `true_counts` keep the table's own numbers.
    """
    counts = {}
    for name, full in FULL_COUNTS.items():
        total = sum(full.values())
        if name not in study.simulator.true_counts:
            total = max(2, round(total * study.simulator.scale))
        counts[name] = _share_out(full, total)[layout]
    return counts


def _share_out(full: dict[str, int], total: int) -> dict[str, int]:
    """`total` in the proportions of `full`, whole numbers by largest remainders."""
    exact = {key: total * value / sum(full.values()) for key, value in full.items()}
    shares = {key: math.floor(value) for key, value in exact.items()}
    order = sorted(full, key=lambda key: shares[key] - exact[key])
    for key in order[: total - sum(shares.values())]:
        shares[key] += 1
    return shares


def _plan_source(study: Study, source: str, layout: str) -> pd.DataFrame:
    """The source's cells without faults: one row a scene, with its patient."""
    counts = type_counts(study, layout)
    types = [name for name, count in counts.items() for _ in range(count)]
    numbers = [number for count in counts.values() for number in range(count)]
    rows = pd.DataFrame({"type": types, "number": numbers})
    rows["source"], rows["layout"] = source, layout
    rows["scene"] = [f"{t}/{n}" for t, n in zip(types, numbers, strict=True)]
    rows["patient"] = _deal_to_patients(study, source, rows["type"])
    rows["published"] = rows["type"]
    return rows.drop(columns="number")


def _deal_to_patients(study: Study, source: str, types: pd.Series) -> list[str]:
    """A patient for each cell; a patient's diagnosis favours some of the types.

    Rare types are dealt first, so that they are spread over several patients.
    """
    room = study.simulator.cells_per_patient
    patients = math.ceil(len(types) / room)
    rng = random_stream(study.simulator.seed, "simulator", "patients", source)
    names = sorted(set(types), key=lambda name: (types.eq(name).sum(), name))
    affinity = {name: rng.gamma(0.3, size=patients) + 0.02 for name in names}
    left = np.full(patients, room)
    dealt = np.empty(len(types), dtype=int)
    for name in names:
        for cell in np.flatnonzero(types.eq(name)):
            weight = affinity[name] * left
            dealt[cell] = rng.choice(patients, p=weight / weight.sum())
            left[dealt[cell]] -= 1
    return [f"P{number + 1:03d}" for number in dealt]


def _name_files(study: Study, rows: pd.DataFrame) -> pd.DataFrame:
    """Give one source's files their codes and names, in the archive's own manner."""
    rows = rows.copy()
    source, layout = rows["source"].iloc[0], rows["layout"].iloc[0]
    code_of = {name: code for code, name in CODES[layout].items()}
    rows["code"] = rows["published"].map(code_of)
    rng = random_stream(study.simulator.seed, "simulator", "files", source)
    if layout == "pbc":
        numbers = rng.choice(900_000, size=len(rows), replace=False) + 1_000
        folders = rows["published"].map(lambda name: PBC_FOLDERS.get(name, name))
        rows["file"] = [
            f"{TOP[layout]}{folder}/{code}_{number}.jpg"
            for folder, code, number in zip(folders, rows["code"], numbers, strict=True)
        ]
        return rows
    rows = rows.iloc[rng.permutation(len(rows))]  # faults must not stand last
    if layout == "lmu":
        numbers = rows.groupby("code").cumcount() + 1
        rows["file"] = [
            f"{TOP[layout]}{code}/{code}_{number:04d}.tiff"
            for code, number in zip(rows["code"], numbers, strict=True)
        ]
    else:
        rows["file"] = [f"{TOP[layout]}{n + 1:05d}.jpg" for n in range(len(rows))]
    return rows
