"""The page's section on sources: recall of each class on each source's cells."""

from cytobalance.report.blocks import Cell, Table
from cytobalance.report.records import Record
from cytobalance.report.wording import percent, span
from cytobalance.taxonomy import readable


def tabulate_sources(record: Record) -> Table | None:
    """Recall of every class by source; None where there is one source alone."""
    sources = record.get("by_source")
    if not sources:
        return None
    first = (
        Cell("balanced accuracy", "of the classes it has", strong=True),
        *(percent(part["balanced_accuracy"]) for part in sources.values()),
    )
    rows = [
        (
            readable(label),
            *(_recall(part["recall"].get(label)) for part in sources.values()),
        )
        for label in record["classes"]
    ]
    header = (f"{name} ({part['cells']:,} cells)" for name, part in sources.items())
    return Table(("class", *header), (first, *rows))


def _recall(value: list[float] | None) -> Cell | str:
    return "–" if value is None else Cell(percent(value[0]), span(*value[1:]))
