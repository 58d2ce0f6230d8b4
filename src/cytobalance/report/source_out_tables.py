"""The page's section on protocol `source_out`, beside `heldout` on the same classes."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from cytobalance.evaluate.classification import count_confusion, score_overall
from cytobalance.evaluate.intervals import bootstrap
from cytobalance.report.blocks import Cell, Table
from cytobalance.report.comparison import rebuild_predictions
from cytobalance.report.records import (
    Record,
    balanced_accuracy,
    tested_classes,
)
from cytobalance.report.wording import list_words, percent, span
from cytobalance.study.params import BASELINE
from cytobalance.study.runtime import random_stream
from cytobalance.taxonomy import readable

Score = dict[str, float | None]


@dataclass(frozen=True)
class SourceOut:
    """What the page says of the source that was left out.

    scored: cells of the source that were tested, and their classes; others: its cells
    of classes that training lacks, and these; untested: classes it has no cells of.
    scores: balanced accuracy of each recipe.
    """

    source: str
    scored: tuple[int, str]
    others: tuple[int, str]
    untested: str
    scores: Table


def gather_source_out(
    source_out: dict[str, Record],
    heldout: dict[str, Record],
    hold_out: pd.DataFrame,
    by_source: dict[str, dict[str, int]],
    source: str,
    seed: int,
) -> SourceOut | None:
    """The section, of one classifier; None without the protocol.

    source_out, heldout: balancer -> record; hold_out: table of data/hold_out.csv;
    by_source: class -> source -> cells (metrics/dataset.json); source: left out.
    """
    if not source_out:
        return None
    plain = source_out[BASELINE]
    classes = tested_classes(plain)
    cells = {label: row[source] for label, row in by_source.items() if source in row}
    lacking = {label: n for label, n in cells.items() if label not in classes}
    rows = [
        (
            name,
            _in_words(balanced_accuracy(record)),
            _in_words(score_classes_alone(heldout[name], classes, hold_out, seed)),
        )
        for name, record in source_out.items()
    ]
    header = ("balancer", f"source_out: {source}", "heldout, the same classes")
    tested = plain["test"]["all"]["cells"]
    return SourceOut(
        source=source,
        scored=(tested, _list(classes)),
        others=(sum(lacking.values()), _list(lacking)),
        untested=_list([c for c in plain["classes"] if c not in cells]),
        scores=Table(header, tuple(rows)),
    )


def score_classes_alone(
    record: Record, classes: list[str], hold_out: pd.DataFrame, seed: int
) -> Score:
    """Balanced accuracy of a `heldout` record over some classes: mean, low, high.

    Cells of the other classes are left out, as if the test part had none. The limits
    come from the bootstrap that the record's own come from.
    """
    if classes == tested_classes(record):
        return balanced_accuracy(record)
    whole = rebuild_predictions(record, hold_out)
    index = [record["classes"].index(label) for label in classes]
    kept = whole.select(pd.Series(whole.label).isin(index).to_numpy())
    seen = score_overall(
        count_confusion(kept.label, kept.predicted, len(record["classes"]))
    )
    key = (record["balancer"], record["classifier"])
    stream = random_stream(seed, "report", "source_out", *key)
    settings = record["confidence"], record["resamples"]
    limits = bootstrap(kept, score_overall, seen, *settings, stream)
    low, high = limits["balanced_accuracy"].tolist()
    return {"mean": float(seen["balanced_accuracy"].mean()), "low": low, "high": high}


def _in_words(score: dict[str, Any]) -> Cell:
    return Cell(percent(score["mean"]), span(score["low"], score["high"]))


def _list(classes) -> str:
    return list_words([readable(label) for label in classes])
