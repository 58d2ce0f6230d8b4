"""Doubt: a temperature that is found again, sets that cover each class as stated."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import softmax

from cytobalance.evaluate.doubt import compare_calibration, score_sets
from cytobalance.evaluate.predictions import Predictions
from cytobalance.prediction.sets import Conformal, find_unsure, needed_cells
from cytobalance.prediction.temperature import LEAST, fit_temperature, scale

SETTINGS = SimpleNamespace(calibration_bins=10, confidence=0.95, coverage=0.9)
# Cells of three classes, one of them rare.
SHARES = (0.6, 0.38, 0.02)


def draw(n: int, seed: int = 0, sharpness: float = 1.0) -> tuple:
    """Probabilities as true as can be at sharpness 1, and labels of those shares."""
    stream = np.random.default_rng(seed)
    label = stream.choice(3, n, p=SHARES)
    seen = stream.normal(size=(n, 3)) + 2 * np.eye(3)[label]
    # The posterior of these: log prior + 2 x, up to a constant.
    return softmax(sharpness * (np.log(SHARES) + 2 * seen), axis=1), label


def predictions(probability, label) -> Predictions:
    n = len(label)
    return Predictions(
        *(("a", "b", "rare"), np.arange(n).astype(str), np.full(n, "real"), label),
        group=np.arange(n),
        predicted=probability.argmax(1)[None],
        probability=probability[None],
    )


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_the_temperature_of_what_is_too_sure_is_found(sharpness):
    p, label = draw(4000, sharpness=sharpness)
    assert fit_temperature(p, label) == pytest.approx(sharpness, rel=0.08)


def test_a_temperature_changes_no_predicted_class_and_1_changes_nothing():
    p, _ = draw(500)
    np.testing.assert_allclose(scale(p, 1.0), p, atol=1e-9)
    for temperature in (0.3, 4.0):
        scaled = scale(p, temperature)
        np.testing.assert_allclose(scaled.sum(1), 1)
        assert (scaled.argmax(1) == p.argmax(1)).all()
    assert scale(p, 4.0).max() < p.max()


def test_few_cells_give_a_temperature_within_bounds():
    sure = np.array([[0.9, 0.1], [0.2, 0.8]])
    assert fit_temperature(sure, np.array([0, 1])) == pytest.approx(LEAST, abs=1e-3)
    assert fit_temperature(np.empty((0, 2)), np.empty(0, int)) == 1
    zero = np.array([[1.0, 0.0]])
    assert np.isfinite(scale(zero, 0.1)).all()


def test_calibration_is_better_after_than_before():
    test, validation = (predictions(*draw(3000, seed, 3.0)) for seed in (1, 2))
    temperature = fit_temperature(validation.probability[0], validation.label)
    found = compare_calibration(test, validation, temperature, SETTINGS)
    assert found["cells"] == 3000
    assert found["before"]["ece"] > 0.05 > 0.02 > found["after"]["ece"]
    assert found["after"]["log_loss"] < found["before"]["log_loss"]


@pytest.mark.parametrize("coverage", [0.8, 0.95])
def test_sets_hold_each_class_as_often_as_stated(coverage):
    p, label = draw(12_000, 3)
    judge = Conformal(*draw(20_000, 4), coverage)
    held = judge.find_sets(p)[np.arange(len(p)), label]
    for k in range(3):  # the rare class too, which one threshold for all would lose
        assert held[label == k].mean() == pytest.approx(coverage, abs=0.06)


def test_sets_are_those_of_the_definition():
    p, _ = draw(300, 5)
    known, known_label = draw(200, 6)
    judge = Conformal(known, known_label, 0.9)
    sets = judge.find_sets(p)
    for k in range(3):
        own = known[known_label == k, k]
        for cell in range(len(p)):
            p_value = ((own <= p[cell, k]).sum() + 1) / (len(own) + 1)
            assert sets[cell, k] == (judge.undecided[k] or p_value > 0.1)


def test_a_class_of_too_few_cells_is_in_every_set_and_makes_no_cell_unsure():
    assert [needed_cells(c) for c in (0.8, 0.9, 0.95, 0.99)] == [4, 9, 19, 99]
    p, label = draw(400, 7)
    rare = np.flatnonzero(label == 2)
    for count, undecided in ((8, True), (9, False)):
        rows = np.concatenate([np.flatnonzero(label != 2), np.resize(rare, count)])
        judge = Conformal(p[rows], label[rows], 0.9)
        assert judge.undecided.tolist() == [False, False, undecided]
        sets = judge.find_sets(np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]))
        assert sets.tolist() == [[True, False, undecided], [False, False, True]]
        unsure = find_unsure(sets, np.array([0, 2]), judge.undecided)
        # Predicted as a class that no set can leave out: never sure.
        assert unsure.tolist() == [False, undecided]


def test_an_empty_set_and_one_of_another_class_are_unsure():
    sets = np.array([[False, False], [False, True], [True, True], [True, False]])
    unsure = find_unsure(sets, np.zeros(4, int), np.zeros(2, bool))
    assert unsure.tolist() == [True, True, True, False]


def test_reached_coverage_is_reported_with_an_interval():
    test, validation = (predictions(*draw(1000, seed)) for seed in (8, 9))
    found = score_sets(test, validation, SETTINGS)
    assert found["coverage"] == 0.9 and found["needed_cells"] == 9
    for label in ("a", "b"):
        value, low, high = found["classes"][label]["reached"]
        assert low < value < high and value == pytest.approx(0.9, abs=0.06)
    assert found["classes"]["a"]["validation_cells"] == (validation.label == 0).sum()
    assert found["sure_right"] > (test.predicted == test.label).mean()
    without = test.select(test.label != 2)
    assert (
        score_sets(without, validation, SETTINGS)["classes"]["rare"]["reached"] is None
    )


def test_the_library_leaves_warnings_as_they_were():
    before = list(warnings.filters)
    p, label = draw(50)
    Conformal(p, label, 0.9).find_sets(p)
    assert warnings.filters == before
