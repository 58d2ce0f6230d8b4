"""The few numbers that a code review shows: metrics/summary.json."""

from typing import Any

from cytobalance.report.comparison import verdict
from cytobalance.report.records import (
    Record,
    balanced_accuracy,
    rare_recall,
    select_records,
    untested_classes,
)
from cytobalance.report.results import Results


def summarise(results: Results) -> dict[str, Any]:
    """Scores on held-out cells, gains and optimism, a part a classifier."""
    summary: dict[str, Any] = {
        "study": results.title,
        "simulated": results.simulated,
        "rare_classes": ", ".join(results.rare),
    }
    for classifier in results.classifiers:
        part: dict[str, Any] = {}
        if heldout := select_records(results.records, "heldout", classifier):
            part["heldout"] = _score(heldout, results.rare)
            part["gain"] = {
                name: {**gain["balanced_accuracy"], "verdict": verdict(gain)}
                for name, gain in results.gains[classifier].items()
            }
        paper = select_records(results.records, "paper", classifier)
        if optimism := results.optimism[classifier]:
            part |= _tell_optimism(optimism)
        elif paper:
            part["paper"] = {
                name: {"balanced_accuracy": balanced_accuracy(record)["mean"]}
                for name, record in paper.items()
            }
            if untested := untested_classes(paper):
                part["untested"] = {n: ", ".join(v) for n, v in untested.items()}
        summary[classifier] = part
    return summary


def _score(records: dict[str, Record], rare: list[str]) -> dict[str, Any]:
    return {
        name: {
            "balanced_accuracy": balanced_accuracy(record)["mean"],
            "macro_f1": record["test"]["all"]["overall"]["macro_f1"]["mean"],
            "rare_recall": rare_recall(record, rare),
        }
        for name, record in records.items()
    }


def _tell_optimism(optimism: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The values, and the classes that some are without."""
    part = {"optimism": {name: value["value"] for name, value in optimism.items()}}
    without = {n: ", ".join(v["left_out"]) for n, v in optimism.items()}
    if any(without.values()):
        part["optimism_without"] = {n: v for n, v in without.items() if v}
    return part
