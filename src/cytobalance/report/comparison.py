"""Did balancing help? Differences on the same real test cells, and a verdict."""

from collections.abc import Callable
from functools import partial
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
    simultaneous_limits,
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

Gain = dict[str, Any]  # `trials`, and score -> value and limits

# A gain in balanced accuracy below this changes nothing in a laboratory (ours).
WORTHWHILE = 0.02
HELPED, HURT = "helped", "hurt"
DID_NOT_HELP, UNDECIDED = "did not help", "no difference shown"
# Nothing of the chance in training is known then: by simulation one verdict in seven
# would be false (docs/metrics.md).
ONE_TRIAL = "one trial can't tell"
# All test cells are of one patient, say: nothing is known of how patients differ.
ONE_GROUP = "one group can't tell"
# The verdicts, where two ways of balancing are compared.
AGAINST = {
    HELPED: "better",
    HURT: "worse",
    DID_NOT_HELP: "no better",
    UNDECIDED: UNDECIDED,
    ONE_GROUP: ONE_GROUP,
    ONE_TRIAL: ONE_TRIAL,
}


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
        "common_recall": mean_of_defined(np.delete(recall, rare, -1)),
        "recall": recall,
    }


def paired_gains(
    predictions: dict[str, Predictions],
    pairs: list[tuple[str, str]],
    rare: list[str],
    confidence: float,
    resamples: int,
    streams: Callable[..., np.random.Generator],
    deterministic: bool = False,
) -> dict[tuple[str, str], Gain]:
    """Gain of each pair's first classifier over its second: pair -> score -> limits.

    All judged the same cells. Each score has its `value`, the limits `low` and `high`
    of one comparison alone, and the limits `joint_low` and `joint_high` that hold for
    all pairs together; `recall` holds lists, joint over all classes of all pairs.
    `trials` is the smaller number of trials of the two; `deterministic`, whether their
    trials would be alike, is handed on. Limits are NaN where all cells
    are of one group. streams: gives the stream of a name. All pairs get the same test
    sets, and each classifier the same draws of trials, so that a pair's own limits are
    the same whatever else is compared.
    """
    index = np.array([predictions[pairs[0][0]].classes.index(label) for label in rare])
    drawn = [_draw_gain(predictions, pair, index, resamples, streams) for pair in pairs]
    scores = [
        score_pair(count_confusion(p.label, p.predicted, len(p.classes)), index)
        for p in predictions.values()
    ]
    means = [{key: v.mean(0) for key, v in score.items()} for score in scores]
    seen = dict(zip(predictions, means, strict=True))
    gains: dict[tuple[str, str], Gain] = {
        pair: {
            "trials": min(len(predictions[name].predicted) for name in pair),
            "deterministic": deterministic,
        }
        for pair in pairs
    }
    for key in drawn[0]:
        edges = _find_limits(np.stack([d[key] for d in drawn], 1), confidence)
        for i, (name, reference) in enumerate(pairs):
            value = seen[name][key] - seen[reference][key]
            ends = {limit: values[i].tolist() for limit, values in edges.items()}
            gains[name, reference][key] = {"value": value.tolist()} | ends
    return gains


def _draw_gain(
    predictions: dict[str, Predictions],
    pair: tuple[str, str],
    rare: np.ndarray,
    resamples: int,
    streams: Callable[..., np.random.Generator],
) -> dict[str, np.ndarray]:
    """Gains of one pair on resampled test sets: score -> float [resamples, ...].

    Patients are drawn once for both, trials for each apart. Of the two imagined cells
    of every class each classifier gets one right, so that the gain leans towards none
    where a class has few cells. NaN where all cells are of one group.
    """
    both = [predictions[name] for name in pair]
    assert np.array_equal(both[0].cell_id, both[1].cell_id)
    confusions = resample_confusions(both, resamples, PAIR, streams("cells"))
    n = len(both[0].classes)
    seen = [score_pair(count_confusion(p.label, p.predicted, n), rare) for p in both]
    drawn = [score_pair(confusion, rare) for confusion in confusions]
    gains = {}
    for key in seen[0]:
        ours, theirs = (
            mean_over_drawn_trials(d[key], s[key], streams("trials", name))
            for d, s, name in zip(drawn, seen, pair, strict=True)
        )
        gains[key] = ours - theirs if both[0].group.any() else ours * np.nan
    return gains


def _find_limits(draws: np.ndarray, confidence: float) -> dict[str, np.ndarray]:
    """Limits of draws [B, ...], of each alone and of all together: name -> [...]."""
    alone = limits(draws, confidence)
    joint = simultaneous_limits(draws.reshape(len(draws), -1), confidence)
    joint = joint.reshape(alone.shape)
    ends = {"low": alone[..., 0], "high": alone[..., 1]}
    return ends | {"joint_low": joint[..., 0], "joint_high": joint[..., 1]}


def judge(low: float, high: float, trials: int, deterministic: bool = False) -> str:
    """The verdict on a gain in balanced accuracy, from its interval and the trials.

    deterministic: whether another trial would be the same, so that one is enough.
    """
    if np.isnan(low):
        return ONE_GROUP
    if trials < 2 and not deterministic:
        return ONE_TRIAL
    if low > 0:
        return HELPED
    if high < 0:
        return HURT
    return DID_NOT_HELP if high < WORTHWHILE else UNDECIDED


def verdict(gain: Gain) -> str:
    """The verdict on a gain of `paired_gains`, corrected for the number of pairs."""
    score = gain["balanced_accuracy"]
    return judge(
        score["joint_low"], score["joint_high"], gain["trials"], gain["deterministic"]
    )


def verdict_alone(gain: Gain) -> str:
    """The verdict that a gain would get, had nothing else been compared."""
    score = gain["balanced_accuracy"]
    return judge(score["low"], score["high"], gain["trials"], gain["deterministic"])


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
    deterministic: bool,
) -> dict[tuple[str, str], Gain]:
    """Gain of each pair's first balancer over its second: pair -> gain.

    records: balancer -> record, all under `heldout` with one classifier, which may be
    deterministic. rare: the rare classes. The joint limits are of all these pairs.
    """
    if not pairs:
        return {}
    predictions = {
        name: rebuild_predictions(records[name], hold_out)
        for name in dict.fromkeys(name for pair in pairs for name in pair)
    }
    some = next(iter(records.values()))
    return paired_gains(
        predictions,
        pairs,
        rare,
        some["confidence"],
        some["resamples"],
        partial(random_stream, seed, "report", some["classifier"]),
        deterministic,
    )
