"""Everything one set of predictions tells: scores, classes, confusion, calibration."""

from typing import Any

import numpy as np

from cytobalance.evaluate import calibration
from cytobalance.evaluate.classification import (
    CLASS_SCORES,
    average_precision,
    count_confusion,
    roc_area,
    score_classes,
    score_overall,
    top_confusions,
)
from cytobalance.evaluate.intervals import bootstrap, design_effect, wilson
from cytobalance.evaluate.predictions import Predictions
from cytobalance.study.runtime import random_stream
from cytobalance.study.settings import Evaluate


def summarise_scores(
    predictions: Predictions, settings: Evaluate, seed: int, name: str
) -> dict[str, Any]:
    """Scores of one set of cells: overall, a class, confusion, calibration.

    `name` is the random stream's. Each overall score holds mean and sd over trials
    and the limits of its interval.
    """
    confusion = count_confusion(
        predictions.label, predictions.predicted, len(predictions.classes)
    )
    return {
        "cells": len(predictions),
        "groups": int(predictions.group.max() + 1),
        "design_effect": _design_effect(predictions),
        "overall": _overall(predictions, confusion, settings, seed, name),
        "classes": _by_class(predictions, confusion, settings, seed, name),
        "confusion": confusion.mean(0),
        "top_confusions": [
            {
                "actual": predictions.classes[a],
                "predicted": predictions.classes[p],
                "cells": confusion.mean(0)[a, p],
                "share": confusion.mean(0)[a, p] / confusion.mean(0)[a].sum(),
            }
            for a, p in top_confusions(confusion.mean(0))
        ],
        "calibration": _calibration(predictions, settings.calibration_bins),
    }


def _design_effect(predictions: Predictions) -> float:
    hit = predictions.right.mean(0)
    return design_effect(hit, predictions.label, predictions.group)


def _overall(predictions, confusion, settings, seed, name) -> dict[str, Any]:
    scores = score_overall(confusion)
    intervals = bootstrap(
        predictions,
        score_overall,
        scores,
        settings.confidence,
        settings.resamples,
        random_stream(seed, "evaluate", name, "overall"),
    )
    return {
        key: {
            "mean": values.mean(),
            "sd": values.std(ddof=1) if len(values) > 1 else None,
            "low": intervals[key][0],
            "high": intervals[key][1],
        }
        for key, values in scores.items()
    }


def _by_class(predictions, confusion, settings, seed, name) -> dict[str, Any]:
    seen = score_classes(confusion)
    means = {key: values.mean(0) for key, values in seen.items()}
    support = confusion[0].sum(-1)
    intervals = bootstrap(
        predictions,
        score_classes,
        seen,
        settings.confidence,
        settings.resamples,
        random_stream(seed, "evaluate", name, "classes"),
    )
    # Proportions of a fixed number of cells: Wilson is sound for three cells too.
    effect, level = _design_effect(predictions), settings.confidence
    others = support.sum() - support
    intervals["recall"] = wilson(means["recall"], support / effect, level)
    intervals["specificity"] = wilson(means["specificity"], others / effect, level)
    ranking = _ranking(predictions)
    return {
        label: {"support": int(support[i])}
        | {
            key: [means[key][i], *intervals[key][i]]
            for key in CLASS_SCORES
            if support[i] > 0
        }
        | {key: values[i] for key, values in ranking.items() if support[i] > 0}
        for i, label in enumerate(predictions.classes)
    }


def _ranking(predictions: Predictions) -> dict[str, list[float | None]]:
    """One-vs-rest AUROC and average precision of every class, mean over trials."""
    scores: dict[str, list[float | None]] = {"auroc": [], "average_precision": []}
    measures = (roc_area, average_precision)
    for i in range(len(predictions.classes)):
        of_class = predictions.label == i
        for key, measure in zip(scores, measures, strict=True):
            if of_class.any() and not of_class.all():
                each = [measure(of_class, p[:, i]) for p in predictions.probability]
                scores[key].append(float(np.mean(each)))
            else:
                scores[key].append(None)
    return scores


def _calibration(predictions: Predictions, bins: int) -> dict[str, Any]:
    """Errors are means over trials; the bins pool all trials."""
    right, label = predictions.right, predictions.label
    top = predictions.probability.max(-1)
    each = [
        calibration.reliability_bins(c, r, bins)
        for c, r in zip(top, right, strict=True)
    ]
    mean = {
        "ece": [calibration.expected_calibration_error(b) for b in each],
        "brier": [calibration.brier_score(p, label) for p in predictions.probability],
        "log_loss": [calibration.log_loss(p, label) for p in predictions.probability],
    }
    pooled = calibration.reliability_bins(top.ravel(), right.ravel(), bins)
    return {key: float(np.mean(v)) for key, v in mean.items()} | {"bins": pooled}
