"""Intervals that respect patients, trials and rare classes.

Three facts make a plain bootstrap of cells too sure of itself here, and each has its
remedy: cells of a patient are alike (whole groups are drawn), few trials are trained
(trials are drawn too), and a rare class may have three test cells, all of them right
(every class gets two imagined cells, one right and one wrong, while drawing).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.special import ndtri

from cytobalance.evaluate.predictions import Predictions

# Resamples computed at a time, to bound memory where a study has many groups.
CHUNK = 200


@dataclass(frozen=True)
class Draw:
    """How freely test sets are drawn: chosen by simulation (docs/metrics.md).

    shape: of the gamma weights of groups; 1 is the Bayesian bootstrap, less widens.
    imagined: weight of the two imagined cells of every class.
    """

    shape: float
    imagined: float


# For a score of one classifier, and for the difference of two on the same cells.
LEVEL = Draw(shape=0.75, imagined=1.0)
PAIR = Draw(shape=1.0, imagined=0.2)


def wilson(rate: np.ndarray, total: np.ndarray, confidence: float) -> np.ndarray:
    """Wilson's score interval of a proportion: float [..., 2], NaN where total is 0.

    rate: observed, in 0..1; total: number of independent cells, may be fractional.
    Never empty at rates of 0 and 1 (Wilson 1927, JASA 22:209).
    """
    rate, total = np.asarray(rate, float), np.asarray(total, float)
    z = ndtri((1 + confidence) / 2)  # quantile of the standard normal
    n = np.where(total > 0, total, np.nan)
    centre = (rate + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(rate * (1 - rate) / n + (z / (2 * n)) ** 2)
    return np.stack([np.maximum(centre - half, 0), np.minimum(centre + half, 1)], -1)


def design_effect(hit: np.ndarray, label: np.ndarray, group: np.ndarray) -> float:
    """How many times alike cells of a group inflate the variance of a class's recall.

    hit: float [N], share of trials that are right; label, group: int [N]. Pooled over
    all classes, since one rare class can't tell; at least 1 (Kish 1965). A class whose
    cells are all of one group shows nothing of it and is left out. Where nothing is
    left, or was missed, it can't be estimated, and a class's cells of one group count
    as one.
    """
    cluster = label * (group.max() + 1) + group
    counts = np.bincount(label)
    rate = np.bincount(label, hit) / np.maximum(counts, 1)
    several = np.bincount(np.unique(cluster) // (group.max() + 1)) > 1
    residual = (hit - rate[label]) * several[label]
    spread = (residual**2).sum()
    if spread < 1e-12:
        return len(label) / len(np.unique(cluster))
    return max(1.0, float((np.bincount(cluster, residual) ** 2).sum() / spread))


def draw_test_sets(
    groups: int,
    present: np.ndarray,
    resamples: int,
    how: Draw,
    stream: np.random.Generator,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Resampled test sets, at most CHUNK at a time: weights of what they hold.

    present: bool [C], whether a class has test cells. Yields the weights of the groups,
    float [B, groups], and of the imagined cells of every class that are right and that
    are wrong, float [B, C] each. Whole groups are drawn with fractional weights
    (Bayesian bootstrap, Rubin 1981): no class ever vanishes.
    """
    for start in range(0, resamples, CHUNK):
        size = min(CHUNK, resamples - start)
        weights = stream.gamma(how.shape, size=(size, groups))
        right, wrong = stream.gamma(how.imagined, size=(2, size, len(present)))
        yield weights, right * present, wrong * present


def resample_confusions(
    predictions: list[Predictions],
    resamples: int,
    how: Draw,
    stream: np.random.Generator,
) -> list[np.ndarray]:
    """Confusion matrices of resampled test sets, float [resamples, T, C, C] each.

    predictions: of the same cells and groups, of one or two classifiers; both get the
    same draws, so that their difference is paired. Each class also gets two imagined
    cells, one right and one wrong; of a pair of classifiers each gets another one of
    them right (as in Bonett & Price 2012).
    """
    first = predictions[0]
    n, groups = len(first.classes), first.group.max() + 1
    present = np.bincount(first.label, minlength=n) > 0
    tables = [_group_table(p, groups) for p in predictions]
    draws: list[list[np.ndarray]] = [[] for _ in predictions]
    for weights, *imagined in draw_test_sets(groups, present, resamples, how, stream):
        for i, (table, p) in enumerate(zip(tables, predictions, strict=True)):
            counts = (weights @ table).reshape(-1, len(p.predicted), n, n)
            if i == 1:  # the second classifier errs where the first is right
                imagined.reverse()
            draws[i].append(counts + imagined_confusion(*imagined)[:, None])
    return [np.concatenate(chunks) for chunks in draws]


def _group_table(predictions: Predictions, groups: int) -> sparse.csr_array:
    """Confusion counts of every group: sparse [G, T * C * C]."""
    n = len(predictions.classes)
    trials, cells = predictions.predicted.shape
    column = predictions.label * n + predictions.predicted
    column = column + n * n * np.arange(trials)[:, None]
    row = np.broadcast_to(predictions.group, column.shape)
    entries = np.ones(trials * cells), (row.ravel(), column.ravel())
    return sparse.csr_array(entries, shape=(groups, trials * n * n))


def imagined_confusion(right: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """Confusion [B, C, C] of imagined cells; a wrong one is spread over the others.

    right, wrong: float [B, C].
    """
    n = right.shape[-1]
    same = np.eye(n)
    return right[..., None] * same + wrong[..., None] * (1 - same) / max(1, n - 1)


def mean_over_drawn_trials(
    drawn: np.ndarray, seen: np.ndarray, stream: np.random.Generator
) -> np.ndarray:
    """Mean over trials of scores, with the chance of which trials were trained.

    drawn: float [B, T, ...], on resampled test sets; seen: float [T, ...], on the test
    set as it is; returns float [B, ...]. Each resample draws its trials.
    Drawing T of T trials shows only (T-1)/T of their variance, so the deviation is
    widened for it (Hesterberg 2015). One trial shows nothing of it.
    """
    resamples, trials = drawn.shape[:2]
    mean = drawn.mean(1)
    if trials == 1:
        return mean
    deviation = (seen - seen.mean(0)) * np.sqrt(trials / (trials - 1))
    return mean + deviation[stream.integers(trials, size=(resamples, trials))].mean(1)


def limits(draws: np.ndarray, confidence: float) -> np.ndarray:
    """Percentile limits of draws [B, ...]: float [..., 2]."""
    tails = (1 - confidence) / 2, (1 + confidence) / 2
    return np.moveaxis(np.quantile(draws, tails, axis=0), 0, -1)


def simultaneous_limits(draws: np.ndarray, confidence: float) -> np.ndarray:
    """Limits of K quantities that hold all of them together: float [K, 2].

    draws: float [B, K], drawn jointly; one without draws (NaN) takes no part. The
    percentile limits are moved away from the median, all by the same factor: the least
    with which all K draws of a resample lie within theirs, in `confidence` of the
    resamples (a max-t interval with the two half-widths in the place of the standard
    error; Westfall & Young 1993). One quantity alone keeps its
    percentile limits.
    """
    edges, middle = limits(draws, confidence), np.median(draws, axis=0)
    if draws.shape[1] == 1:
        return edges
    gap = draws - middle
    reach = np.where(gap < 0, edges[:, 0] - middle, edges[:, 1] - middle)
    part = np.divide(gap, reach, out=np.zeros_like(gap), where=reach != 0)
    factor = np.quantile(np.fmax.reduce(part, axis=1), confidence)
    return middle[:, None] + max(1.0, factor) * (edges - middle[:, None])


def centred_limits(
    draws: np.ndarray, seen: np.ndarray, confidence: float
) -> np.ndarray:
    """Limits of draws that are moved to have the mean `seen`: float [..., 2].

    draws: float [B, ...]; seen: float [...]. For scores of one classifier: imagined
    cells must widen the draws, not shift them.
    """
    return limits(draws - draws.mean(0) + seen, confidence)


def bootstrap(
    predictions: Predictions,
    score: Callable[[np.ndarray], dict[str, np.ndarray]],
    seen: dict[str, np.ndarray],
    confidence: float,
    resamples: int,
    stream: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Interval of every score of a classifier: name -> float [..., 2] in 0..1.

    score: confusions [..., C, C] -> name -> [...]; seen: name -> float [T, ...], the
    scores as they are. The imagined cells widen the draws but must not shift them, so
    the draws are centred on the observed mean. NaN where all cells are of one group:
    one patient shows nothing of how patients differ.
    """
    if not predictions.group.any():
        return {name: np.full((*v.shape[1:], 2), np.nan) for name, v in seen.items()}
    confusions = resample_confusions([predictions], resamples, LEVEL, stream)[0]
    intervals = {}
    for name, values in score(confusions).items():
        draws = mean_over_drawn_trials(values, seen[name], stream)
        edges = centred_limits(draws, seen[name].mean(0), confidence)
        intervals[name] = np.clip(edges, 0, 1)
    return intervals
