"""How well a rare class's probability ranks the cells, and the threshold to use."""

import math
from typing import Any

import numpy as np
import pandas as pd

from cytobalance.evaluate.classification import average_precision, roc_area
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
    return [classes[i] for i in smallest_third(counts)]


def smallest_third(counts: list[int]) -> list[int]:
    """Which classes are the smallest third, at least one; of equals the first."""
    order = np.argsort(counts, kind="stable")[: max(1, len(counts) // 3)]
    return sorted(order.tolist())


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
    order = np.argsort(-probability, kind="stable")
    ranked = probability[order]
    ends = np.flatnonzero(np.append(np.diff(ranked) != 0, True))  # ties go together
    hits = np.cumsum(of_class[order])[ends]
    alarms = ends + 1 - hits
    path = np.pad(np.stack([hits, alarms]), ((0, 0), (1, 0)))  # from no cell called
    turns = np.append((np.diff(path, 2) != 0).any(0), True)
    kept = np.flatnonzero(turns)
    chosen = np.linspace(0, len(kept) - 1, min(POINTS, len(kept)))
    kept = kept[chosen.round().astype(int)]
    threshold, hits, alarms = ranked[ends][kept], hits[kept], alarms[kept]
    columns = {
        "threshold": threshold,
        "sensitivity": hits / of_class.sum(),
        "specificity": 1 - alarms / (~of_class).sum(),
        "precision": hits / (hits + alarms),
    }
    return {name: values.round(4) for name, values in columns.items()}


def _rank(
    predictions: Predictions, i: int, settings: Evaluate, stream: np.random.Generator
) -> dict[str, list[float]]:
    """Average precision and area under the ROC curve of class i, with intervals."""
    of_class = predictions.label == i
    measures = {"average_precision": average_precision, "auroc": roc_area}
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
    of_class, group = predictions.label == i, predictions.group
    ranks = [Ranks(p[:, i], of_class, group) for p in predictions.probability]
    draws: dict[str, list] = {"average_precision": [], "auroc": []}
    for weights, right, wrong in draw_test_sets(
        group.max() + 1, np.array([True]), resamples, LEVEL, stream
    ):
        drawn = [r.score(weights, right[:, 0], wrong[:, 0]) for r in ranks]
        for name in draws:
            draws[name].append(np.stack([f[name] for f in drawn], 1))
    return {name: np.concatenate(chunks) for name, chunks in draws.items()}


class Ranks:
    """Where a class's cells stand among the others, counted by group.

    Scores of many weighted test sets follow from it by products of matrices;
    scikit-learn would take one test set at a time.
    """

    def __init__(
        self, probability: np.ndarray, of_class: np.ndarray, group: np.ndarray
    ):
        """probability: float [N]; of_class: bool [N]; group: int [N], 0..G-1."""
        # The class's distinct probabilities, the highest first, negated to be sorted.
        values, place = np.unique(-probability[of_class], return_inverse=True)
        self.shape = int(group.max() + 1), len(values)
        self.hits = self._count(group[of_class], place)
        others = -probability[~of_class]
        reached, passed = (
            np.searchsorted(values, others, s) for s in ("left", "right")
        )
        self.alarms = self._count(group[~of_class], reached).cumsum(
            1
        )  # at least as high
        self.above = self._count(group[~of_class], passed).cumsum(1)
        self.others = np.bincount(group[~of_class], minlength=self.shape[0])

    def _count(self, group: np.ndarray, place: np.ndarray) -> np.ndarray:
        """Cells of each group at each of the class's probabilities: float [G, K]."""
        size = self.shape[1] + 1  # cells below all of them are not counted
        cell = np.bincount(group * size + place, minlength=self.shape[0] * size)
        return cell.reshape(-1, size)[:, :-1].astype(float)

    def score(
        self, weights: np.ndarray, first: np.ndarray, last: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Average precision and area under the ROC curve: float [B] each.

        weights: float [B, G], of the groups; first, last: float [B], of two cells more
        of the class, one before all cells and one behind them.
        """
        steps = weights @ self.hits
        hits = first[:, None] + steps.cumsum(1)
        alarms, others = weights @ self.alarms, weights @ self.others
        total = hits[:, -1] + last
        precision = first + (steps * hits / (hits + alarms)).sum(1)
        precision += last * total / (total + others)
        # Of equal probabilities half count as above.
        beaten = (alarms + weights @ self.above) / 2 / others[:, None]
        area = first + (steps * (1 - beaten)).sum(1)
        return {"average_precision": precision / total, "auroc": area / total}
