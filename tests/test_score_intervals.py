"""Intervals: they hold the truth as often as they claim, and patients widen them."""

import numpy as np
import pytest
from scipy import stats

from cytobalance.evaluate.classification import count_confusion, score_overall
from cytobalance.evaluate.intervals import (
    bootstrap,
    design_effect,
    limits,
    mean_over_drawn_trials,
    simultaneous_limits,
    wilson,
)
from cytobalance.evaluate.predictions import Predictions


def made(label, predicted, group=None) -> Predictions:
    """Predictions without probabilities; each cell its own group unless told."""
    predicted = np.atleast_2d(predicted)
    n = len(label)
    return Predictions(
        classes=tuple(f"c{i}" for i in range(label.max() + 1)),
        cell_id=np.arange(n).astype(str),
        origin=np.full(n, "real"),
        label=label,
        group=np.arange(n) if group is None else group,
        predicted=predicted,
        probability=np.empty((len(predicted), n, 0)),
    )


def interval(predictions: Predictions, seed: int = 0) -> dict[str, np.ndarray]:
    n = len(predictions.classes)
    seen = score_overall(count_confusion(predictions.label, predictions.predicted, n))
    stream = np.random.default_rng(seed)
    return bootstrap(predictions, score_overall, seen, 0.95, 300, stream)


def width(limits: np.ndarray) -> float:
    return float(limits[1] - limits[0])


@pytest.mark.parametrize("rate", [0.5, 0.9, 0.97])
@pytest.mark.parametrize("cells", [3, 20, 200])
def test_wilson_holds_the_truth_where_counting_cells_alone_fails(rate, cells):
    hits = np.arange(cells + 1)
    chance = stats.binom.pmf(hits, cells, rate)
    limits = wilson(hits / cells, np.full(cells + 1, cells), 0.95)
    holds = (limits[:, 0] <= rate) & (rate <= limits[:, 1])
    assert chance[holds].sum() > 0.87
    wald = 1.96 * np.sqrt(hits / cells * (1 - hits / cells) / cells)
    holds_wald = np.abs(hits / cells - rate) <= wald
    if cells == 3:
        assert chance[holds_wald].sum() < 0.8


def test_wilson_agrees_with_scipy_and_is_never_sure_of_three_cells():
    ours = wilson(0.85, 20, 0.95)
    theirs = stats.binomtest(17, 20).proportion_ci(method="wilson")
    assert ours == pytest.approx([theirs.low, theirs.high])
    low, high = wilson(1.0, 3, 0.95)
    assert low < 0.5 and high == 1
    assert np.isnan(wilson(0.5, 0, 0.95)).all()


def test_alike_cells_of_a_patient_widen_the_interval():
    stream = np.random.default_rng(4)
    group = np.repeat(np.arange(40), 10)
    label = stream.integers(2, size=400)
    right = (stream.random(40) < 0.8)[group]  # a patient's cells: all right or none
    predicted = np.where(right, label, 1 - label)
    by_group = interval(made(label, predicted, group))["accuracy"]
    by_cell = interval(made(label, predicted))["accuracy"]
    assert width(by_group) > 2 * width(by_cell)


def test_design_effect_is_one_for_unlike_cells_and_the_group_size_for_copies():
    stream = np.random.default_rng(5)
    label = np.zeros(2000, int)
    group = np.repeat(np.arange(200), 10)
    unlike = (stream.random(2000) < 0.7).astype(float)
    copies = (stream.random(200) < 0.7).astype(float)[group]
    assert design_effect(unlike, label, group) < 1.4
    assert design_effect(copies, label, group) == pytest.approx(10)
    assert design_effect(np.ones(2000), label, group) == 10  # can't tell: cautious


def test_classes_of_one_patient_each_do_not_pass_for_unlike_cells():
    # A patient a class: nothing shows how alike a patient's cells are, so each class
    # counts as one cell, where the pooled estimate would say that all are unlike.
    label = np.repeat([0, 1], 20)
    hit = np.tile([1.0, 1.0, 0.0, 1.0], 10)
    assert design_effect(hit, label, label) == 20
    # Beside a class of several patients, that class alone tells.
    group = np.concatenate([np.zeros(20, int), 1 + np.arange(20) // 10])
    hit[20:] = np.repeat([1.0, 0.0], 10)
    assert design_effect(hit, label, group) == pytest.approx(10)


def test_one_patient_alone_gives_no_interval():
    label = np.repeat([0, 1], [30, 6])
    predicted = np.where(np.arange(36) % 4, label, 1 - label)
    limits = interval(made(label, predicted, np.zeros(36, int)))
    assert all(np.isnan(own).all() for own in limits.values())
    assert limits["accuracy"].shape == (2,)


def test_rare_class_that_was_all_right_leaves_doubt():
    label = np.repeat([0, 1], [300, 3])
    low, high = interval(made(label, label))["balanced_accuracy"]
    assert low < 0.93 and high == 1


def test_few_trials_that_differ_widen_the_interval():
    stream = np.random.default_rng(6)
    label = stream.integers(2, size=2000)
    good = np.where(stream.random(2000) < 0.95, label, 1 - label)
    bad = np.where(stream.random(2000) < 0.75, label, 1 - label)
    alike = interval(made(label, np.stack([good, good])))["accuracy"]
    apart = interval(made(label, np.stack([good, bad])))["accuracy"]
    assert width(apart) > 3 * width(alike)


def test_drawn_trials_show_their_whole_variance():
    stream = np.random.default_rng(7)
    seen = np.array([0.7, 0.8, 0.85])
    drawn = np.tile(seen, (20000, 1))
    spread = mean_over_drawn_trials(drawn, seen, stream).std()
    assert spread == pytest.approx(seen.std(ddof=1) / np.sqrt(3), rel=0.03)


def test_interval_of_balanced_accuracy_holds_the_truth_often_enough():
    """Classes of 100, 30, 5 and 3 cells, patients of ten, recalls from .4 to .95."""
    stream = np.random.default_rng(8)
    recall = np.array([0.95, 0.9, 0.4, 0.6])
    label = np.repeat(np.arange(4), [100, 30, 5, 3])
    holds, studies = 0, 150
    for study in range(studies):
        order = stream.permutation(label)
        group = np.arange(len(label)) // 10
        shift = stream.normal(0, 0.5, group.max() + 1)[group]
        noise = stream.normal(size=(2, len(label)))
        shared = stream.normal(size=len(label))
        latent = (shared + 0.5 * noise + shift) / np.sqrt(1.5)
        right = latent < stats.norm.ppf(recall)[order]
        predicted = np.where(right, order, (order + 1) % 4)
        low, high = interval(made(order, predicted, group), study)["balanced_accuracy"]
        holds += low <= recall.mean() <= high
    assert 0.9 <= holds / studies <= 1


def test_simultaneous_limits_hold_all_truths_together_where_single_ones_do_not():
    """Ten skewed estimates around 0, half of their errors shared, one less sure."""
    stream = np.random.default_rng(10)
    scale = np.r_[3.0, np.ones(9)]

    def draw(n):
        errors = stream.normal(size=(n, 1)) + stream.normal(size=(n, 10))
        return scale * (np.exp(0.2 * errors) - np.exp(0.04))

    studies = 300
    held = {"alone": 0, "joint": 0}
    for seen in draw(studies):
        draws = seen - draw(400)
        for name, edges in (
            ("alone", limits(draws, 0.95)),
            ("joint", simultaneous_limits(draws, 0.95)),
        ):
            held[name] += np.all((edges[:, 0] <= 0) & (edges[:, 1] >= 0))
    assert 0.92 <= held["joint"] / studies <= 0.98
    assert held["alone"] / studies < 0.8


def test_simultaneous_limits_of_one_are_its_own_and_nothing_disturbs_them():
    stream = np.random.default_rng(11)
    draws = stream.gamma(2.0, size=(500, 3))
    one = simultaneous_limits(draws[:, :1], 0.95)
    assert np.array_equal(one, limits(draws[:, :1], 0.95))
    three = simultaneous_limits(draws, 0.95)
    assert (three[:, 0] < limits(draws, 0.95)[:, 0]).all()
    # A class without test cells has no draws and widens nothing.
    beside = np.column_stack([draws, np.full(500, np.nan)])
    assert np.array_equal(simultaneous_limits(beside, 0.95)[:3], three)
    assert np.isnan(simultaneous_limits(beside, 0.95)[3]).all()
    # The scale of one has no say in the others.
    larger = simultaneous_limits(draws * [1, 1, 50], 0.95)
    assert larger[:2] == pytest.approx(three[:2])
