"""Did balancing help? Differences on the same real test cells, and a verdict."""

from typing import Any

import numpy as np
import pandas as pd

from cytobalance.evaluate.classification import (
    count_confusion,
    mean_of_defined,
    score_classes,
    score_overall,
)
from cytobalance.evaluate.intervals import (
    PAIR,
    limits,
    mean_over_drawn_trials,
    resample_confusions,
)
from cytobalance.evaluate.predictions import Predictions
from cytobalance.report.records import (
    Record,
    balanced_accuracy,
    mean_recall,
    tested_classes,
)
from cytobalance.study import places
from cytobalance.study.runtime import StudyError, random_stream

# A gain in balanced accuracy below this changes nothing in a laboratory (ours).
WORTHWHILE = 0.02
HELPED, HURT = "helped", "hurt"
DID_NOT_HELP, UNDECIDED = "did not help", "no difference shown"
# Nothing of the chance in training is known then: by simulation one verdict in seven
# would be false (docs/metrics.md).
ONE_TRIAL = "one trial can't tell"
# All test cells are of one patient, say: nothing is known of how patients differ.
ONE_GROUP = "one group can't tell"


def rebuild_predictions(record: Record, hold_out: pd.DataFrame) -> Predictions:
    """Every test cell's fate under `heldout`, from the misses and data/hold_out.csv.

    Probabilities are not kept in the record: an empty array. Raises StudyError where
    the two belong to different runs.
    """
    test = hold_out[hold_out["part"] == "test"]
    cell_id = test["cell_id"].to_numpy(str)
    label = pd.Index(record["classes"]).get_indexer(test["label"])
    predicted = np.tile(label, (record["trials"], 1))
    place = {cell: i for i, cell in enumerate(cell_id)}
    for trial, cell, _, true, named, *_ in record["misses"]["rows"]:
        if cell not in place or label[place[cell]] != true:
            parts = (record[k] for k in ("protocol", "balancer", "classifier"))
            raise StudyError(
                f"{places.scores(places.key(*parts))} names test cell {cell}, "
                f"{places.HOLD_OUT} does not; run `dvc repro`"
            )
        predicted[trial, place[cell]] = named
    return Predictions(
        classes=tuple(record["classes"]),
        cell_id=cell_id,
        origin=np.full(len(test), "real"),
        label=label,
        group=pd.factorize(test["group"])[0],
        predicted=predicted,
        probability=np.empty((record["trials"], len(test), 0)),
    )


def score_pair(confusion: np.ndarray, rare: np.ndarray) -> dict[str, np.ndarray]:
    """What a gain is measured in: float [...], and `recall` float [..., C].

    confusion: float [..., C, C]; rare: int, indices of the rare classes.
    """
    overall, recall = score_overall(confusion), score_classes(confusion)["recall"]
    return {
        "balanced_accuracy": overall["balanced_accuracy"],
        "macro_f1": overall["macro_f1"],
        "accuracy": overall["accuracy"],
        "rare_recall": mean_of_defined(recall[..., rare]),
        "recall": recall,
    }


def paired_gain(
    ours: Predictions,
    theirs: Predictions,
    rare: list[str],
    confidence: float,
    resamples: int,
    stream: np.random.Generator,
) -> dict[str, Any]:
    """Gain of `ours` over `theirs` in each score: value, low, high; lists for `recall`.

    `trials` is the smaller number of trials of the two. Both judged the same cells;
    patients are drawn once for both, trials for each apart; limits are NaN where all
    cells are of one group. Of the two imagined cells
    of every class each classifier gets one right, so the interval leans towards no
    gain where a class has few cells.
    """
    assert np.array_equal(ours.cell_id, theirs.cell_id)
    n = len(ours.classes)
    index = np.array([ours.classes.index(label) for label in rare])
    pair = [ours, theirs]
    drawn = [
        score_pair(confusion, index)
        for confusion in resample_confusions(pair, resamples, PAIR, stream)
    ]
    seen = [score_pair(count_confusion(p.label, p.predicted, n), index) for p in pair]
    gains: dict[str, Any] = {"trials": min(len(p.predicted) for p in pair)}
    for key in seen[0]:
        draws = [
            mean_over_drawn_trials(d[key], s[key], stream)
            for d, s in zip(drawn, seen, strict=True)
        ]
        edges = limits(draws[0] - draws[1], confidence)
        if not ours.group.any():
            edges = np.full_like(edges, np.nan)
        gains[key] = {
            "value": (seen[0][key].mean(0) - seen[1][key].mean(0)).tolist(),
            "low": edges[..., 0].tolist(),
            "high": edges[..., 1].tolist(),
        }
    return gains


def judge(gain: dict[str, Any], trials: int) -> str:
    """The verdict on a gain in balanced accuracy, from its interval and the trials."""
    if np.isnan(gain["low"]):
        return ONE_GROUP
    if trials < 2:
        return ONE_TRIAL
    if gain["low"] > 0:
        return HELPED
    if gain["high"] < 0:
        return HURT
    return DID_NOT_HELP if gain["high"] < WORTHWHILE else UNDECIDED


def verdict(gain: dict[str, Any]) -> str:
    """The verdict on a gain of `paired_gain`."""
    return judge(gain["balanced_accuracy"], gain["trials"])


def optimism(paper: Record, heldout: Record) -> dict[str, Any]:
    """By how much the papers' protocol flatters: balanced accuracy, paper - heldout.

    Two records of the same balancer and classifier: value, low, high, and `left_out`,
    the classes without test cells in one of the two, which are not compared; value is
    None where that leaves no class. The two differ in their test cells, so the
    interval joins the two intervals (Zou & Donner 2008, MOVER); of differing classes
    there are none to join, and the limits are None.
    """
    tested = [tested_classes(record) for record in (paper, heldout)]
    classes = [label for label in tested[0] if label in tested[1]]
    left_out = [label for label in paper["classes"] if label not in classes]
    if tested[0] != tested[1]:
        a, b = (mean_recall(record, classes) for record in (paper, heldout))
        value = None if a is None else a - b
        return {"value": value, "low": None, "high": None, "left_out": left_out}
    a, b = balanced_accuracy(paper), balanced_accuracy(heldout)
    value = a["mean"] - b["mean"]
    difference = {"value": value, "low": None, "high": None, "left_out": left_out}
    if None in (a["low"], b["low"]):
        return difference
    down = np.hypot(a["mean"] - a["low"], b["high"] - b["mean"])
    up = np.hypot(a["high"] - a["mean"], b["mean"] - b["low"])
    return difference | {"low": value - down, "high": value + up}


def compare_pairs(
    records: dict[str, Record],
    pairs: list[tuple[str, str]],
    hold_out: pd.DataFrame,
    rare: list[str],
    seed: int,
) -> dict[tuple[str, str], dict[str, Any]]:
    """Gain of each pair's first balancer over its second: pair -> gain.

    records: balancer -> record, all under `heldout` with one classifier. rare: the
    rare classes.
    """
    if not pairs:
        return {}
    predictions = {
        name: rebuild_predictions(records[name], hold_out)
        for name in dict.fromkeys(name for pair in pairs for name in pair)
    }
    some = next(iter(records.values()))
    return {
        (name, reference): paired_gain(
            predictions[name],
            predictions[reference],
            rare,
            some["confidence"],
            some["resamples"],
            random_stream(seed, "report", some["classifier"], name, reference),
        )
        for name, reference in pairs
    }
