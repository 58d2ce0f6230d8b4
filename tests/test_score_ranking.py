"""Ranking of the rare: curves, thresholds, and intervals that hold the truth."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.metrics import (
    average_precision_score,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

from cytobalance.evaluate.predictions import Predictions
from cytobalance.evaluate.ranking import (
    Ranks,
    choose_threshold,
    rank_class,
    rare_classes,
    trace_curve,
)

SETTINGS = SimpleNamespace(confidence=0.95, resamples=200, specificity=0.9)


def made(own, probability, group=None) -> Predictions:
    """Predictions of the class `rare` beside `other`. own: bool [N]."""
    probability = np.atleast_2d(probability)
    n = len(own)
    return Predictions(
        classes=("other", "rare"),
        cell_id=np.arange(n).astype(str),
        origin=np.full(n, "real"),
        label=np.asarray(own).astype(int),
        group=np.arange(n) if group is None else group,
        predicted=(probability > 0.5).astype(int),
        probability=np.stack([1 - probability, probability], -1),
    )


def rank(test, validation, seed=0, settings=SETTINGS):
    stream = np.random.default_rng(seed)
    return rank_class(test, validation, "rare", settings, stream)


def dice(stream, rare: int, others: int, shift: float, trials: int = 2) -> Predictions:
    """Normal scores, those of the rare class higher by `shift`; patients of eight."""
    own = stream.permutation(np.repeat([True, False], [rare, others]))
    n = len(own)
    group = np.arange(n) // 8
    effect = stream.normal(0, 0.5, group.max() + 1)[group]
    score = effect + stream.normal(size=(trials, n)) + shift * own
    return made(own, norm.cdf(score - shift / 2), group)


def test_rare_classes_are_the_smallest_third_by_training_cells():
    counts = dict(zip("abcdef", (9, 100, 50, 20, 8, 70), strict=True))
    rows = [(label, "train") for label, n in counts.items() for _ in range(n)]
    rows += [("e", "test")] * 200  # test cells make no class common
    hold_out = pd.DataFrame(rows, columns=["label", "part"])
    assert rare_classes(hold_out, tuple("abcdef")) == ["a", "e"]
    assert rare_classes(hold_out, ("b", "d")) == ["d"]


def test_scores_of_weighted_test_sets_agree_with_scikit_learn_where_cells_tie():
    stream = np.random.default_rng(1)
    probability = stream.integers(1, 12, 80) / 12
    own = stream.random(80) < 0.3
    group = stream.integers(0, 25, 80)
    weights = stream.gamma(0.75, size=(5, 25))
    first, last = stream.gamma(1.0, size=(2, 5))
    found = Ranks(probability, own, group).score(weights, first, last)
    # The same with the two further cells of the class written out.
    every = np.r_[1, probability, 0]
    mine = np.r_[True, own, True]
    for i, w in enumerate(weights):
        cells = np.r_[first[i], w[group], last[i]]
        ap = average_precision_score(mine, every, sample_weight=cells)
        area = roc_auc_score(mine, every, sample_weight=cells)
        assert found["average_precision"][i] == pytest.approx(ap)
        assert found["auroc"][i] == pytest.approx(area)


def test_threshold_lets_one_in_ten_of_the_others_through_and_no_more():
    others = np.array([0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
    assert choose_threshold(others, 0.9) == 0.8  # 0.9 alone is above it
    assert choose_threshold(others, 0.95) == 0.9  # none may be, of ten
    # Of equal cells all are called or none.
    assert choose_threshold(np.array([0.1] * 8 + [0.7] * 2), 0.9) == 0.7
    assert choose_threshold(np.zeros(5), 0.9) == 0


@pytest.mark.parametrize("top", [0.123456, 0.99999, 3.00001e-6, 0.5])
def test_stored_threshold_keeps_the_promise(top):
    # Rounded down, it would let the cell that it is made of through.
    threshold = choose_threshold(np.array([top / 2, top]), 0.9)
    assert top <= threshold <= top * 1.001
    assert float(f"{threshold:.4g}") == threshold


def test_threshold_of_validation_cells_is_applied_to_test_cells():
    validation = made([1, 1, *[0] * 10], [0.9, 0.3, *np.arange(10) / 20])
    test = made([1, 1, 1, 0, 0, 0, 0], [0.95, 0.41, 0.2, 0.5, 0.4, 0.1, 0.1])
    found = rank(test, validation)
    assert found["thresholds"].tolist() == [0.4]  # 0.45 of ten others is above it
    assert found["validation_specificity"] == pytest.approx(0.9)
    assert found["validation_sensitivity"] == pytest.approx(0.5)
    assert found["sensitivity"][0] == pytest.approx(2 / 3)
    assert found["specificity"][0] == pytest.approx(3 / 4)
    for name in ("sensitivity", "specificity", "auroc", "average_precision"):
        value, low, high = found[name]
        assert 0 <= low < value < high <= 1


def test_every_trial_has_a_threshold_of_its_own():
    others = np.arange(10) / 20
    validation = made([1, *[0] * 10], [[0.9, *others], [0.9, *(others + 0.3)]])
    test = made([1, 0], [[0.5, 0.1], [0.5, 0.1]])
    found = rank(test, validation)
    assert found["thresholds"].tolist() == [0.4, 0.7]
    assert found["sensitivity"][0] == 0.5  # the second trial misses its cell


def test_class_without_test_or_with_nothing_else_has_no_ranking():
    some = made([1, 0, 0], [0.9, 0.1, 0.2])
    assert rank(made([0, 0], [0.1, 0.2]), some) is None
    assert rank(made([1, 1], [0.1, 0.2]), some) is None
    assert rank(some, made([1, 1], [0.9, 0.8])) is None
    without = rank(some, made([0, 0], [0.4, 0.1]))
    assert without["validation_sensitivity"] is None
    assert without["thresholds"].tolist() == [0.4]


def test_curve_has_the_points_of_scikit_learn_and_at_most_a_hundred():
    stream = np.random.default_rng(2)
    small = dice(stream, 12, 60, 2.0, trials=1)
    own, p = small.label == 1, small.probability[0, :, 1]
    curve = trace_curve(p, own)
    precision, recall, threshold = precision_recall_curve(own, p)
    alarm, _, cut = roc_curve(own, p)
    for i, value in enumerate(curve["threshold"]):
        there = np.argmin(np.abs(threshold - value))
        assert curve["precision"][i] == pytest.approx(precision[there], abs=1e-4)
        assert curve["sensitivity"][i] == pytest.approx(recall[there], abs=1e-4)
        there = 1 + np.argmin(np.abs(cut[1:] - value))
        assert curve["specificity"][i] == pytest.approx(1 - alarm[there], abs=1e-4)
    # Its turns alone give the area again.
    area = np.trapezoid([0, *curve["sensitivity"]], [0, *(1 - curve["specificity"])])
    assert area == pytest.approx(roc_auc_score(own, p), abs=1e-3)
    large = dice(stream, 400, 4000, 1.0, trials=1)
    curve = trace_curve(large.probability[0, :, 1], large.label == 1)
    assert {len(values) for values in curve.values()} == {100}
    assert curve["sensitivity"][-1] == 1 and curve["specificity"][-1] == 0


def test_one_patient_alone_gives_no_interval_of_the_ranking():
    stream = np.random.default_rng(3)
    test = dice(stream, 5, 40, 2.0)
    alone = made(test.label == 1, test.probability[..., 1], np.zeros(45, int))
    found = rank(alone, test)
    assert np.isnan(found["auroc"][1:]).all()
    assert np.isfinite(found["auroc"][0])


def test_same_stream_gives_the_same_numbers():
    stream = np.random.default_rng(4)
    test, validation = dice(stream, 9, 90, 2.0), dice(stream, 5, 40, 2.0)
    once, again = (rank(test, validation, seed=5) for _ in range(2))
    assert all(np.array_equal(once[key], again[key]) for key in once)
    assert once["auroc"] != rank(test, validation, seed=6)["auroc"]


@pytest.mark.parametrize("rare", [4, 30])
def test_intervals_of_the_ranking_hold_the_truth(rare):
    """Its area is that of two normal distributions; ninety others, two trials."""
    stream = np.random.default_rng(9)
    shift, others, studies = 2.5, 90 if rare == 30 else 200, 60
    truth = norm.cdf(shift / np.sqrt(2 * (1 + 0.25)))
    many = dice(np.random.default_rng(0), 20_000, 20_000, shift, trials=1)
    precision = average_precision_score(
        many.label,
        many.probability[0, :, 1],
        sample_weight=np.where(many.label == 1, rare / others, 1),
    )
    held = np.zeros(2)
    for study in range(studies):
        found = rank(*[dice(stream, rare, others, shift)] * 2, seed=study)
        pairs = ((found["auroc"], truth), (found["average_precision"], precision))
        held += [low <= true <= high for (_, low, high), true in pairs]
    assert (held / studies >= 0.9).all()
