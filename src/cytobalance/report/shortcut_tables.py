"""The page's section on shortcuts: what metrics/shortcuts.json measured, as tables."""

from dataclasses import dataclass
from typing import Any

from cytobalance.report.blocks import Cell, Table
from cytobalance.report.wording import percent
from cytobalance.taxonomy import readable


@dataclass(frozen=True)
class Shortcuts:
    """sources: a row a class of several sources, None without any; border: one row."""

    sources: Table | None
    border: Table


def tabulate_shortcuts(shortcuts: dict[str, Any]) -> Shortcuts:
    """The tables of metrics/shortcuts.json."""
    several = {
        label: score
        for label, score in shortcuts["source"].items()
        if len(score["cells"]) + len(score["left_out"]) > 1
    }
    header = ("balanced accuracy", "by chance", "compared", "too few cells or groups")
    rows = tuple(
        (readable(label), *_describe(score)) for label, score in several.items()
    )
    border = _describe(shortcuts["border"], readable)
    sources = Table(("source of the cells of", *header), rows, prose=(3, 4))
    return Shortcuts(sources if rows else None, Table(header, (border,), prose=(2, 3)))


def _describe(score: dict[str, Any], name=str) -> tuple[Cell | str, ...]:
    """Score and chance, then the cells that took part and those that did not."""
    measured = score["balanced_accuracy"] is not None
    lists = (
        ", ".join(f"{name(key)} {cells:,}" for key, cells in score[part].items())
        for part in ("cells", "left_out")
    )
    value = percent(score["balanced_accuracy"]) if measured else "not measured"
    chance = percent(score["chance"])
    return Cell(value, strong=measured), chance, *(text or "–" for text in lists)
