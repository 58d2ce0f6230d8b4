"""The page's section on the differential count: predicted against true shares."""

from dataclasses import dataclass

import numpy as np

from cytobalance.report.blocks import Cell, Table
from cytobalance.report.records import Record
from cytobalance.report.wording import list_words, percent, points, span
from cytobalance.taxonomy import readable

# A way of counting -> how the page names it.
WAYS = {"counted": "cells counted", "summed": "probabilities summed"}


@dataclass(frozen=True)
class Differential:
    """Shares over all test cells, and the agreement over subjects where there are some.

    blasts: the classes that are blasts; mixed: those that mix them with others; empty
    text where there are none. subjects: what is left of them, in words.
    """

    shares: Table
    blasts: str
    mixed: str
    agreement: Table | None
    subjects: str


def gather_differential(records: dict[str, Record]) -> Differential | None:
    """That of every balancer; None where a record has no real test cells.

    records: balancer -> record, of one protocol and classifier.
    """
    counts = {name: record.get("differential") for name, record in records.items()}
    if not all(counts.values()):
        return None
    some = next(iter(counts.values()))
    classes = next(iter(records.values()))["classes"]
    return Differential(
        shares=_tabulate_shares(counts, classes),
        blasts=list_words([readable(label) for label in some["blast_classes"]]),
        mixed=list_words([readable(label) for label in some["mixed_classes"]]),
        agreement=_tabulate_agreement(counts),
        subjects=_count_subjects(some),
    )


def _tabulate_shares(counts: dict[str, dict], classes: list[str]) -> Table:
    """A row a class, a column a balancer; then blasts and the mean error."""
    whole = {name: f["counted"]["whole"] for name, f in counts.items()}
    true = next(iter(whole.values()))["true"]
    rows = [
        (
            readable(label),
            percent(true[i]),
            *(_share(w["predicted"][i], true[i]) for w in whole.values()),
        )
        for i, label in enumerate(classes)
    ]
    for way, words in WAYS.items():
        parts = [f[way]["whole"] for f in counts.values()]
        if parts[0]["blasts"]:
            blasts = [part["blasts"] for part in parts]
            first = Cell("blasts together", words, strong=True)
            predicted = [part["predicted"] for part in blasts]
            shares = (Cell(percent(share), span(*ends)) for share, *ends in predicted)
            rows.append((first, percent(blasts[0]["true"]), *shares))
            wrong = [part["error"] for part in blasts]
            errors = (Cell(points(error), _limits(*ends)) for error, *ends in wrong)
            rows.append((Cell("error of blasts, points", words), "", *errors))
        errors = (f"{100 * part['absolute_error']:.2f}" for part in parts)
        rows.append((Cell("mean absolute error, points", words), "", *errors))
    return Table(("class", "true share", *counts), tuple(rows))


def _share(predicted: float, true: float) -> Cell:
    return Cell(percent(predicted), points(predicted - true))


def _limits(low: float | None, high: float | None) -> str:
    return "no interval" if low is None else f"[{points(low)}, {points(high)}]"


def _tabulate_agreement(counts: dict[str, dict]) -> Table | None:
    """A row a balancer and way of counting, over subjects; None without subjects."""
    rows = []
    for name, differential in counts.items():
        for way, words in WAYS.items():
            by_subject = differential[way]["by_subject"]
            if not by_subject:
                continue
            error = f"{100 * np.mean(by_subject['absolute_error']):.2f}"
            rows.append((Cell(name, words, strong=True), error, *_agree(by_subject)))
    header = (
        "balancer",
        "mean absolute error, all classes",
        "mean absolute error, blasts",
        "mean difference, blasts",
        "limits of agreement, blasts",
    )
    return Table(header, tuple(rows)) if rows else None


def _agree(by_subject: dict) -> tuple[str, ...]:
    blasts = by_subject.get("blasts")
    if not blasts:
        return "–", "–", "–"
    return (
        f"{100 * blasts['absolute_error']:.2f}",
        points(blasts["bias"]),
        f"{points(blasts['agree_low'])} to {points(blasts['agree_high'])}",
    )


def _count_subjects(some: dict) -> str:
    """How many subjects are compared, and why others are not."""
    least = f"{some['least_cells']} test cells"
    if some["subjects"] < 2:
        return f"No two subjects have at least {least}, so none are compared."
    left = some["cells"] - some["cells_of_subjects"]
    return (
        f"{some['subjects']} subjects have at least {least}. Left out here: "
        f"{some['subjects_too_small']} smaller ones; they and cells without a subject "
        f"are {left:,} of {some['cells']:,} test cells."
    )
