"""The study's results as flat tables, for `dvc plots` and for anybody's own figures."""

from collections.abc import Callable

import pandas as pd

from cytobalance.report.comparison import verdict, verdict_alone
from cytobalance.report.part_tables import table_parts
from cytobalance.report.records import Record
from cytobalance.report.results import Results
from cytobalance.study.params import BASELINE

# The score that a verdict is about.
JUDGED = "balanced_accuracy"
KEYS = ("data", "protocol", "balancer", "classifier")


def table_scores(results: Results) -> pd.DataFrame:
    """One row a score of a classifier and of the kind of test cells (`scope`)."""
    rows = [
        [
            _data(record),
            *key,
            scope,
            name,
            *(score[k] for k in ("mean", "sd", "low", "high")),
        ]
        for key, record in results.records.items()
        for scope, scores in record["test"].items()
        for name, score in scores["overall"].items()
    ]
    names = ["scope", "score", "mean", "sd", "low", "high"]
    return pd.DataFrame(rows, columns=[*KEYS, *names])


def table_recall(results: Results) -> pd.DataFrame:
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
        for key, record in results.records.items()
        for label, scores in record["test"]["all"]["classes"].items()
        if "recall" in scores
    ]
    names = ["label", "support", "recall", "low", "high", "specificity", "accuracy"]
    return pd.DataFrame(rows, columns=[*KEYS, *names])


def table_gains(results: Results) -> pd.DataFrame:
    """One row a score of a comparison on held-out cells: limits, each alone and joint.

    `verdict` follows the joint limits, `verdict_alone` the others.
    """
    gains = {
        (classifier, balancer, BASELINE): gain
        for classifier, over_plain in results.gains.items()
        for balancer, gain in over_plain.items()
    } | {(results.classifier, *pair): g for pair, g in results.against_cheap.items()}
    limits = ("value", "low", "high", "joint_low", "joint_high")
    data = "simulated" if results.simulated else "real"
    rows = [
        [data, *key, score, *(gain[score][limit] for limit in limits)]
        + ([verdict(gain), verdict_alone(gain)] if score == JUDGED else ["", ""])
        for key, gain in gains.items()
        for score in (JUDGED, "macro_f1", "accuracy", "rare_recall", "common_recall")
    ]
    names = ["data", "classifier", "balancer", "reference", "score", *limits]
    return pd.DataFrame(rows, columns=[*names, "verdict", "verdict_alone"])


def table_ranking(results: Results) -> pd.DataFrame:
    """One row a rare class of a classifier, of single trials and of all together."""
    scores = ("average_precision", "auroc", "sensitivity", "specificity")
    rows = [
        [
            _data(record),
            *key,
            label,
            kind,
            *(value for score in scores for value in ranked[score]),
            ranked["validation_sensitivity"],
            ranked["validation_specificity"],
        ]
        for key, record in results.records.items()
        for kind in ("trials", "together")
        for label, ranked in record.get("ranking", {}).get(kind, {}).items()
    ]
    limits = [f"{score}{end}" for score in scores for end in ("", "_low", "_high")]
    names = [*KEYS, "label", "of", *limits]
    ends = ["validation_sensitivity", "validation_specificity"]
    return pd.DataFrame(rows, columns=[*names, *ends])


def table_differential(results: Results) -> pd.DataFrame:
    """One row a class of a classifier and a way of counting: shares, agreement."""
    agreement = ("absolute_error", "bias", "agree_low", "agree_high")
    rows = [
        [
            _data(record),
            *key,
            way,
            label,
            counted[way]["whole"]["true"][i],
            counted[way]["whole"]["predicted"][i],
            counted["subjects"],
            *(_of_subjects(counted[way], name, i) for name in agreement),
        ]
        for key, record in results.records.items()
        if (counted := record.get("differential"))
        for way in ("counted", "summed")
        for i, label in enumerate(record["classes"])
    ]
    names = ["way", "label", "true", "predicted", "subjects", *agreement]
    return pd.DataFrame(rows, columns=[*KEYS, *names])


def _of_subjects(counted: dict, name: str, i: int) -> float | None:
    return counted["by_subject"][name][i] if counted["by_subject"] else None


def table_sources(results: Results) -> pd.DataFrame:
    """One row a class and source of a classifier: recall and its interval."""
    rows = [
        [_data(record), *key, source, label, *recall]
        for key, record in results.records.items()
        for source, scores in record.get("by_source", {}).items()
        for label, recall in scores["recall"].items()
    ]
    return pd.DataFrame(
        rows, columns=[*KEYS, "source", "label", "recall", "low", "high"]
    )


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
TABLES: dict[str, Callable[[Results], pd.DataFrame]] = {
    "scores": table_scores,
    "accuracy_by_part": table_parts,
    "recall_by_class": table_recall,
    "recall_by_source": table_sources,
    "gains": table_gains,
    "ranking_of_rare": table_ranking,
    "differential": table_differential,
}
