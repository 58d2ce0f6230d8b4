"""Scores of a confusion matrix, one-vs-rest and macro, for any stack of matrices."""

import numpy as np
import pandas as pd

# Scores of one class against the rest.
CLASS_SCORES = ("recall", "precision", "f1", "specificity", "accuracy")


def count_confusion(label: np.ndarray, predicted: np.ndarray, n: int) -> np.ndarray:
    """Confusion matrices: rows are true classes, columns predicted ones.

    label: int [N]; predicted: int [..., N]; returns float [..., n, n].
    """
    cell = np.broadcast_to(label * n, predicted.shape) + predicted
    flat = cell.reshape(-1, cell.shape[-1])
    counts = np.stack([np.bincount(row, minlength=n * n) for row in flat])
    return counts.reshape(*predicted.shape[:-1], n, n).astype(float)


def score_classes(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """One-vs-rest scores of every class: name -> float [..., C] in 0..1.

    confusion: float [..., C, C], rows true. A class without cells has no score
    (NaN); a class that has cells and is never predicted has precision and F1 of 0,
    as in scikit-learn's `zero_division=0`.
    """
    total = confusion.sum((-2, -1))[..., None]
    hit = np.diagonal(confusion, axis1=-2, axis2=-1)
    support, predicted = confusion.sum(-1), confusion.sum(-2)
    present = support > 0
    others = total - support
    false_alarm = predicted - hit

    def divide(part, whole, empty):
        return np.where(whole > 0, part / np.where(whole > 0, whole, 1), empty)

    scores = {
        "recall": divide(hit, support, np.nan),
        "precision": divide(hit, predicted, 0.0),
        "f1": divide(2 * hit, support + predicted, 0.0),
        "specificity": divide(others - false_alarm, others, np.nan),
        "accuracy": divide(total - false_alarm - (support - hit), total, np.nan),
    }
    return {name: np.where(present, value, np.nan) for name, value in scores.items()}


def score_overall(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """Scores of whole matrices: name -> float [...] in 0..1.

    confusion: float [..., C, C], rows true. Macro scores are plain means over the
    classes that have cells; balanced accuracy is the macro recall (sensitivity).
    """
    classes = score_classes(confusion)
    total = confusion.sum((-2, -1))
    macro = {
        "balanced_accuracy": "recall",
        "macro_precision": "precision",
        "macro_f1": "f1",
        "macro_specificity": "specificity",
    }
    accuracy = np.trace(confusion, axis1=-2, axis2=-1) / total
    return {"accuracy": accuracy} | {
        name: mean_of_defined(classes[source]) for name, source in macro.items()
    }


def roc_area(positive: np.ndarray, score: np.ndarray) -> float:
    """Area under the ROC curve, 0..1, by ranks (Mann and Whitney 1947).

    positive: bool [N], both values present; score: float [N]. A tie counts a half.
    """
    hits = positive.sum()
    above = pd.Series(score).rank()[positive].sum() - hits * (hits + 1) / 2
    return above / (hits * (len(positive) - hits))


def average_precision(positive: np.ndarray, score: np.ndarray) -> float:
    """Mean over the positives of the precision at each one's score, 0..1.

    positive: bool [N], some true; score: float [N]. The area under the steps of the
    precision-recall curve; cells of one score enter together.
    """
    chosen = pd.Series(-score).rank(method="max")[positive]
    hits = chosen.rank(method="max")
    return (hits / chosen).mean()


def mean_of_defined(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis without its NaN; NaN where nothing is defined."""
    count = np.isfinite(values).sum(-1)
    return np.nansum(values, -1) / np.where(count > 0, count, np.nan)


def top_confusions(confusion: np.ndarray, most: int = 5) -> list[tuple[int, int]]:
    """The largest off-diagonal entries (true, predicted), largest first."""
    errors = confusion - np.diag(np.diag(confusion))
    order = np.argsort(-errors, axis=None, kind="stable")[:most]
    pairs = [divmod(int(i), len(confusion)) for i in order]
    return [(a, p) for a, p in pairs if errors[a, p] > 0]
