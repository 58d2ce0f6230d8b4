"""How well a rare class's probability ranks the cells, and the threshold to use."""

import math
from typing import Any

import numpy as np
import pandas as pd

from cytobalance.evaluate.intervals import (
    LEVEL,
    centred_limits,
    design_effect,
    draw_test_sets,
    mean_over_drawn_trials,
    wilson,
)
from cytobalance.evaluate.predictions import Predictions
from cytobalance.study.settings import Evaluate

# Points of a curve at most.
POINTS = 100


def rare_classes(hold_out: pd.DataFrame, classes: tuple[str, ...]) -> list[str]:
    """The smallest third of the classes, at least one, by training cells.

    hold_out: table of data/hold_out.csv; its training cells are those that `heldout`
    has before any balancing. In class order; of equal classes the first is rarer.
    """
    train = hold_out.loc[hold_out["part"] == "train", "label"]
    counts = [int((train == label).sum()) for label in classes]
    order = np.argsort(counts, kind="stable")[: max(1, len(counts) // 3)]
    return [classes[i] for i in sorted(order)]


def rank_class(
    test: Predictions,
    validation: Predictions,
    label: str,
    settings: Evaluate,
    stream: np.random.Generator,
) -> dict[str, Any] | None:
    """Ranking of one class's test cells among the others; None where there is no such.

    Scores are means over trials, [value, low, high]. A trial's threshold is chosen on
    its own validation cells; `sensitivity` and `specificity` are what it reaches on the
    test cells, their intervals those of proportions (Wilson, as of recall).
    """
    i = test.classes.index(label)
    of_class = test.label == i
    if not of_class.any() or of_class.all() or (validation.label == i).all():
        return None
    scores = _rank(test, i, settings, stream)
    chosen = validation.label == i
    thresholds = np.array(
        [
            choose_threshold(p[~chosen], settings.specificity)
            for p in validation.probability[:, :, i]
        ]
    )
    called = test.probability[:, :, i] > thresholds[:, None]
    effect = design_effect(
        (called == of_class).mean(0), of_class.astype(int), test.group
    )
    rates = called[:, of_class].mean(), 1 - called[:, ~of_class].mean()
    cells = np.array([of_class.sum(), (~of_class).sum()]) / effect
    edges = wilson(np.array(rates), cells, settings.confidence)
    on_validation = validation.probability[:, :, i] > thresholds[:, None]
    return scores | {
        "thresholds": thresholds,
        "sensitivity": [rates[0], *edges[0]],
        "specificity": [rates[1], *edges[1]],
        "validation_sensitivity": (
            on_validation[:, chosen].mean() if chosen.any() else None
        ),
        "validation_specificity": 1 - on_validation[:, ~chosen].mean(),
    }


def choose_threshold(others: np.ndarray, specificity: float) -> float:
    """The lowest threshold at which enough of the other classes' cells are left alone.

    others: float [N], the class's probability for validation cells of other classes. A
    cell is called where its probability is *above* the threshold. Rounded up to four
    significant digits, as it is stored, so that the stored one keeps the promise.
    """
    alarms = math.floor((1 - specificity) * len(others) + 1e-9)
    value = float(np.sort(others)[len(others) - 1 - alarms])
    if value == 0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(value)) - 3)
    rounded = float(f"{value:.4g}")
    return rounded if rounded >= value else float(f"{rounded + step:.4g}")


def trace_curve(probability: np.ndarray, of_class: np.ndarray) -> dict[str, np.ndarray]:
    """The two curves of a class in one table: columns of at most POINTS numbers.

    probability: float [N]; of_class: bool [N]. A point is what cells with at least this
    probability are: sensitivity (the recall), specificity and precision. Only points
    where the receiver operating characteristic turns are kept.
    """
    from sklearn.metrics import roc_curve

    alarm, hit, threshold = roc_curve(of_class, probability, drop_intermediate=True)
    chosen = np.linspace(1, len(hit) - 1, min(POINTS, len(hit) - 1))
    chosen = chosen.round().astype(int)  # the first point names no cell at all
    alarm, hit, threshold = alarm[chosen], hit[chosen], threshold[chosen]
    hits, alarms = hit * of_class.sum(), alarm * (~of_class).sum()
    columns = {
        "threshold": threshold,
        "sensitivity": hit,
        "specificity": 1 - alarm,
        "precision": hits / (hits + alarms),
    }
    return {name: values.round(4) for name, values in columns.items()}


def _rank(
    predictions: Predictions, i: int, settings: Evaluate, stream: np.random.Generator
) -> dict[str, list[float]]:
    """Average precision and area under the ROC curve of class i, with intervals."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    of_class = predictions.label == i
    measures = {"average_precision": average_precision_score, "auroc": roc_auc_score}
    seen = {
        name: np.array([score(of_class, p[:, i]) for p in predictions.probability])
        for name, score in measures.items()
    }
    if not predictions.group.any():  # one patient shows nothing of how they differ
        return {name: [v.mean(), np.nan, np.nan] for name, v in seen.items()}
    drawn = _resample(predictions, i, settings.resamples, stream)
    scores = {}
    for name, values in seen.items():
        draws = mean_over_drawn_trials(drawn[name], values, stream)
        edges = centred_limits(draws, values.mean(), settings.confidence)
        scores[name] = [values.mean(), *np.clip(edges, 0, 1)]
    return scores


def _resample(
    predictions: Predictions, i: int, resamples: int, stream: np.random.Generator
) -> dict[str, np.ndarray]:
    """Both scores of class i on resampled test sets: name -> float [resamples, T].

    The imagined cells of the class stand before all others and behind them.
    """
    of_class = predictions.label == i
    orders = [np.argsort(-p[:, i], kind="stable") for p in predictions.probability]
    draws: dict[str, list] = {"average_precision": [], "auroc": []}
    groups = predictions.group.max() + 1
    for weights, right, wrong in draw_test_sets(
        groups, np.array([True]), resamples, LEVEL, stream
    ):
        drawn = []
        for order, p in zip(orders, predictions.probability, strict=True):
            table = np.hstack([right, weights[:, predictions.group[order]], wrong])
            ranked = np.concatenate([[2.0], p[order, i], [-1.0]])
            mine = np.concatenate([[True], of_class[order], [True]])
            drawn.append(weighted_scores(ranked, mine, table))
        for name in draws:
            draws[name].append(np.stack([f[name] for f in drawn], 1))
    return {name: np.concatenate(chunks) for name, chunks in draws.items()}


def weighted_scores(
    ranked: np.ndarray, of_class: np.ndarray, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """Average precision and area under the ROC curve: float [B], as scikit-learn's.

    ranked: float [N], probabilities in falling order; of_class: bool [N]; weights:
    float [B, N], of the cells in B test sets, which scikit-learn would take one at a
    time.
    """
    last = np.flatnonzero(np.append(np.diff(ranked) != 0, True))  # ties count together
    hits = np.cumsum(weights * of_class, axis=1)[:, last]
    alarms = np.cumsum(weights * ~of_class, axis=1)[:, last]
    steps = np.diff(hits, axis=1, prepend=0)
    precision = hits / (hits + alarms)
    widths = np.diff(alarms, axis=1, prepend=0)
    area = (widths * (hits - steps / 2)).sum(1)
    return {
        "average_precision": (steps * precision).sum(1) / hits[:, -1],
        "auroc": area / (hits[:, -1] * alarms[:, -1]),
    }
