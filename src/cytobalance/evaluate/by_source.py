"""How the test cells of each source fare: a classifier may know one scanner only."""

from typing import Any

import numpy as np

from cytobalance.evaluate.classification import (
    count_confusion,
    score_classes,
    score_overall,
)
from cytobalance.evaluate.intervals import design_effect, wilson
from cytobalance.evaluate.predictions import Predictions


def score_sources(
    predictions: Predictions, source: np.ndarray, confidence: float
) -> dict[str, dict[str, Any]]:
    """Scores of each source's cells: source -> counts, recalls, confusion.

    source: str [N], of each cell. Means over trials. `recall` holds the classes that
    the source has cells of, [value, low, high] with Wilson's interval; the design
    effect is that of all sources together. Balanced accuracy is over these classes, so
    that of two sources with other classes can't be compared. Empty where there is one
    source alone.
    """
    names = np.unique(source)
    if len(names) < 2:
        return {}
    hit = predictions.right.mean(0)
    effect = design_effect(hit, predictions.label, predictions.group)
    return {
        str(name): _score(predictions.select(source == name), effect, confidence)
        for name in names
    }


def _score(predictions: Predictions, effect: float, confidence: float) -> dict:
    classes = predictions.classes
    confusion = count_confusion(predictions.label, predictions.predicted, len(classes))
    support = confusion[0].sum(-1)
    recall = score_classes(confusion)["recall"].mean(0)
    edges = wilson(recall, support / effect, confidence)
    return {
        "cells": len(predictions),
        "groups": int(predictions.group.max() + 1),
        "balanced_accuracy": score_overall(confusion)["balanced_accuracy"].mean(),
        "recall": {
            label: [recall[i], *edges[i]]
            for i, label in enumerate(classes)
            if support[i] > 0
        },
        "confusion": confusion.mean(0),
    }
