"""The study's results as flat tables, for `dvc plots` and for anybody's own figures."""

from collections.abc import Callable

import pandas as pd

from cytobalance.report.records import Record, Records

KEYS = ("data", "protocol", "balancer", "classifier")


def table_scores(records: Records) -> pd.DataFrame:
    """One row a score of a classifier and of the kind of test cells (`scope`)."""
    rows = [
        [
            _data(record),
            *key,
            scope,
            name,
            *(score[k] for k in ("mean", "sd", "low", "high")),
        ]
        for key, record in records.items()
        for scope, scores in record["test"].items()
        for name, score in scores["overall"].items()
    ]
    names = ["scope", "score", "mean", "sd", "low", "high"]
    return pd.DataFrame(rows, columns=[*KEYS, *names])


def table_recall(records: Records) -> pd.DataFrame:
    """One row a class of a classifier: recall, its interval, specificity, accuracy."""
    rows = [
        [
            _data(record),
            *key,
            label,
            scores["support"],
            *scores["recall"],
            scores["specificity"][0],
            scores["accuracy"][0],
        ]
        for key, record in records.items()
        for label, scores in record["test"]["all"]["classes"].items()
        if "recall" in scores
    ]
    names = ["label", "support", "recall", "low", "high", "specificity", "accuracy"]
    return pd.DataFrame(rows, columns=[*KEYS, *names])


def _data(record: Record) -> str:
    """What the cells of a record are, in every row: a table has no heading."""
    return "simulated" if record["simulated"] else "real"


def table_confusion(record: Record) -> pd.DataFrame:
    """One row a test cell and trial of a classifier, which DVC's template counts."""
    rows = []
    classes = record["classes"]
    confusion = record["test"]["all"]["confusion"]
    for actual, counts in zip(classes, confusion, strict=True):
        for predicted, mean in zip(classes, counts, strict=True):
            rows += [[actual, predicted]] * round(mean * record["trials"])
    return pd.DataFrame(rows, columns=["actual", "predicted"])


def table_curves(record: Record) -> pd.DataFrame:
    """One row an epoch of a trial of a classifier."""
    curves = record["curves"]
    return pd.DataFrame(curves["rows"], columns=curves["columns"])


# Folder in plots/ -> what fills the CSV of each classifier.
CLASSIFIER_TABLES: dict[str, Callable[[Record], pd.DataFrame]] = {
    "confusion": table_confusion,
    "curves": table_curves,
}
# Name of the CSV in plots/tables -> what fills it.
TABLES: dict[str, Callable[[Records], pd.DataFrame]] = {
    "scores": table_scores,
    "recall_by_class": table_recall,
}
