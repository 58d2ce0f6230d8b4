"""The page's section on ranking of the rare: numbers at a specificity."""

from dataclasses import dataclass

from cytobalance.report.blocks import Cell, Table
from cytobalance.report.records import Record
from cytobalance.report.wording import percent, span
from cytobalance.taxonomy import readable


@dataclass(frozen=True)
class Ranking:
    """How every balancer ranks the rare classes' cells, all trials together.

    specificity: the one that was asked for, in percent.
    """

    specificity: str
    table: Table


def gather_ranking(records: dict[str, Record], rare: list[str]) -> Ranking | None:
    """Classes one after the other; None where no record ranks any.

    records: balancer -> record, of one protocol and classifier.
    """
    rows = [
        (Cell(readable(label), name), *_row(record, label))
        for label in rare
        for name, record in records.items()
        if label in _ranked(record)
    ]
    if not rows:
        return None
    asked = next(r["ranking"]["specificity"] for r in records.values() if _ranked(r))
    header = (
        "class, balancer",
        "test cells",
        "average precision",
        "AUROC",
        "sensitivity",
        "specificity reached",
        "on validation cells",
        "threshold",
    )
    return Ranking(f"{100 * asked:.4g} %", Table(header, tuple(rows)))


def _ranked(record: Record) -> dict:
    """Rare class -> ranking by all trials together."""
    return record.get("ranking", {}).get("together", {})


def _row(record: Record, label: str) -> tuple[Cell | str, ...]:
    ranked = _ranked(record)[label]
    whole = record["differential"]["counted"]["whole"]["true"]
    share = whole[record["classes"].index(label)]
    validation = ranked["validation_sensitivity"], ranked["validation_specificity"]
    return (
        f"{share * record['differential']['cells']:.0f}",
        _score(ranked["average_precision"], f"chance {share:.3f}"),
        _score(ranked["auroc"], "chance 0.500"),
        *(
            Cell(percent(ranked[name][0]), span(*ranked[name][1:]))
            for name in ("sensitivity", "specificity")
        ),
        Cell(percent(validation[1]), f"sensitivity {percent(validation[0])}"),
        f"{ranked['threshold']:.4g}",
    )


def _score(value: list[float | None], chance: str) -> Cell:
    """An area of 0 to 1 with its limits."""
    mean, low, high = value
    limits = "no interval" if low is None else f"[{low:.3f}, {high:.3f}]"
    return Cell(f"{mean:.3f}", f"{limits}, {chance}")
