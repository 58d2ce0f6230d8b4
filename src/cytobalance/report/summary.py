"""metrics/summary.json: the few numbers that a code review shows."""

from collections.abc import Iterator
from typing import Any

from cytobalance.report.comparison import verdict
from cytobalance.report.records import (
    balanced_accuracy,
    rare_recall,
    select_records,
    untested_classes,
)
from cytobalance.report.results import Results

# Numbers at most, so that `dvc metrics diff` stays a table that is read.
MOST = 59


def summarise(results: Results) -> dict[str, Any]:
    """The contest of the best recipes, then each classifier's scores while they fit.

    Blocks come in order of use: scores of every classifier, gains, optimism. One that
    would bring more than MOST numbers is left out and named in `left_out`; all stand
    in plots/tables.
    """
    summary: dict[str, Any] = {
        "study": results.title,
        "simulated": results.simulated,
        "rare_classes": ", ".join(results.rare),
    }
    if results.contest:
        summary["best"] = results.contest
    summary |= {name: {} for name in results.classifiers}
    left_out = []
    for classifier, block, values in _blocks(results):
        if count_numbers(summary) + count_numbers(values) <= MOST:
            summary[classifier][block] = values
        else:
            left_out.append(f"{block} of {classifier}")
    summary = {key: value for key, value in summary.items() if value != {}}
    return summary | ({"left_out": ", ".join(left_out)} if left_out else {})


def count_numbers(value: Any) -> int:
    """How many numbers a part of the summary holds; text and truth are none."""
    if isinstance(value, dict):
        return sum(map(count_numbers, value.values()))
    return isinstance(value, int | float) and not isinstance(value, bool)


def _blocks(results: Results) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Classifier, name and content of every block, the most useful first."""
    classifiers = results.classifiers
    if "heldout" in results.protocols:
        for name in classifiers:
            yield name, "heldout", _scores(results, name)
        for name in classifiers:
            yield name, "gain", _gains(results, name)
    for name in classifiers:
        for block, values in _flattery(results, name).items():
            yield name, block, values


def _scores(results: Results, classifier: str) -> dict[str, Any]:
    return {
        name: {
            "balanced_accuracy": balanced_accuracy(record)["mean"],
            "rare_recall": rare_recall(record, results.rare),
        }
        for name, record in select_records(
            results.records, "heldout", classifier
        ).items()
    }


def _gains(results: Results, classifier: str) -> dict[str, Any]:
    """Over `plain`, with the limits that the verdict follows."""
    return {
        name: {
            "value": gain["balanced_accuracy"]["value"],
            "low": gain["balanced_accuracy"]["joint_low"],
            "high": gain["balanced_accuracy"]["joint_high"],
            "verdict": verdict(gain),
        }
        for name, gain in results.gains[classifier].items()
    }


def _flattery(results: Results, classifier: str) -> dict[str, dict[str, Any]]:
    """By how much the papers' protocol flatters, or its scores where it is alone."""
    blocks: dict[str, dict[str, Any]] = {}
    if optimism := results.optimism[classifier]:
        blocks["optimism"] = {name: value["value"] for name, value in optimism.items()}
        left_out = {n: ", ".join(v["left_out"]) for n, v in optimism.items()}
        if any(left_out.values()):
            blocks["optimism_without"] = {n: v for n, v in left_out.items() if v}
    elif records := select_records(results.records, "paper", classifier):
        blocks["paper"] = {
            name: {"balanced_accuracy": balanced_accuracy(record)["mean"]}
            for name, record in records.items()
        }
        if untested := untested_classes(records):
            blocks["untested"] = {n: ", ".join(v) for n, v in untested.items()}
    return blocks
