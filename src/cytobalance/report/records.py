"""The records of metrics/classifiers: reading them, and what one says by itself."""

from typing import Any

from cytobalance.study import places
from cytobalance.study.metrics import read_metrics
from cytobalance.study.stages import View

Record = dict[str, Any]
Records = dict[tuple[str, str, str], Record]  # (protocol, balancer, classifier) ->
_SCORES = {"overall": dict, "classes": dict, "confusion": list, "calibration": dict}
# What a file of metrics/classifiers must hold to be compared and drawn.
RECORD = {
    "simulated": bool,
    "trials": int,
    "confidence": float,
    "resamples": int,
    **dict.fromkeys(("classes", "rare_classes"), list),
    "cells": {part: dict for part in ("train", "test", "validation")},
    "views": {"real": list, "synthetic": list},
    "test": {"all": _SCORES},
    "validation": _SCORES,
    "curves": {"columns": list, "rows": list},
    "misses": {"columns": list, "rows": list},
}


def read_records(study: View) -> Records:
    """Every record of the study, by protocol, balancer and classifier.

    Raises StudyError where one is missing or damaged.
    """
    keys = [
        places.key(protocol, name)
        for protocol in study.protocols
        for name in study.training_names
    ]
    return {
        places.key_names(key): read_metrics(places.scores(key), RECORD) for key in keys
    }


def select_records(
    records: Records, protocol: str, classifier: str
) -> dict[str, Record]:
    """Those of one protocol and classifier: balancer -> record."""
    return {
        balancer: record
        for (p, balancer, c), record in records.items()
        if (p, c) == (protocol, classifier)
    }


def balanced_accuracy(record: Record) -> dict[str, float]:
    """Mean over trials, its limits and spread, of all test cells."""
    return record["test"]["all"]["overall"]["balanced_accuracy"]


def validation_accuracy(record: Record) -> float:
    """Balanced accuracy on validation cells, mean over trials: what choices rest on."""
    return record["validation"]["overall"]["balanced_accuracy"]["mean"]


def training_accuracy(record: Record) -> float:
    """Accuracy in the last epoch on cells as training saw them, mean over trials."""
    curves = record["curves"]
    column = curves["columns"].index("train_accuracy")
    last = {row[0]: row[column] for row in curves["rows"]}  # trial -> its last epoch's
    return sum(last.values()) / len(last)


def tested_classes(record: Record) -> list[str]:
    """Classes with test cells of a record, in class order: its means are over these."""
    classes = record["test"]["all"]["classes"]
    return [label for label, scores in classes.items() if scores["support"]]


def untested_classes(records: dict[str, Record]) -> dict[str, list[str]]:
    """Balancer -> classes without test cells, which its means leave out; where any.

    Under `paper` each balancer has other test cells, so its means may be over others.
    """
    lacking = {
        name: [c for c in record["classes"] if c not in tested_classes(record)]
        for name, record in records.items()
    }
    return {name: labels for name, labels in lacking.items() if labels}


def mean_recall(record: Record, classes: list[str]) -> float | None:
    """Balanced accuracy over some of the tested classes alone; None without any."""
    scores = record["test"]["all"]["classes"]
    values = [scores[label]["recall"][0] for label in classes]
    return sum(values) / len(values) if values else None


def rare_recall(record: Record, rare: list[str]) -> float | None:
    """Mean recall over the rare classes that have test cells."""
    tested = tested_classes(record)
    return mean_recall(record, [label for label in rare if label in tested])


def common_classes(record: Record, rare: list[str]) -> list[str]:
    """The tested classes that are not rare, in class order."""
    return [label for label in tested_classes(record) if label not in rare]
