"""What a GAN's cells teach: train on synthetic, test on real (TSTR, Esteban 2017)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from cytobalance.balance.settings import Recipe
from cytobalance.classify.cells import Cells, gather_cells
from cytobalance.classify.classifier import Classifier, build_classifier
from cytobalance.classify.network import balanced_accuracy
from cytobalance.classify.settings import Network
from cytobalance.study.cells import CellSet

# Both networks learn from classes evened, not as `plain` does: its gap to TSTR would
# also be one of balance.
HOW = (
    "tstr_balanced_accuracy, tstr_recall (train on synthetic, test on real): of a "
    "classifier trained once on the synthetic cells alone; trtr_balanced_accuracy, "
    "trtr_recall (train on real, test on real): of one trained alike, from the same "
    "weights, on the real training cells of data/hold_out.csv (source_out: of "
    "data/source_out.csv). Only classes that the GAN made cells of, each drawn equally "
    "often; the epoch is chosen on real validation cells; test_cells are real"
)
LEAKED = (
    "tstr under protocol paper: the GAN saw the real test and validation cells of its "
    "pool too, which flatters it; trtr is of a classifier that did not"
)
TOO_FEW = (
    "tstr_balanced_accuracy, trtr_balanced_accuracy, tstr_recall, trtr_recall: null, "
    "since it takes two classes with synthetic cells, and real test cells of them"
)
UNMADE = "tstr_recall, trtr_recall: null without synthetic cells"
UNTESTED = "tstr_recall, trtr_recall: null without test cells"


@dataclass(frozen=True)
class Lesson:
    """The cells of one comparison, classes numbered as in `classes`.

    classes: those with synthetic cells, in class order. synthetic, real: training
    cells, weighted so that every class is drawn equally often; validation, test: real.
    """

    classes: tuple[str, ...]
    synthetic: Cells
    real: Cells
    validation: Cells
    test: Cells


def prepare_lesson(
    real: CellSet,
    hold_out: pd.DataFrame,
    synthetic: CellSet,
    classes: tuple[str, ...],
    device: torch.device,
) -> Lesson | None:
    """All cells of a comparison on `device`; None with fewer than two classes made.

    hold_out: the protocol's deal, in the order of `real`. None also where the classes
    made have no test cells.
    """
    labels = synthetic.table["label"]
    made = tuple(label for label in classes if (labels == label).any())
    if len(made) < 2:
        return None
    dealt = hold_out[["label", "part"]].assign(origin="real", row=np.arange(len(real)))
    dealt = dealt[dealt["label"].isin(made)]
    parts = {
        part: dealt[dealt["part"] == part] for part in ("train", "validation", "test")
    }
    if not len(parts["test"]):
        return None
    parts["synthetic"] = pd.DataFrame(
        {"label": labels, "origin": "synthetic", "row": np.arange(len(labels))}
    )
    cells = {}
    for name, rows in parts.items():
        count = rows.groupby("label")["row"].transform("count")
        cells[name] = gather_cells(
            real.images, synthetic.images, rows.assign(weight=1 / count), made, device
        )
    return Lesson(
        made, cells["synthetic"], cells["train"], cells["validation"], cells["test"]
    )


def learn(lesson: Lesson, cells: Cells, settings: Network, seed: int) -> Classifier:
    """A classifier of `lesson.classes`, trained once on `cells` alone."""
    size, device = cells.images.shape[1], cells.images.device
    classifier = build_classifier(settings, len(lesson.classes), size, device)
    classifier.fit(cells, lesson.validation, Recipe(), seed)
    return classifier


def score_teaching(
    lesson: Lesson | None,
    classes: tuple[str, ...],
    settings: Network,
    seed: int,
    leaked: bool,
) -> dict[str, Any]:
    """TSTR beside TRTR: keys overall, classes, notes, as of `assess_gan`.

    settings: of the classifier that learns. leaked: whether the GAN saw the test
    cells.
    """
    nothing = {"test_cells": 0, "tstr_recall": None, "trtr_recall": None}
    scores: dict[str, Any] = {
        "overall": {"tstr_balanced_accuracy": None, "trtr_balanced_accuracy": None},
        "classes": {label: dict(nothing) for label in classes},
        "notes": [HOW, LEAKED] if leaked else [HOW],
    }
    if lesson is None:
        scores["notes"] = [TOO_FEW]
        return scores
    test = lesson.test
    for name, cells in (("tstr", lesson.synthetic), ("trtr", lesson.real)):
        labels = test.labels.cpu()
        classifier = learn(lesson, cells, settings, seed)
        right = (classifier.logits(test.images).argmax(1) == labels).double()
        score = balanced_accuracy(right, labels)
        scores["overall"][f"{name}_balanced_accuracy"] = score
        for k, label in enumerate(lesson.classes):
            of_class = right[labels == k]
            scores["classes"][label]["test_cells"] = len(of_class)
            if len(of_class):
                scores["classes"][label][f"{name}_recall"] = of_class.mean().item()
    unmade = [label for label in classes if label not in lesson.classes]
    if unmade:
        scores["notes"].append(f"{UNMADE}: {', '.join(unmade)}")
    found = scores["classes"]
    if untested := [c for c in lesson.classes if not found[c]["test_cells"]]:
        scores["notes"].append(f"{UNTESTED}: {', '.join(untested)}")
    return scores
