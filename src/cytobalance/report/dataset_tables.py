"""Tables of the page about the cells: in each part of a study, and how they came."""

from dataclasses import dataclass
from typing import Any

from cytobalance.report.blocks import Cell, Table
from cytobalance.report.records import Record
from cytobalance.report.wording import number, percent
from cytobalance.study.params import BASELINE
from cytobalance.taxonomy import readable


@dataclass(frozen=True)
class Curation:
    """What metrics/dataset.json holds: files in and out, sources, types, warnings."""

    counts: Table
    rejected: Table
    sources: Table
    types: Table
    warnings: tuple[str, ...]


def tabulate_cells(records: dict[str, Record]) -> Table:
    """Cells of each class in each part, before and after balancing.

    records: balancer -> record, of one protocol and classifier.
    """
    plain = records[BASELINE]
    others = [name for name in records if name != BASELINE]
    rows = []
    for i, label in enumerate(plain["classes"]):
        row = [readable(label), f"{plain['cells']['train']['real'][i]:,}"]
        for name in others:
            train = records[name]["cells"]["train"]
            real, synthetic = train["real"][i], train["synthetic"][i]
            row.append(f"{real:,} + {synthetic:,}" if synthetic else f"{real:,}")
        row += [
            f"{sum(plain['cells'][part][o][i] for o in ('real', 'synthetic')):,}"
            for part in ("validation", "test")
        ]
        rows.append(tuple(row))
    header = ("class", f"training: {BASELINE}", *others, "validation", "test")
    return Table(header, tuple(rows))


def tabulate_views(records: dict[str, Record]) -> Table:
    """Mean views of a real and of a synthetic cell of each class in one training.

    records: balancer -> record, of one protocol and classifier.
    """
    classes = records[BASELINE]["classes"]
    rows = [
        (readable(label), *(_tell_views(r["views"], i) for r in records.values()))
        for i, label in enumerate(classes)
    ]
    return Table(("class", *records), tuple(rows))


def tabulate_effort(records: dict[str, Record]) -> Table:
    """What one training saw, a row a recipe: its cells, and how often it saw any.

    records: balancer -> record, of one protocol and classifier.
    """
    rows = []
    for name, record in records.items():
        train, views = record["cells"]["train"], record["views"]
        shown = {
            origin: sum(
                cells * (seen or 0)
                for cells, seen in zip(train[origin], views[origin], strict=True)
            )
            for origin in ("real", "synthetic")
        }
        total = sum(shown.values())
        rows.append(
            (
                name,
                f"{sum(train['real']):,}",
                f"{sum(train['synthetic']):,}",
                f"{total:,.0f}",
                percent(shown["synthetic"] / total),
                f"{record['trials']}",
            )
        )
    header = ("recipe", "real cells", "synthetic cells", "views in one training")
    return Table((*header, "of synthetic cells", "trainings"), tuple(rows))


def _tell_views(views: dict[str, list[float | None]], i: int) -> Cell:
    """Of class `i`: real cells, and below them synthetic ones where it has any."""
    real, synthetic = views["real"][i], views["synthetic"][i]
    note = "" if synthetic is None else f"synthetic {_round_views(synthetic)}"
    return Cell("–" if real is None else _round_views(real), note)


def _round_views(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def tabulate_curation(dataset: dict[str, Any]) -> Curation:
    """The tables of metrics/dataset.json."""
    counts = {
        **{f"files or rows, {key}": value for key, value in dataset["files"].items()},
        "images relabelled by experts": dataset["relabelled"],
        "groups that stay on one side": dataset["groups"],
        "largest class over smallest": dataset["imbalance"],
    }
    rejected = [
        (stage, reason, f"{count:,}")
        for stage, reasons in dataset["rejected"].items()
        for reason, count in reasons.items()
    ]
    by_source = dataset["class_by_source"]
    names = list(dict.fromkeys(name for row in by_source.values() for name in row))
    sources = [
        (readable(label), *(f"{row.get(name, 0):,}" for name in names))
        for label, row in by_source.items()
    ]
    published, final = dataset["published_types"], dataset["types"]
    types = [
        (readable(name), f"{published.get(name, 0):,}", f"{final.get(name, 0):,}")
        for name in {**published, **final}
    ]
    return Curation(
        counts=Table(
            ("what", "count"), tuple((k, number(v)) for k, v in counts.items())
        ),
        rejected=Table(
            ("left out by", "reason", "files or rows"), tuple(rejected), prose=(1,)
        ),
        sources=Table(("class, by source", *names), tuple(sources)),
        types=Table(("type", "as published", "in the study"), tuple(types)),
        warnings=tuple(dataset["warnings"]),
    )
