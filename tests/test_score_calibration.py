"""Calibration: a classifier that knows its own doubt scores 0."""

import numpy as np
import pytest
import sklearn.metrics

from cytobalance.evaluate.calibration import (
    brier_score,
    expected_calibration_error,
    log_loss,
    reliability_bins,
)


def probabilities(n: int = 2000, seed: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Predictions and labels drawn from them: calibrated by construction."""
    stream = np.random.default_rng(seed)
    p = stream.dirichlet([0.5, 0.5, 0.5], size=n)
    return p, np.array([stream.choice(3, p=row) for row in p])


def error_of(p: np.ndarray, label: np.ndarray) -> float:
    bins = reliability_bins(p.max(-1), p.argmax(-1) == label, 10)
    return expected_calibration_error(bins)


def test_confidence_that_comes_true_has_no_error():
    confidence = np.repeat([0.75, 0.5], [4, 2])
    right = np.array([1, 1, 1, 0, 1, 0], bool)
    bins = reliability_bins(confidence, right, 10)
    assert expected_calibration_error(bins) == pytest.approx(0)
    assert bins["count"].sum() == 6 and bins["count"][7] == 4


def test_calibrated_predictions_have_a_small_error_and_sharpened_ones_a_large():
    p, label = probabilities()
    sharp = p**6 / (p**6).sum(-1, keepdims=True)
    assert error_of(p, label) < 0.03
    assert error_of(sharp, label) > 0.1


def test_always_sure_and_always_wrong_is_the_worst_case():
    bins = reliability_bins(np.ones(5), np.zeros(5, bool), 10)
    assert expected_calibration_error(bins) == pytest.approx(1)
    assert brier_score(np.eye(3)[[1, 2]], np.array([0, 0])) == pytest.approx(2)


def test_edges_fall_into_the_bin_below_and_none_is_lost():
    bins = reliability_bins(np.array([0.0, 0.1, 0.5, 1.0]), np.ones(4, bool), 10)
    assert list(np.flatnonzero(bins["count"])) == [0, 4, 9]
    assert np.isnan(bins["accuracy"][1])


def test_scores_agree_with_scikit_learn():
    p, label = probabilities()
    theirs = sklearn.metrics.brier_score_loss(label, p, scale_by_half=False)
    assert brier_score(p, label) == pytest.approx(theirs)
    assert log_loss(p, label) == pytest.approx(sklearn.metrics.log_loss(label, p))


def test_one_sure_miss_stays_finite():
    assert np.isfinite(log_loss(np.array([[1.0, 0.0]]), np.array([1])))
