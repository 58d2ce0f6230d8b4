"""Scores on training, validation and test cells side by side: what each one says."""

from typing import Any

import pandas as pd

from cytobalance.report.blocks import GroupedTable
from cytobalance.report.records import Record, select_records, training_accuracy
from cytobalance.report.results import Results
from cytobalance.report.wording import percent, points

PARTS = ("training cells", "validation cells", "test cells")


def accuracy_by_part(record: Record) -> tuple[float, float, float]:
    """Accuracy on training cells as drawn, on validation cells, on test cells."""
    return (
        training_accuracy(record),
        record["validation"]["overall"]["accuracy"]["mean"],
        record["test"]["all"]["overall"]["accuracy"]["mean"],
    )


def tabulate_parts(results: Results) -> GroupedTable:
    """Accuracy by part, a row a recipe, of the classifier that is shown in full."""
    protocols = results.dealt_alike
    of_protocol = {
        p: select_records(results.records, p, results.classifier) for p in protocols
    }
    rows = []
    for name in results.shown:
        cells = []
        for protocol in protocols:
            scores = accuracy_by_part(of_protocol[protocol][name])
            gap = points(scores[0] - scores[-1])
            cells.append((*(percent(score) for score in scores), gap))
        rows.append((name, tuple(cells)))
    columns = (*PARTS, "training − test, points")
    groups = tuple((f"accuracy, protocol {p}", columns) for p in protocols)
    return GroupedTable("balancer", groups, tuple(rows))


def tell_parts(results: Results) -> str:
    """The recipe that training cells would have chosen, and what it is worth."""
    scores = {name: accuracy_by_part(r) for name, r in results.shown.items()}
    best = {
        part: max(scores, key=lambda name: scores[name][i])
        for i, part in enumerate(PARTS)
    }
    chosen, winner = best[PARTS[0]], best[PARTS[-1]]
    text = (
        f"By its training cells {chosen} is the most accurate, with "
        f"{percent(scores[chosen][0])}; on test cells it has "
        f"{percent(scores[chosen][-1])}"
    )
    if winner == chosen:
        return f"{text}, the most there too."
    return f"{text}, and {winner} has the most, {percent(scores[winner][-1])}."


def table_parts(results: Results) -> pd.DataFrame:
    """One row a part of a classifier: its accuracy there."""
    rows: list[list[Any]] = []
    for key, record in results.records.items():
        data = "simulated" if record["simulated"] else "real"
        names = ("training", "validation", "test")
        scores = zip(names, accuracy_by_part(record), strict=True)
        rows += [[data, *key, part, score] for part, score in scores]
    names = ["data", "protocol", "balancer", "classifier", "part", "accuracy"]
    return pd.DataFrame(rows, columns=names)
