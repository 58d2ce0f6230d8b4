"""Did it help? Verdicts, pairing, and how a leak flatters."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from cytobalance.evaluate.predictions import Predictions
from cytobalance.report.comparison import (
    judge,
    optimism,
    paired_gains,
    rebuild_predictions,
    verdict,
    verdict_alone,
)
from cytobalance.report.records import rare_recall
from cytobalance.study.runtime import StudyError, random_stream

CLASSES = ("common", "medium", "rare")


def made(label, predicted) -> Predictions:
    n = len(label)
    return Predictions(
        classes=CLASSES,
        cell_id=np.arange(n).astype(str),
        origin=np.full(n, "real"),
        label=label,
        group=np.arange(n) // 5,
        predicted=np.atleast_2d(predicted),
        probability=np.empty((len(np.atleast_2d(predicted)), n, 0)),
    )


def gains_of(ours: dict, theirs, seed=0) -> dict:
    pairs = [(name, "theirs") for name in ours]
    predictions = ours | {"theirs": theirs}
    streams = partial(random_stream, seed)
    found = paired_gains(predictions, pairs, ["rare"], 0.95, 400, streams)
    return {name: gain for (name, _), gain in found.items()}


def gain_of(ours, theirs, seed=0) -> dict:
    return gains_of({"ours": ours}, theirs, seed)["ours"]


def word_of(gain) -> str:
    """The verdict, had there been several trials."""
    return judge(gain["low"], gain["high"], trials=2)


def test_cells_hard_for_both_cancel_out():
    stream = np.random.default_rng(1)
    label = stream.permutation(np.repeat([0, 1, 2], [200, 100, 40]))
    hard = stream.random(340) < 0.3
    wrong = (label + 1) % 3
    theirs = np.where(hard, wrong, label)
    ours = theirs.copy()
    fixed = stream.permutation(np.flatnonzero(hard))[:30]
    ours[fixed] = label[fixed]
    paired = gain_of(made(label, ours), made(label, theirs))["balanced_accuracy"]
    # The same two scores with the difficulty dealt anew for one of them.
    mixed = np.empty(340, int)
    for c in range(3):
        own = np.flatnonzero(label == c)
        mixed[own] = theirs[stream.permutation(own)]
    unpaired = gain_of(made(label, ours), made(label, mixed))["balanced_accuracy"]
    assert paired["value"] == pytest.approx(unpaired["value"])
    assert paired["high"] - paired["low"] < 0.75 * (unpaired["high"] - unpaired["low"])
    assert word_of(paired) == "helped"


def test_the_same_predictions_gain_nothing_and_help_is_not_claimed():
    label = np.repeat([0, 1, 2], [200, 100, 40])
    stream = np.random.default_rng(2)
    said = np.where(stream.random(340) < 0.8, label, (label + 1) % 3)
    gain = gain_of(made(label, said), made(label, said))["balanced_accuracy"]
    assert gain["value"] == 0 and gain["low"] <= 0 <= gain["high"]
    assert word_of(gain) == "did not help"


def test_three_cells_won_are_no_proof():
    label = np.repeat([0, 1, 2], [200, 100, 3])
    stream = np.random.default_rng(3)
    base = np.where(stream.random(303) < 0.9, label, (label + 1) % 3)
    base[-3:] = 0
    ours = np.where(stream.random(303) < 0.9, label, (label + 1) % 3)
    ours[-3:] = [2, 2, 0]
    gain = gain_of(made(label, ours), made(label, base))["balanced_accuracy"]
    assert gain["value"] > 0.15
    assert word_of(gain) == "no difference shown"


def test_swapping_the_two_turns_the_sign():
    label = np.repeat([0, 1, 2], [200, 100, 40])
    stream = np.random.default_rng(4)
    good = np.where(stream.random(340) < 0.95, label, (label + 1) % 3)
    bad = np.where(stream.random(340) < 0.6, label, (label + 1) % 3)
    up = gain_of(made(label, good), made(label, bad))
    down = gain_of(made(label, bad), made(label, good))
    for key in ("balanced_accuracy", "macro_f1", "accuracy", "rare_recall"):
        assert up[key]["value"] == pytest.approx(-down[key]["value"])
    assert word_of(up["balanced_accuracy"]) == "helped"
    assert word_of(down["balanced_accuracy"]) == "hurt"


def test_false_help_is_rare_and_true_help_is_found():
    """Two balancers of equal skill, then one that is better at every class."""
    stream = np.random.default_rng(5)
    label = np.repeat([0, 1, 2], [120, 40, 8])

    def draw(recall):
        right = stream.random((2, 168)) < np.array(recall)[label]
        return made(label, np.where(right, label, (label + 1) % 3))

    recalls = {"equal": [0.9, 0.8, 0.5], "better": [0.97, 0.95, 0.95]}
    words = {name: [] for name in recalls}
    for study in range(80):
        plain = draw([0.9, 0.8, 0.5])
        for name, recall in (
            ("equal", [0.9, 0.8, 0.5]),
            ("better", [0.97, 0.95, 0.95]),
        ):
            words[name].append(
                word_of(gain_of(draw(recall), plain, study)["balanced_accuracy"])
            )
    assert words["equal"].count("helped") <= 6
    assert words["better"].count("helped") >= 50


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.01, 0.05, "helped"),
        (-0.05, -0.01, "hurt"),
        (-0.05, 0.015, "did not help"),
        (-0.05, 0.05, "no difference shown"),
    ],
)
def test_verdicts_follow_the_interval(low, high, word):
    assert judge(low, high, trials=2) == word
    assert judge(low, high, trials=1) == "one trial can't tell"


def test_the_fewer_trials_of_the_two_count():
    label = np.repeat([0, 1, 2], [20, 10, 5])
    assert gain_of(made(label, [label, label]), made(label, label))["trials"] == 1


def dice(stream, label, recall, trials=2):
    """Predictions of a known recall of each class; a miss names the next class."""
    right = stream.random((trials, len(label))) < np.array(recall)[label]
    return made(label, np.where(right, label, (label + 1) % 3))


def test_a_recipe_alone_keeps_its_limits_and_company_widens_them():
    stream = np.random.default_rng(6)
    label = np.repeat([0, 1, 2], [120, 40, 20])
    plain = dice(stream, label, [0.9, 0.8, 0.5])
    ours = {f"r{i}": dice(stream, label, [0.9, 0.8, 0.6]) for i in range(8)}
    alone = gains_of({"r3": ours["r3"]}, plain)["r3"]
    beside = gains_of(ours, plain)["r3"]
    for key in ("balanced_accuracy", "rare_recall", "accuracy"):
        # Beside others a recipe's uncorrected interval is the same to the last digit.
        for limit in ("value", "low", "high"):
            assert alone[key][limit] == beside[key][limit]
        width = alone[key]["high"] - alone[key]["low"]
        assert alone[key]["joint_low"] == alone[key]["low"]
        assert alone[key]["joint_high"] == alone[key]["high"]
        joint = beside[key]["joint_high"] - beside[key]["joint_low"]
        assert 1.2 * width < joint < 1.8 * width
    each = beside["recall"]
    assert np.all(np.array(each["joint_low"]) < each["low"])


def test_verdicts_follow_the_joint_limits():
    alone = {"low": 0.01, "high": 0.2}
    wide = {"joint_low": -0.01, "joint_high": 0.22}
    gain = {"trials": 2, "deterministic": False, "balanced_accuracy": alone | wide}
    assert verdict(gain) == "no difference shown"
    assert verdict_alone(gain) == "helped"


def test_a_large_gain_survives_the_correction():
    stream = np.random.default_rng(8)
    label = np.repeat([0, 1, 2], [120, 60, 30])
    plain = dice(stream, label, [0.9, 0.8, 0.3])
    ours = {f"r{i}": dice(stream, label, [0.9, 0.8, 0.3]) for i in range(9)}
    ours["good"] = dice(stream, label, [0.9, 0.9, 0.8])
    found = gains_of(ours, plain)
    assert verdict(found["good"]) == "helped"


def record_of(mean: float, low: float, high: float, recall=(1.0, 1.0, 1.0)) -> dict:
    """recall: of each class, None where it has no test cells."""
    score = {"balanced_accuracy": {"mean": mean, "low": low, "high": high}}
    classes = {
        label: {"support": 0}
        if value is None
        else {"support": 9, "recall": [value, value - 0.1, value]}
        for label, value in zip(CLASSES, recall, strict=True)
    }
    test = {"all": {"overall": score, "classes": classes}}
    return {"classes": list(CLASSES), "test": test}


def test_optimism_is_positive_where_the_published_order_flatters():
    paper, heldout = record_of(0.97, 0.96, 0.98), record_of(0.82, 0.76, 0.88)
    found = optimism(paper, heldout)
    assert found["value"] == pytest.approx(0.15)
    assert found["low"] == pytest.approx(0.15 - np.hypot(0.01, 0.06))
    assert optimism(heldout, paper)["value"] < 0


def test_optimism_compares_common_classes_alone():
    # The class that paper does not test would be 16.7 points out of nothing.
    paper = record_of(1.0, 0.9, 1.0, recall=(1.0, 1.0, None))
    heldout = record_of(0.8333, 0.7, 0.9, recall=(1.0, 1.0, 0.5))
    for pair in ((paper, heldout), (heldout, paper)):
        found = optimism(*pair)
        assert found["value"] == 0
        assert found["low"] is None and found["high"] is None
        assert found["left_out"] == ["rare"]
    assert optimism(paper, paper)["low"] is not None
    other = record_of(1.0, 0.9, 1.0, recall=(None, None, 1.0))
    assert optimism(paper, other)["value"] is None
    assert optimism(paper, other)["left_out"] == list(CLASSES)


def test_recall_of_rare_classes_is_over_those_with_test_cells():
    record = record_of(1.0, 0.9, 1.0, recall=(1.0, 0.5, None))
    assert rare_recall(record, ["medium", "rare"]) == 0.5
    assert rare_recall(record, ["rare"]) is None


def test_test_cells_of_one_patient_give_no_interval_and_no_verdict():
    label = np.repeat([0, 1, 2], [20, 10, 5])
    one = np.zeros(35, int)
    ours = replace(made(label, [label, label]), group=one)
    theirs = replace(made(label, [(label + 1) % 3, label]), group=one)
    found = gain_of(ours, theirs)
    gain = found["balanced_accuracy"]
    assert gain["value"] == 0.5
    assert np.isnan([gain["low"], gain["high"], *found["recall"]["low"]]).all()
    assert verdict(found) == verdict_alone(found) == "one group can't tell"


def small_record(rows) -> dict:
    return {
        "classes": list(CLASSES),
        "trials": 2,
        "protocol": "heldout",
        "balancer": "plain",
        "classifier": "sequential_cnn",
        "misses": {"rows": rows},
    }


def test_predictions_are_rebuilt_from_the_misses():
    hold_out = pd.DataFrame(
        {
            "cell_id": ["a", "b", "c"],
            "label": ["common", "rare", "rare"],
            "group": ["p", "p", "q"],
            "part": ["test", "test", "train"],
        }
    )
    record = small_record([[1, "b", "real", 2, 0, 0.9, 0.05]])
    rebuilt = rebuild_predictions(record, hold_out)
    assert rebuilt.predicted.tolist() == [[0, 2], [0, 0]]
    assert rebuilt.group.tolist() == [0, 0]
    stranger = small_record([[0, "c", "real", 2, 0, 0.9, 0.05]])
    with pytest.raises(StudyError, match=r"dvc repro"):
        rebuild_predictions(stranger, hold_out)
