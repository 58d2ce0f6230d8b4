"""The best recipe is chosen on validation cells, and the summary stays short."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from cytobalance.report.contest import hold_contest
from cytobalance.report.summary import MOST, count_numbers, summarise

CLASSES = ["common", "rare"]
LABELS = np.repeat([0, 1], [60, 20])
HOLD_OUT = pd.DataFrame(
    {
        "cell_id": [f"c{i}" for i in range(80)],
        "label": [CLASSES[i] for i in LABELS],
        "group": [f"g{i}" for i in range(80)],
        "part": "test",
    }
)


def record_of(balancer, classifier, validation, missed=0) -> dict:
    """A record whose first `missed` rare cells are wrong in both trials."""
    rows = [[t, f"c{60 + i}", "real", 1, 0] for t in (0, 1) for i in range(missed)]
    recall = 1 - missed / 20
    score = {"mean": (1 + recall) / 2, "sd": 0.0, "low": 0.5, "high": 1.0}
    classes = {
        "common": {"support": 60, "recall": [1.0, 0.9, 1.0]},
        "rare": {"support": 20, "recall": [recall, 0.0, 1.0]},
    }
    return {
        "protocol": "heldout",
        "balancer": balancer,
        "classifier": classifier,
        "classes": CLASSES,
        "rare_classes": ["rare"],
        "trials": 2,
        "confidence": 0.95,
        "resamples": 100,
        "misses": {"rows": rows},
        "test": {"all": {"overall": {"balanced_accuracy": score}, "classes": classes}},
        "validation": {"overall": {"balanced_accuracy": {"mean": validation}}},
    }


def contest_of(*records) -> dict:
    entries = {(r["balancer"], r["classifier"]): r for r in records}
    return hold_contest(entries, ("gan",), HOLD_OUT, ["rare"], seed=0)


def test_winner_is_chosen_on_validation_and_scored_on_test_cells():
    found = contest_of(
        record_of("plain", "cnn", 0.7, missed=10),
        record_of("smote", "cnn", 0.8, missed=8),  # best on validation
        record_of("weighted", "cnn", 0.75, missed=0),  # lucky on the test
        record_of("gan", "cnn", 0.6, missed=12),
    )
    assert found["cheap"]["recipe"] == "smote"
    assert found["cheap"]["validation"] == 0.8
    assert found["cheap"]["test"] == pytest.approx(0.8)
    assert found["synthetic"]["recipe"] == "gan"
    difference = found["difference"]
    assert difference["value"] == pytest.approx((8 - 12) / 20 / 2)
    assert difference["low"] < difference["value"] < difference["high"]
    assert difference["verdict"] == "hurt"


def test_each_kind_has_the_same_classifiers_to_win_with():
    # The large network saw no synthetic cells, so it wins nothing here.
    found = contest_of(
        record_of("plain", "cnn", 0.7),
        record_of("gan", "cnn", 0.6),
        record_of("plain", "large", 0.9),
    )
    assert found["cheap"]["classifier"] == found["synthetic"]["classifier"] == "cnn"


def test_one_trial_tells_of_a_deterministic_classifier_alone():
    one = [record_of("plain", "cnn", 0.7, 10), record_of("gan", "cnn", 0.6, 12)]
    one[0] |= {"trials": 1, "misses": {"rows": one[0]["misses"]["rows"][:10]}}
    entries = {(r["balancer"], r["classifier"]): r for r in one}
    verdicts = [
        hold_contest(entries, ("gan",), HOLD_OUT, ["rare"], 0, deterministic)[
            "difference"
        ]["verdict"]
        for deterministic in ((), ("cnn",))
    ]
    assert verdicts == ["one trial can't tell", "hurt"]


def test_study_without_synthetic_cells_has_a_cheap_winner_alone():
    found = contest_of(record_of("plain", "cnn", 0.7), record_of("smote", "big", 0.7))
    assert found["cheap"]["recipe"] == "plain"  # the first of equals
    assert found["synthetic"] is None and found["difference"] is None
    assert contest_of() == {}


def results_of(balancers: int, classifiers: int) -> SimpleNamespace:
    names = ["plain", *(f"recipe{i}" for i in range(balancers - 1))]
    networks = [f"network{i}" for i in range(classifiers)]
    records = {n: record_of(n, "x", 0.7) for n in names}
    interval = {"value": 0.1, "low": 0.0, "high": 0.2}
    gain = interval | {"joint_low": 0.01, "joint_high": 0.3}
    about = {"trials": 2, "deterministic": False, "balanced_accuracy": gain}
    gains = dict.fromkeys(names[1:], about)
    side = {"recipe": "a", "classifier": "b", "validation": 0.5, "test": 0.5} | interval
    return SimpleNamespace(
        title="A study",
        simulated=True,
        protocols=("heldout", "paper"),
        classifiers=networks,
        rare=["rare"],
        contest={"cheap": side, "synthetic": side, "difference": interval},
        gains=dict.fromkeys(networks, gains),
        records={
            ("heldout", name, network): record
            for name, record in records.items()
            for network in networks
        },
        optimism={
            network: {n: {"value": 0.1, "left_out": []} for n in names}
            for network in networks
        },
    )


@pytest.mark.parametrize(("balancers", "classifiers"), [(5, 1), (10, 1), (12, 10)])
def test_summary_of_any_study_has_less_than_sixty_numbers(balancers, classifiers):
    summary = summarise(results_of(balancers, classifiers))
    assert count_numbers(summary) <= MOST < 60
    assert "best" in summary
    blocks = [
        f"{block} of {network}"
        for network in (f"network{i}" for i in range(classifiers))
        for block in ("heldout", "gain", "optimism")
        if block not in summary.get(network, {})
    ]
    # What finds no room is named.
    assert sorted(summary.get("left_out", "").split(", ")) == sorted(blocks or [""])


def test_small_study_is_summarised_whole_with_corrected_limits():
    summary = summarise(results_of(4, 1))
    assert "left_out" not in summary
    gain = summary["network0"]["gain"]["recipe0"]
    assert gain == {"value": 0.1, "low": 0.01, "high": 0.3, "verdict": "helped"}
