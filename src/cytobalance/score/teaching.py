"""What a GAN's cells teach: train on synthetic, test on real (TSTR, Esteban 2017)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from cytobalance.cells import CellSet
from cytobalance.classify.networks import build_network
from cytobalance.classify.training import (
    Cells,
    balanced_accuracy,
    gather_cells,
    predict_logits,
    train,
)
from cytobalance.groups import ClassifierGroup

HOW = (
    "tstr_balanced_accuracy, tstr_recall (train on synthetic, test on real): of a "
    "classifier trained once on the synthetic cells alone, every class drawn alike, "
    "its epoch chosen on real validation cells; on the real test cells of the classes "
    "that the GAN made cells of (test_cells)"
)
REAL = (
    "trtr_balanced_accuracy, trtr_recall (train on real, test on real): of the first "
    "trial of `plain`, trained on real training cells in their own proportions; on the "
    "same test cells, its answer taken among the same classes"
)
LEAKED = (
    "tstr under protocol paper: the GAN saw these test and validation cells, so that "
    "the number flatters it"
)
NO_REAL = (
    "trtr_balanced_accuracy, trtr_recall: null under protocol paper, where the split "
    "of `plain` is another and may have put these test cells into its training"
)
TOO_FEW = (
    "tstr_balanced_accuracy, trtr_balanced_accuracy, tstr_recall, trtr_recall: null, "
    "since it takes two classes with synthetic cells"
)
UNMADE = "tstr_recall, trtr_recall: null without synthetic cells"


@dataclass(frozen=True)
class Lesson:
    """The cells of one comparison, classes numbered as in `classes`.

    classes: those with synthetic cells, in class order; test, validation: their real
    cells; synthetic: weighted so that every class is drawn alike.
    """

    classes: tuple[str, ...]
    synthetic: Cells
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

    hold_out: data/hold_out.csv, in the order of `real`.
    """
    counts = synthetic.table["label"].value_counts()
    made = tuple(label for label in classes if label in counts)
    if len(made) < 2:
        return None
    rows = pd.DataFrame({"label": synthetic.table["label"], "origin": "synthetic"})
    rows["row"] = np.arange(len(rows))
    rows["weight"] = 1 / counts[rows["label"]].to_numpy()
    dealt = hold_out.assign(origin="real", row=np.arange(len(hold_out)), weight=1.0)
    dealt = dealt[dealt["label"].isin(made)]
    parts = [rows, *(dealt[dealt["part"] == part] for part in ("validation", "test"))]
    return Lesson(
        made,
        *(gather_cells(real.images, synthetic.images, x, made, device) for x in parts),
    )


def learn_from_synthetic(
    lesson: Lesson, about: dict[str, Any], settings: ClassifierGroup, seed: int
) -> nn.Module:
    """A classifier of `lesson.classes`, trained once on the synthetic cells alone.

    about: of the classifier of real cells (`load_network`), whose form it takes.
    """
    torch.manual_seed(seed)
    form = about["settings"] | {"classes": len(lesson.classes)}
    network = build_network(about["classifier"], form)
    network = network.to(lesson.test.images.device, memory_format=torch.channels_last)
    train(network, lesson.synthetic, lesson.validation, settings, seed)
    return network


def score_teaching(
    lesson: Lesson | None,
    classes: tuple[str, ...],
    plain: nn.Module,
    about: dict[str, Any],
    settings: ClassifierGroup,
    seed: int,
    leaked: bool,
) -> dict[str, Any]:
    """TSTR beside TRTR: keys overall, classes, notes, as of `assess_gan`.

    plain, about: the classifier of all `classes` trained on real training cells
    (`load_network`). leaked: whether the GAN saw the test cells, and `plain` may have;
    then there is no TRTR.
    """
    nothing = {"test_cells": 0, "tstr_recall": None, "trtr_recall": None}
    found = {
        "overall": {"tstr_balanced_accuracy": None, "trtr_balanced_accuracy": None},
        "classes": {label: dict(nothing) for label in classes},
        "notes": [HOW, LEAKED, NO_REAL] if leaked else [HOW, REAL],
    }
    if lesson is None:
        found["notes"] = [TOO_FEW]
        return found
    learner = learn_from_synthetic(lesson, about, settings, seed)
    test = lesson.test
    logits = {"tstr": predict_logits(learner, test.images, settings.precision)}
    if not leaked:
        among = [classes.index(label) for label in lesson.classes]
        said = predict_logits(plain, test.images, settings.precision)
        logits["trtr"] = said[:, among]
    for name, values in logits.items():
        right = (values.argmax(1) == test.labels).double()
        found["overall"][f"{name}_balanced_accuracy"] = balanced_accuracy(
            right, test.labels
        )
        for k, label in enumerate(lesson.classes):
            own = right[test.labels == k]
            found["classes"][label]["test_cells"] = len(own)
            found["classes"][label][f"{name}_recall"] = own.mean().item()
    unmade = [label for label in classes if label not in lesson.classes]
    if unmade:
        found["notes"].append(f"{UNMADE}: {', '.join(unmade)}")
    return found
