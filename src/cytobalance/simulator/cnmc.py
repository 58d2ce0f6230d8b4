"""C-NMC 2019 as a plan: subjects, folds, the preliminary set, copies of subjects."""

from itertools import groupby

import numpy as np
import pandas as pd

from cytobalance.simulator.counts import CNMC_COUNTS, share_out
from cytobalance.study.params import Study
from cytobalance.study.runtime import random_stream

# Byte-identical pairs of the published folds: (subject, other subject, pairs). 94 of
# them lie in two folds.
COPIES = (
    ("20", "21", 71),
    ("51", "75", 10),
    ("51", "78", 11),
    ("H10", "H10", 5),
    ("H10", "h3", 1),
    ("H6", "H2", 1),
    ("H2", "H4", 3),
    ("H2", "H5", 2),
)
# Who shares cells is one patient, and shares stain and optics too.
PATIENTS: dict[str, str] = {}
for _one, _other, _ in COPIES:
    PATIENTS[_other] = PATIENTS.get(_one, _one)
PRELIMINARY = "validation_data/C-NMC_test_prelim_phase_data"


def plan_cells(study: Study, source: str) -> pd.DataFrame:
    """The source's cells without faults, a row each, with subject, folder and patient.

    The published counts of ALL and HEM, in the folds and in the preliminary set, times
    `simulator.scale`, are dealt to the subjects as they have them. Types are the raw
    labels `all` and `hem`.
    """
    rows = []
    for _, folders in groupby(sorted(CNMC_COUNTS, key=_part), key=_part):
        full = {
            (folder, subject): cells
            for folder in folders
            for subject, cells in CNMC_COUNTS[folder].items()
        }
        total = max(2, round(sum(full.values()) * study.simulator.scale))
        for (folder, subject), cells in share_out(full, total).items():
            rows += [(folder, subject, number) for number in range(cells)]
    plan = pd.DataFrame(rows, columns=["folder", "subject", "number"])
    plan["type"] = plan["published"] = plan["folder"].str.split("/").str[1]
    plan["source"], plan["layout"] = source, "cnmc"
    plan["patient"] = plan["subject"].map(lambda name: PATIENTS.get(name, name))
    plan["scene"] = plan["folder"] + "/" + plan["subject"] + "/"
    plan["scene"] += plan["number"].astype(str)
    return plan.drop(columns="number")


def plant_copy(cells: pd.DataFrame, source: str, rng: np.random.Generator) -> bool:
    """Put the bytes of one subject's cell in the place of one of another subject's.

    Which two subjects: as often as COPIES has them. Returns whether any had cells left.
    """
    used = set(cells["of"])
    free = cells["source"].eq(source) & cells["fault"].eq("")
    subject = cells["subject"].where(free & ~cells["key"].isin(used), "")
    held = subject.value_counts()
    pairs = [
        pair
        for pair in COPIES
        if min(held.get(pair[0], 0), held.get(pair[1], 0)) > (pair[0] == pair[1])
    ]
    if not pairs:
        return False
    weights = np.array([weight for _, _, weight in pairs])
    one, other, _ = pairs[rng.choice(len(pairs), p=weights / weights.sum())]
    original = rng.choice(cells.index[subject.eq(one)])
    copy = rng.choice(cells.index[subject.eq(other)].difference([original]))
    for column in ("scene", "patient"):
        cells.loc[copy, column] = cells.loc[original, column]
    cells.loc[copy, ["of", "fault"]] = cells.loc[original, "key"], "exact_copy"
    return True


def name_files(study: Study, rows: pd.DataFrame, top: str) -> pd.DataFrame:
    """Give the source's files their labels, UIDs and names, below the folder `top`.

    The preliminary set is numbered; a table gives its UIDs (`archives`).
    """
    source = rows["source"].iloc[0]
    rng = random_stream(study.simulator.seed, "simulator", "files", source)
    rows = rows.iloc[rng.permutation(len(rows))].copy()  # faults must not stand last
    rows["code"] = rows["published"]
    number = rows.groupby("subject").cumcount()
    image, cell = (number // 4 + 1).astype(str), (number % 4 + 1).astype(str)
    subject = "UID_" + rows["subject"] + "_"
    rows["uid"] = subject + image + "_" + cell + "_" + rows["code"] + ".bmp"
    numbered = rows["folder"].str.startswith("prelim")
    rows["file"] = top + "training_data/" + rows["folder"] + "/" + rows["uid"]
    count = np.arange(1, numbered.sum() + 1).astype(str)
    rows.loc[numbered, "file"] = [f"{top}{PRELIMINARY}/{n}.bmp" for n in count]
    return rows


def _part(folder: str) -> tuple[bool, str]:
    """Folds or preliminary set, and label."""
    part, label = folder.split("/")
    return part == "prelim", label
