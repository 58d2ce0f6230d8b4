"""A tiny study on disk whose classifiers are dice: what a balancer gains is known."""

import contextlib
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import yaml

from cytobalance.evaluate.predictions import read_predictions
from cytobalance.explain.explanation import explain_classifier
from cytobalance.study import places
from cytobalance.study.cells import CellSet, read_cells
from cytobalance.study.metrics import write_metrics
from cytobalance.study.tables import CELL_COLUMNS, REJECTED_COLUMNS, read_table

CLASSES = ("neutrophil", "lymphocyte", "monoblast")
COUNTS = (600, 240, 30)
PER_GROUP = 10
TRIALS = 2
# Chance that a cell of each class is named rightly, a balancer.
RECALL = {
    "plain": (0.96, 0.9, 0.2),
    "weighted": (0.94, 0.9, 0.7),
    "c_wgan_gp": (0.95, 0.9, 0.25),
}


def write_params(folder: Path, **changes) -> None:
    """The shipped params.yaml, cut down to this study's names."""
    shipped = Path(__file__).parents[1] / "params.yaml"
    study = yaml.safe_load(shipped.read_text(encoding="utf-8"))
    study["merge"]["classes"] = {label: [label] for label in CLASSES}
    study["balancers"] = {name: study["balancers"][name] for name in RECALL}
    study["classifiers"]["sequential_cnn"]["trials"] = TRIALS
    study["evaluate"]["resamples"] = 200
    study["relabel"]["maps"] = []
    study |= changes
    (folder / "params.yaml").write_text(yaml.safe_dump(study, sort_keys=False))


def write_cells(folder: Path, seed: int = 0) -> pd.DataFrame:
    """data/cells and data/hold_out.csv: groups of ten cells, 70/20/10."""
    stream = np.random.default_rng(seed)
    label = stream.permutation(np.repeat(CLASSES, COUNTS))
    n = len(label)
    group = np.arange(n) // PER_GROUP
    deal = np.array(["train"] * 7 + ["test"] * 2 + ["validation"])
    cells = pd.DataFrame(
        {
            "cell_id": [f"{i:016x}" for i in range(n)],
            "label": label,
            "group": [f"p{g}" for g in group],
            "part": deal[stream.permutation(group.max() + 1)[group] % 10],
            "pool": True,
        }
    )
    tint = {c: i for i, c in enumerate(CLASSES)}
    images = np.full((n, 16, 16, 3), 230, np.uint8)
    for i, name in enumerate(label):
        images[i, 4:12, 4:12] = (90 + 13 * tint[name], 60, 140)
    (folder / "data/cells").mkdir(parents=True)
    np.save(folder / "data/cells/images.npy", images)
    # Two sources; one of them names its subjects, ten cells each.
    source = np.where(group % 2, "other", "made")
    subject = np.where(group % 2, "", cells["group"])
    about = cells.assign(source=source, file=cells["cell_id"] + ".png", subject=subject)
    about = about.assign(raw_label=label, type=label, width=16, height=16)
    about = about.assign(published_part="")[list(CELL_COLUMNS)]
    about.to_csv(folder / "data/cells/cells.csv", index=False)
    cells.to_csv(folder / "data/hold_out.csv", index=False)
    rejected = pd.DataFrame(columns=list(REJECTED_COLUMNS))
    rejected.to_csv(folder / "data/cells/rejected.csv", index=False)
    (folder / "data/sources.json").write_text('{"sources": {}}')
    return cells


def write_predictions(
    folder: Path,
    cells: pd.DataFrame,
    protocol: str,
    balancer: str,
    classifier: str = "sequential_cnn",
    trials: int = TRIALS,
) -> str:
    """Split, predictions, curves and views of one classifier; returns its key.

    Under `paper` the test part also holds synthetic cells, all but always right.
    """
    key = f"{protocol}-{balancer}-{classifier}"
    split = cells.assign(origin="real", row=np.arange(len(cells)), weight=1.0)
    if protocol == "paper" and balancer == "c_wgan_gp":
        made = pd.DataFrame(
            {
                "cell_id": [f"made{i:012x}" for i in range(300)],
                "label": "monoblast",
                "part": ["test", "train", "train"] * 100,
                "origin": "synthetic",
                "row": range(300),
                "weight": 1.0,
            }
        )
        split = pd.concat([split, made], ignore_index=True)
    columns = ["cell_id", "origin", "row", "label", "part", "weight"]
    path = folder / f"data/splits/{protocol}/{balancer}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    split[columns].to_csv(path, index=False)
    chance = dict(zip(CLASSES, RECALL[balancer], strict=True))
    stream = np.random.default_rng(list(key.encode()))
    judged = split[split["part"].isin(["test", "validation"])]
    rows = []
    for trial in range(trials):
        for cell in judged.itertuples():
            right = 0.99 if cell.origin == "synthetic" else chance[cell.label]
            others = [c for c in CLASSES if c != cell.label]
            said = cell.label if stream.random() < right else stream.choice(others)
            top = stream.uniform(0.5, 1)
            p = [top if c == said else (1 - top) / 2 for c in CLASSES]
            row = [trial, cell.part, cell.cell_id, cell.origin, cell.label, said, *p]
            rows.append(row)
    names = ["trial", "part", "cell_id", "origin", "label", "predicted"]
    table = pd.DataFrame(rows, columns=[*names, *(f"p_{c}" for c in CLASSES)])
    write_csv(folder / f"data/predictions/{key}.csv", table.round(6))
    epochs = [
        [t, e, 1.0 / e, 1 - 0.5 / e, 1.2 / e, 0.95 - 0.5 / e]
        for t in range(trials)
        for e in (1, 2, 3)
    ]
    curve = ["train_loss", "train_accuracy", "validation_loss", "validation_accuracy"]
    curves = pd.DataFrame(epochs, columns=["trial", "epoch", *curve])
    write_csv(folder / f"data/curves/{key}.csv", curves)
    write_csv(folder / f"data/views/{key}.csv", count_views(split, trials))
    write_explained(folder, key)
    return key


class Dice:
    """A trained classifier whose features are mean colours, and which has no maps."""

    def features(self, images: torch.Tensor) -> torch.Tensor:
        return images.float().mean((1, 2))


def write_explained(folder: Path, key: str) -> None:
    """The cells behind a classifier's counts, as `explain` would choose them."""
    protocol, balancer, _ = key.split("-")
    with contextlib.chdir(folder):
        real = read_cells(places.CELLS)
        split = read_table(places.split(protocol, balancer))
        made = split.loc[split["origin"] == "synthetic", ["cell_id", "label"]]
        images = np.full((len(made), 16, 16, 3), 90, np.uint8)
        sets = {"real": real, "synthetic": CellSet(images, made.reset_index())}
        groups = dict(zip(real.table["cell_id"], real.table["group"], strict=True))
        path = places.predictions(key)
        judged = read_predictions(path, "test", CLASSES, groups)
        stream = np.random.default_rng(0)
        record = explain_classifier(
            *(judged.ensemble, [Dice()], split, sets, torch.device("cpu"), stream)
        )
        write_metrics(places.explained(key), record | {"trials": len(judged.predicted)})


def count_views(split: pd.DataFrame, trials: int) -> pd.DataFrame:
    """Views of each class and origin in a training that showed every cell thrice."""
    training = split[split["part"] == "train"]
    cells = training.groupby(["origin", "label"]).size().rename("cells").reset_index()
    views = 3 * cells["cells"]
    tables = [cells.assign(trial=t, views=views) for t in range(trials)]
    return pd.concat(tables)[["trial", "label", "origin", "cells", "views"]]


def write_csv(path: Path, table: pd.DataFrame) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False)
