"""The page's section on calibration: whether a recipe's confidence can be believed."""

from cytobalance.report.blocks import Cell, Table
from cytobalance.report.records import Record
from cytobalance.report.wording import percent, points


def tabulate_calibration(records: dict[str, Record]) -> Table:
    """A row a recipe, `plain` first, of single trials on the test cells.

    records: balancer -> record, of one protocol and classifier.
    """
    rows = []
    for name, record in records.items():
        scores = record["test"]["all"]["calibration"]
        confidence = _mean_confidence(scores["bins"])
        right = record["test"]["all"]["overall"]["accuracy"]["mean"]
        rows.append(
            (
                Cell(name, strong=True),
                f"{scores['ece']:.3f}",
                percent(confidence),
                percent(right),
                points(confidence - right),
                f"{scores['brier']:.3f}",
                f"{scores['log_loss']:.3f}",
            )
        )
    header = ("recipe", "calibration error", "mean confidence", "share right")
    header += ("too sure by, points", "Brier score", "log loss")
    return Table(header, tuple(rows))


def _mean_confidence(bins: dict[str, list[float | None]]) -> float:
    """Of all cells, from the means of the bins; an empty bin has none."""
    total = sum(
        count * (mean or 0)
        for count, mean in zip(bins["count"], bins["confidence"], strict=True)
    )
    return total / sum(bins["count"])
