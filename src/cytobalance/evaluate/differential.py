"""The differential count: what share of the cells each class is, predicted and true."""

from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.special import ndtri

from cytobalance.evaluate.intervals import (
    LEVEL,
    centred_limits,
    draw_test_sets,
    imagined_confusion,
)
from cytobalance.evaluate.predictions import Predictions
from cytobalance.study.settings import Evaluate

# Deviations on both sides of the mean that hold 95 % of normal differences (Bland &
# Altman 1986); these limits are of subjects, whatever the level of the intervals.
AGREEMENT = ndtri(0.975)


def count_differential(
    predictions: Predictions,
    subject: np.ndarray,
    blasts: list[str],
    settings: Evaluate,
    stream: np.random.Generator,
) -> dict[str, Any]:
    """Predicted against true shares, over the whole test part and subject by subject.

    predictions: of all trials together, as a new slide would be counted; subject: str
    [N], empty where unknown; blasts: the classes that count as blasts together.
    `counted` counts the predicted class of each cell, `summed` adds up probabilities.
    Lists are in class order. `subjects` is None where fewer than two subjects have
    `differential_cells` cells.
    """
    names, size = np.unique(subject[subject != ""], return_counts=True)
    large = names[size >= settings.differential_cells]
    ways = {
        "counted": np.eye(len(predictions.classes))[predictions.predicted[0]],
        "summed": predictions.probability[0],
    }
    index = [predictions.classes.index(label) for label in blasts]
    seed = stream.integers(2**63)  # both ways get the same test sets
    return {
        "least_cells": settings.differential_cells,
        "subjects": len(large),
        "subjects_too_small": len(names) - len(large),
        "cells_of_subjects": int(size[size >= settings.differential_cells].sum()),
        "cells": len(predictions),
        "blast_classes": blasts,
        **{
            name: {
                "whole": _of_whole(
                    predictions, share, index, settings, np.random.default_rng(seed)
                ),
                "by_subject": _by_subject(predictions, share, subject, large, index),
            }
            for name, share in ways.items()
        },
    }


def _of_whole(predictions, share, blasts, settings, stream) -> dict[str, Any]:
    """Shares of all cells; those of blasts with intervals, over whole groups."""
    table = soft_confusion(predictions.label, predictions.group, share)
    true, predicted = shares(table.sum(0))
    counts = {
        "true": true,
        "predicted": predicted,
        "absolute_error": np.abs(predicted - true).mean(),
    }
    if not blasts:
        return counts | {"blasts": None}
    seen = _blasts(table.sum(0), blasts)
    edges = {name: [np.nan, np.nan] for name in seen}
    if predictions.group.any():
        drawn = _resample(table, settings.resamples, stream)
        edges = {
            name: centred_limits(draws, seen[name], settings.confidence)
            for name, draws in _blasts(drawn, blasts).items()
        }
        edges["predicted"] = np.clip(edges["predicted"], 0, 1)
    counts["blasts"] = {"true": seen["true"]} | {
        name: [seen[name], *edges[name]] for name in ("predicted", "error")
    }
    return counts


def _resample(table: np.ndarray, resamples: int, stream) -> np.ndarray:
    """Confusions of resampled test sets, float [resamples, C, C]."""
    groups, n, _ = table.shape
    present = table.sum((0, 2)) > 0
    flat = table.reshape(groups, -1)
    return np.concatenate(
        [
            (weights @ flat).reshape(-1, n, n) + imagined_confusion(right, wrong)
            for weights, right, wrong in draw_test_sets(
                groups, present, resamples, LEVEL, stream
            )
        ]
    )


def _by_subject(predictions, share, subject, large, blasts) -> dict[str, Any] | None:
    """Differences of each class's share over subjects, and each subject's blasts."""
    if len(large) < 2:
        return None
    code = pd.Index(large).get_indexer(subject)
    kept = code >= 0
    table = soft_confusion(predictions.label[kept], code[kept], share[kept])
    true, predicted = shares(table)
    agreement = _agree(predicted - true)
    if blasts:
        mine = _blasts(table, blasts)
        agreement["blasts"] = _agree(mine["error"]) | {
            name: mine[name] for name in ("true", "predicted")
        }
    return agreement


def _agree(difference: np.ndarray) -> dict[str, np.ndarray]:
    """Bland & Altman's agreement over subjects: differences float [S, ...]."""
    bias, deviation = difference.mean(0), difference.std(0, ddof=1)
    return {
        "absolute_error": np.abs(difference).mean(0),
        "bias": bias,
        "agree_low": bias - AGREEMENT * deviation,
        "agree_high": bias + AGREEMENT * deviation,
    }


def soft_confusion(
    label: np.ndarray, unit: np.ndarray, share: np.ndarray
) -> np.ndarray:
    """Confusion of each unit, a group or a subject: float [U, C, C], rows true.

    label, unit: int [N]; share: float [N, C], how much of a cell counts as each class,
    rows sum to 1.
    """
    units, n = unit.max() + 1, share.shape[1]
    place = unit * n + label
    ones = np.ones(len(label)), (place, np.arange(len(label)))
    cells = sparse.csr_array(ones, shape=(units * n, len(label)))
    return (cells @ share).reshape(units, n, n)


def shares(confusion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """True and predicted share of every class: float [..., C] each, sums of 1.

    confusion: float [..., C, C], rows true.
    """
    total = confusion.sum((-2, -1))[..., None]
    return confusion.sum(-1) / total, confusion.sum(-2) / total


def _blasts(confusion: np.ndarray, blasts: list[int]) -> dict[str, np.ndarray]:
    """True and predicted share of the blasts together, and its error: float [...]."""
    true, predicted = (s[..., blasts].sum(-1) for s in shares(confusion))
    return {"true": true, "predicted": predicted, "error": predicted - true}
