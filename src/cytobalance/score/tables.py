"""The study's results as flat tables, for `dvc plots` and for anybody's own figures."""

from collections.abc import Callable

import pandas as pd

from cytobalance.score.findings import Findings

KEYS = ("protocol", "balancer", "classifier")


def table_scores(findings: Findings) -> pd.DataFrame:
    """One row a score of a classifier and of the kind of test cells (`scope`)."""
    rows = [
        [*key, scope, name, *(score[k] for k in ("mean", "sd", "low", "high"))]
        for key, record in findings.records.items()
        for scope, found in record["test"].items()
        for name, score in found["overall"].items()
    ]
    names = ["scope", "score", "mean", "sd", "low", "high"]
    return pd.DataFrame(rows, columns=[*KEYS, *names])


def table_recall(findings: Findings) -> pd.DataFrame:
    """One row a class of a classifier: recall, its interval, specificity, accuracy."""
    rows = [
        [
            *key,
            label,
            found["support"],
            *found["recall"],
            found["specificity"][0],
            found["accuracy"][0],
        ]
        for key, record in findings.records.items()
        for label, found in record["test"]["all"]["classes"].items()
        if "recall" in found
    ]
    names = ["label", "support", "recall", "low", "high", "specificity", "accuracy"]
    return pd.DataFrame(rows, columns=[*KEYS, *names])


def table_confusion(findings: Findings) -> pd.DataFrame:
    """One row a test cell and trial, which is what DVC's template counts."""
    rows = []
    for key, record in findings.records.items():
        classes = record["classes"]
        for actual, counts in zip(
            classes, record["test"]["all"]["confusion"], strict=True
        ):
            for predicted, mean in zip(classes, counts, strict=True):
                cells = round(mean * record["trials"])
                rows += [[actual, predicted, *key]] * cells
    return pd.DataFrame(rows, columns=["actual", "predicted", *KEYS])


def table_curves(findings: Findings) -> pd.DataFrame:
    """One row an epoch of a trial of a classifier."""
    rows = [
        [*key, *row]
        for key, record in findings.records.items()
        for row in record["curves"]["rows"]
    ]
    some = next(iter(findings.records.values()))
    return pd.DataFrame(rows, columns=[*KEYS, *some["curves"]["columns"]])


# Name of the CSV in plots/ -> what fills it.
TABLES: dict[str, Callable[[Findings], pd.DataFrame]] = {
    "scores": table_scores,
    "recall_by_class": table_recall,
    "confusion": table_confusion,
    "curves": table_curves,
}
