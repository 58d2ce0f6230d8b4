"""Whether a classifier's doubt can be relied on: its temperature, conformal sets."""

from dataclasses import replace
from typing import Any

import numpy as np

from cytobalance.evaluate.calibration import (
    brier_score,
    expected_calibration_error,
    log_loss,
    reliability_bins,
)
from cytobalance.evaluate.intervals import design_effect, wilson
from cytobalance.evaluate.predictions import Predictions
from cytobalance.prediction.sets import Conformal, find_unsure, needed_cells
from cytobalance.prediction.temperature import fit_temperature, scale
from cytobalance.study.settings import Evaluate


def fit_together(validation: Predictions) -> float:
    """The temperature of all trials together, fitted on the real validation cells."""
    checked = validation.of_origin("real").ensemble
    return fit_temperature(checked.probability[0], checked.label)


def scaled(predictions: Predictions, temperature: float) -> Predictions:
    """The same with probabilities scaled by a temperature; no class changes."""
    return replace(predictions, probability=scale(predictions.probability, temperature))


def compare_calibration(
    test: Predictions, validation: Predictions, temperature: float, settings: Evaluate
) -> dict[str, Any]:
    """Errors of calibration on test cells before and after the temperature.

    test, validation: of all trials together, as they are; temperature: fitted on the
    validation cells, whose number is `cells`.
    """
    return {
        "temperature": temperature,
        "cells": len(validation),
        "before": _score(test, settings.calibration_bins),
        "after": _score(scaled(test, temperature), settings.calibration_bins),
    }


def _score(together: Predictions, bins: int) -> dict[str, float]:
    p, right = together.probability[0], together.right[0]
    return {
        "ece": expected_calibration_error(reliability_bins(p.max(-1), right, bins)),
        "brier": brier_score(p, together.label),
        "log_loss": log_loss(p, together.label),
    }


def score_sets(
    test: Predictions, validation: Predictions, settings: Evaluate
) -> dict[str, Any]:
    """How often the sets of test cells hold the true class, class by class.

    test, validation: of all trials together, scaled. `reached` is [value, low, high],
    Wilson's interval with the cells divided by the design effect; null without test
    cells. `sure`: share of test cells whose set is one class; `sure_right`: share of
    those that are right, null where there is none.
    """
    judge = Conformal(validation.probability[0], validation.label, settings.coverage)
    sets = judge.find_sets(test.probability[0])
    sure = ~find_unsure(sets, test.predicted[0], judge.undecided)
    held = sets[np.arange(len(test)), test.label]
    cells = np.bincount(test.label, minlength=len(test.classes))
    rate = np.bincount(test.label, held, len(cells)) / np.where(cells, cells, np.nan)
    effect = design_effect(held.astype(float), test.label, test.group)
    edges = wilson(rate, cells / effect, settings.confidence)
    known = np.bincount(validation.label, minlength=len(test.classes))
    return {
        "coverage": settings.coverage,
        "needed_cells": needed_cells(settings.coverage),
        "sure": sure.mean(),
        "sure_right": test.right[0][sure].mean() if sure.any() else None,
        "mean_size": sets.sum(1).mean(),
        "classes": {
            label: {
                "validation_cells": int(known[i]),
                "undecided": bool(judge.undecided[i]),
                "reached": [rate[i], *edges[i]] if cells[i] else None,
            }
            for i, label in enumerate(test.classes)
        },
    }


def describe_doubt(record: dict[str, Any]) -> str:
    """One line on both, of a record that holds them."""
    scaled, sets = record["temperature"], record["sets"]
    reached = [
        f"{label} {100 * about['reached'][0]:.0f}"
        for label, about in sets["classes"].items()
        if about["reached"] and not about["undecided"]
    ]
    return (
        f"temperature {scaled['temperature']:.2f}: calibration error "
        f"{scaled['before']['ece']:.3f} before, {scaled['after']['ece']:.3f} after; "
        f"sets of {100 * sets['coverage']:g} % hold, in percent of test cells: "
        + (", ".join(reached) or "no class has enough validation cells")
    )
