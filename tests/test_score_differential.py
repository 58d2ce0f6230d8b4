"""The differential count: shares by hand, limits of agreement, blasts."""

from types import SimpleNamespace

import numpy as np
import pytest

from cytobalance.evaluate.differential import (
    count_differential,
    shares,
    soft_confusion,
)
from cytobalance.evaluate.predictions import Predictions
from cytobalance.taxonomy import blast_classes

CLASSES = ("myeloblast", "monoblast", "neutrophil")
SETTINGS = SimpleNamespace(confidence=0.95, resamples=300, differential_cells=4)


def made(label, predicted, group=None, sure=1.0) -> Predictions:
    """sure: probability of the predicted class; the rest is shared by the others."""
    label, predicted = np.array(label), np.array(predicted)
    n = len(label)
    probability = np.full((n, 3), (1 - sure) / 2)
    probability[np.arange(n), predicted] = sure
    return Predictions(
        classes=CLASSES,
        cell_id=np.arange(n).astype(str),
        origin=np.full(n, "real"),
        label=label,
        group=np.arange(n) if group is None else np.array(group),
        predicted=predicted[None],
        probability=probability[None],
    )


def differential(predictions, subject=None, blasts=CLASSES[:2], seed=0, **changes):
    subject = np.full(len(predictions), "") if subject is None else np.array(subject)
    settings = SimpleNamespace(**(vars(SETTINGS) | changes))
    stream = np.random.default_rng(seed)
    return count_differential(predictions, subject, list(blasts), settings, stream)


def test_shares_of_the_whole_are_those_counted_by_hand():
    # Ten cells: 2 myeloblasts, 1 monoblast, 7 neutrophils.
    predictions = made([0, 0, 1, *[2] * 7], [0, 2, 0, 2, 2, 2, 2, 2, 0, 1], sure=0.8)
    found = differential(predictions)
    counted = found["counted"]["whole"]
    assert counted["true"] == pytest.approx([0.2, 0.1, 0.7])
    assert counted["predicted"] == pytest.approx([0.3, 0.1, 0.6])
    assert counted["absolute_error"] == pytest.approx(0.2 / 3)
    assert counted["blasts"]["true"] == pytest.approx(0.3)
    assert counted["blasts"]["predicted"][0] == pytest.approx(0.4)
    assert counted["blasts"]["error"][0] == pytest.approx(0.1)
    # Summed: 0.8 for the class that is counted, 0.1 for each other.
    summed = found["summed"]["whole"]
    assert summed["predicted"] == pytest.approx(
        [0.1 + 0.7 * share for share in (0.3, 0.1, 0.6)]
    )
    assert found["subjects"] == 0 and found["counted"]["by_subject"] is None


def test_two_errors_that_cancel_leave_the_shares_right():
    found = differential(made([0, 2, 2, 2], [2, 0, 2, 2]))
    assert found["counted"]["whole"]["absolute_error"] == 0


def test_agreement_over_subjects_is_bland_and_altmans():
    label = [0, 0, 2, 2] * 3
    predicted = [0, 0, 2, 2, 0, 2, 2, 2, 0, 0, 0, 2]  # blasts off by 0, -1/4, +1/4
    subject = np.repeat(["s/a", "s/b", "s/c"], 4)
    found = differential(made(label, predicted), subject)["counted"]["by_subject"]
    assert found["blasts"]["true"].tolist() == [0.5] * 3
    assert found["blasts"]["predicted"].tolist() == [0.5, 0.25, 0.75]
    assert found["blasts"]["absolute_error"] == pytest.approx(0.5 / 3)
    assert found["blasts"]["bias"] == pytest.approx(0)
    assert found["blasts"]["agree_high"] == pytest.approx(1.959964 * 0.25)
    assert found["blasts"]["agree_low"] == pytest.approx(-1.959964 * 0.25)
    assert found["absolute_error"] == pytest.approx([0.5 / 3, 0, 0.5 / 3])


def test_small_subjects_and_cells_without_one_are_counted_and_left_out():
    label = [0, 0, 2, 2, 0, 2, 2, 2, 0, 0, 0, 2]
    subject = [*["a"] * 4, *["b"] * 4, "c", "c", "", ""]
    found = differential(made(label, label), subject)
    assert found["subjects"] == 2 and found["subjects_too_small"] == 1
    assert found["cells_of_subjects"] == 8 and found["cells"] == 12
    assert len(found["counted"]["by_subject"]["blasts"]["true"]) == 2
    alone = differential(made(label, label), subject, differential_cells=5)
    assert alone["subjects"] == 0 and alone["summed"]["by_subject"] is None


def test_classes_without_blasts_have_no_share_of_them():
    subject = np.repeat(["a", "b"], 4)
    found = differential(made([0, 1, 2, 2] * 2, [0] * 8), subject, blasts=())
    assert found["counted"]["whole"]["blasts"] is None
    assert "blasts" not in found["counted"]["by_subject"]


def test_promyelocytes_are_no_blasts_and_mixed_classes_are_named():
    classes = {
        "blasts": ("myeloblast", "monoblast"),
        "promyelocyte": ("promyelocyte", "promyelocyte_bilobed"),
        "immature": ("myelocyte", "myeloblast"),
        "all": ("all",),
    }
    assert blast_classes(classes) == (["blasts", "all"], ["immature"])


def test_soft_confusion_adds_probabilities_by_true_class():
    share = np.array([[0.5, 0.25, 0.25], [0, 1, 0], [0, 0, 1]])
    table = soft_confusion(np.array([0, 0, 2]), np.array([0, 0, 1]), share)
    assert table[0].tolist() == [[0.5, 1.25, 0.25], [0, 0, 0], [0, 0, 0]]
    assert table[1][2].tolist() == [0, 0, 1]
    true, predicted = shares(table.sum(0))
    assert true == pytest.approx([2 / 3, 0, 1 / 3])
    assert predicted == pytest.approx([0.5 / 3, 1.25 / 3, 1.25 / 3])


def test_alike_cells_of_a_patient_widen_the_interval_of_the_blasts():
    stream = np.random.default_rng(1)
    label = np.repeat([0, 2], [60, 240])
    bad = stream.random(30) < 0.3  # a patient whose neutrophils pass for blasts
    group = stream.permutation(np.arange(300) % 30)
    predicted = np.where((label == 2) & bad[group], 0, label)
    by_group, by_cell = (
        differential(made(label, predicted, g))["counted"]["whole"]["blasts"]["error"]
        for g in (group, None)
    )
    assert by_group[0] == by_cell[0] > 0
    assert by_group[2] - by_group[1] > 1.5 * (by_cell[2] - by_cell[1])


def test_one_patient_alone_gives_no_interval_of_the_blasts():
    found = differential(made([0, 2, 2], [0, 0, 2], group=[0, 0, 0]))
    value, low, high = found["counted"]["whole"]["blasts"]["error"]
    assert value == pytest.approx(1 / 3) and np.isnan([low, high]).all()


def test_interval_of_the_blasts_error_holds_the_truth():
    """Recall of blasts .7, one neutrophil in twenty taken for one; patients differ."""
    stream = np.random.default_rng(2)
    label = np.repeat([0, 2], [20, 180])
    truth = 0.1 * 0.7 + 0.9 * 0.05 - 0.1
    held, studies = 0, 80
    for study in range(studies):
        order = stream.permutation(label)
        group = np.arange(200) // 10
        # A patient's cells are hard or easy together; the mean is as stated.
        hard = stream.uniform(0, 2, 20)[group]
        missed = stream.random(200) < np.where(order == 0, 0.3, 0.05) * hard
        predicted = np.where(missed, 2 - order, order)
        found = differential(made(order, predicted, group), seed=study)
        _, low, high = found["counted"]["whole"]["blasts"]["error"]
        held += low <= truth <= high
    assert held / studies >= 0.9
