"""The verdict of a study in one sentence, with its numbers."""

from typing import Any

import numpy as np

from cytobalance.report.comparison import (
    AGAINST,
    HELPED,
    HURT,
    ONE_GROUP,
    ONE_TRIAL,
    Gain,
    judge,
    verdict,
)
from cytobalance.report.records import Record, rare_recall
from cytobalance.report.results import Results
from cytobalance.report.wording import joint_span, percent, point_span, points

# A recipe and its classifier with their scores, as contest.py describes a winner.
Winner = dict[str, Any]


def write_headline(results: Results) -> str:
    """The verdict in one sentence with its numbers; "" where the study has none.

    The recipes are those that validation cells chose (contest.py).
    """
    best = results.contest and results.contest["cheap"]
    if not best or not can_tell(results, best):
        return ""
    record = record_of(results, best)
    kind = "simulated" if results.simulated else "real"
    text = (
        f"On {record['test']['all']['cells']:,} {kind} test cells no training has seen,"
        f" {_tell_rise(results, best)}"
    )
    synthetic = _tell_synthetic(results)
    return f"{text}; {synthetic}." if synthetic else f"{text}."


def record_of(results: Results, entry: Winner) -> Record:
    """Its record under `heldout`."""
    return results.records["heldout", entry["recipe"], entry["classifier"]]


def gain_of(results: Results, entry: Winner) -> Gain | None:
    """Over `plain` with the same classifier; None of `plain`."""
    return results.gains[entry["classifier"]].get(entry["recipe"])


def can_tell(results: Results, entry: Winner) -> bool:
    """Whether trials and groups are enough for a verdict on it."""
    gain = gain_of(results, entry)
    if gain is not None:
        return verdict(gain) not in (ONE_GROUP, ONE_TRIAL)
    record, difference = record_of(results, entry), results.contest["difference"]
    if difference and difference["verdict"] in (ONE_GROUP, ONE_TRIAL):
        return False
    repeated = record["trials"] > 1 or entry["classifier"] in results.deterministic
    return repeated and record["test"]["all"]["groups"] > 1


def _name(results: Results, entry: Winner) -> str:
    """The recipe, and its classifier where the study has several."""
    several = len(results.classifiers) > 1
    return entry["recipe"] + f" with {entry['classifier']}" * several


def judge_score(gain: Gain, score: str) -> str:
    """The verdict on one score of a gain, as on its balanced accuracy."""
    limits = gain[score]["joint_low"], gain[score]["joint_high"]
    return judge(*limits, gain["trials"], gain["deterministic"])


def _tell_rise(results: Results, best: Winner) -> str:
    """What the best cheap recipe changed in the recall of the rare classes."""
    gain, after = (
        gain_of(results, best),
        rare_recall(record_of(results, best), results.rare),
    )
    name = _name(results, best)
    if gain is None:
        return (
            f"no cheap recipe was chosen over no balancing ({name}), whose recall of "
            f"the rare classes is {percent(after)}"
        )
    change = gain["rare_recall"]
    if np.isnan(change["value"]):  # no rare class has test cells
        change, what = gain["balanced_accuracy"], "balanced accuracy"
        values = best["test"] - change["value"], best["test"]
        word = verdict(gain)
    else:
        what, values = "recall of the rare classes", (after - change["value"], after)
        word = judge_score(gain, "rare_recall")
    before, after = (percent(value) for value in values)
    change = f"{points(change['value'])} points {joint_span(change)}"
    if word in (HELPED, HURT):
        verb = {HELPED: "raised", HURT: "lowered"}[word]
        return (
            f"the best cheap recipe, {name}, {verb} {what} from {before} to {after} "
            f"({change})"
        )
    return (
        f"{what} went from {before} to {after} with the best cheap recipe, {name} "
        f"({change}: {word})"
    )


def _tell_synthetic(results: Results) -> str:
    """What synthetic cells add to the best cheap recipe; "" without any."""
    cheap, best = results.contest["cheap"], results.contest["synthetic"]
    difference = results.contest["difference"]
    if not difference:
        return ""
    change = (
        f"{points(difference['value'])} points of balanced accuracy "
        f"{point_span(difference)}: {AGAINST[difference['verdict']]}"
    )
    on_top = results.twins.get(best["recipe"]) == cheap["recipe"]
    if on_top and best["classifier"] == cheap["classifier"]:
        return f"synthetic cells on top added {change}"
    return (
        f"the best recipe with synthetic cells, {_name(results, best)}, differs from "
        f"it by {change}"
    )
