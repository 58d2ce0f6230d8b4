"""Plan simulated smears: which cells, patients, files and faults exist (the key)."""

import math

import numpy as np
import pandas as pd

from cytobalance.simulator import cnmc
from cytobalance.simulator.counts import type_counts
from cytobalance.simulator.faults import plant_faults
from cytobalance.study.params import Study
from cytobalance.study.runtime import random_stream
from cytobalance.taxonomy import CODES

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
    "cnmc": "C-NMC_Leukemia/",
}
# One row a file. `type` is the truth, `published` the type that the archive claims,
# `fault` empty or a name of faults.FAULTS, `of` the file that a copy was made from,
# `uid` C-NMC's name of the image, with the subject that it is published under.
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
    "uid",
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
    scenes = pd.concat(scenes, ignore_index=True).fillna("")  # columns of C-NMC alone
    files = plant_faults(study, scenes)
    files = pd.concat(
        [_name_files(study, rows) for _, rows in files.groupby("source", sort=False)]
    )
    files["place"] = files["source"].map(list(sources).index)
    files["of"] = files["of"].map(files.set_index("key")["file"])
    files = files.reindex(columns=[*PLAN_COLUMNS, "place"]).fillna("")
    files = files.sort_values(["place", "file"], ignore_index=True)
    return files[list(PLAN_COLUMNS)]


def _plan_source(study: Study, source: str, layout: str) -> pd.DataFrame:
    """The source's cells without faults: one row a scene, with its patient."""
    if layout == "cnmc":
        return cnmc.plan_cells(study, source)
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
    """Give the files of one source codes and names as its archive has them."""
    rows = rows.copy()
    source, layout = rows["source"].iloc[0], rows["layout"].iloc[0]
    if layout == "cnmc":
        return cnmc.name_files(study, rows, TOP[layout])
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
