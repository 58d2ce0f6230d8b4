"""The paper's numbers beside this study's, for a study that rebuilds the paper."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from cytobalance.report.blocks import GroupedTable
from cytobalance.report.published import PAPERS, Paper, PublishedTable
from cytobalance.report.records import Record, training_accuracy
from cytobalance.report.results import Results
from cytobalance.study.params import BASELINE


def _overall(score: str) -> Callable[[Record], float | None]:
    return lambda record: 100 * record["test"]["all"]["overall"][score]["mean"]


def _recall(place: int) -> Callable[[Record], float | None]:
    """Recall of a class by its index; None where it has no test cells."""

    def score(record: Record) -> float | None:
        label = record["classes"][place]
        recall = record["test"]["all"]["classes"][label].get("recall")
        return recall and 100 * recall[0]

    return score


# Key of a score -> what it is of a classifier's record, in percent.
SCORES: dict[str, Callable[[Record], float | None]] = {
    **{
        name: _overall(name)
        for name in (
            *("accuracy", "balanced_accuracy", "macro_f1", "macro_precision"),
            "macro_specificity",
        )
    },
    "train_accuracy": lambda record: 100 * training_accuracy(record),
    "validation_accuracy": lambda record: (
        100 * record["validation"]["overall"]["accuracy"]["mean"]
    ),
    # Of two classes the first is the disease: ALL is 0, HEM is 1.
    "sensitivity": _recall(0),
    "specificity": _recall(1),
}
# What a row is -> heading of its name.
ROWS = {"gan": "GAN", "classifier": "classifier", "recipe": "recipe"}
# Measures of a GAN that are shares; the papers print them in percent.
SHARES = ("label_precision", "label_recall", "label_f1")


@dataclass(frozen=True)
class Beside:
    """A published table and this study's numbers for its rows.

    names: rows that the study has. ours: protocol -> name -> key -> number or None.
    """

    table: PublishedTable
    names: tuple[str, ...]
    ours: dict[str, dict[str, dict[str, float | None]]]


@dataclass(frozen=True)
class Published:
    """The page's section: a title, a table and notes for each published table."""

    paper: str
    differences: tuple[str, ...]
    tables: tuple[tuple[str, GroupedTable, tuple[str, ...]], ...]


def pair_tables(
    results: Results, gans: dict[str, dict[str, Any]]
) -> tuple[Beside, ...]:
    """Every table of the paper with a row that the study has; none without a paper.

    gans: `protocol-gan` -> metrics/gan.
    """
    if results.paper is None:
        return ()
    pairs = []
    for table in PAPERS[results.paper].tables:
        ours = {
            protocol: _find_ours(table, protocol, results, gans)
            for protocol in reversed(results.dealt_alike)  # first as the paper did
        }
        names = tuple(
            name for name in table.rows if any(name in o for o in ours.values())
        )
        if names:
            pairs.append(Beside(table, names, ours))
    return tuple(pairs)


def _find_ours(
    table: PublishedTable, protocol: str, results: Results, gans: dict[str, Any]
) -> dict[str, dict[str, float | None]]:
    """Name -> key -> number of this study under one protocol."""
    found = {}
    for name in table.rows:
        if table.of == "gan":
            if measured := gans.get(f"{protocol}-{name}"):
                overall = measured["overall"]
                found[name] = {k: _find_measure(overall, k) for k in table.ours}
            continue
        recipe, classifier = (name, results.classifier)
        if table.of == "classifier":
            recipe, classifier = table.recipe, name
        if record := results.records.get((protocol, recipe, classifier)):
            found[name] = {key: SCORES[key](record) for key in table.ours}
    return found


def _find_measure(overall: dict[str, Any], key: str) -> float | None:
    """One measure of a GAN, shares in percent."""
    value = overall.get(key)
    return 100 * value if key in SHARES and value is not None else value


def show_published(
    results: Results, pairs: tuple[Beside, ...], side: int
) -> Published | None:
    """The page's section; None where there is nothing to compare.

    side: pixels a side of the study's cells.
    """
    if not pairs:
        return None
    paper = PAPERS[results.paper]
    return Published(
        paper.name,
        _tell_differences(results, paper, side),
        tuple(
            (pair.table.title, _lay_out(pair, results), pair.table.notes)
            for pair in pairs
        ),
    )


def _lay_out(pair: Beside, results: Results) -> GroupedTable:
    """The published columns first, then this study's, protocol by protocol."""
    table = pair.table
    data = "simulated" if results.simulated else "real"
    with_whom = f", {results.classifier}" if table.of == "recipe" else ""
    groups = [(f"published ({PAPERS[results.paper].name})", table.columns)]
    for protocol in pair.ours:
        heading = f"this study ({data} cells){with_whom}, protocol {protocol}"
        groups.append((heading, tuple(table.ours.values())))
    rows = []
    for name in pair.names:
        cells = [tuple(_write_printed(value) for value in table.rows[name])]
        for ours in pair.ours.values():
            values = ours.get(name, {})
            cells.append(tuple(_write_ours(values.get(key)) for key in table.ours))
        rows.append((name, tuple(cells)))
    return GroupedTable(ROWS[table.of], tuple(groups), tuple(rows))


def _write_printed(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"


def _write_ours(value: float | None) -> str:
    return "–" if value is None else f"{value:.{1 if value >= 10 else 3}f}"


def _tell_differences(results: Results, paper: Paper, side: int) -> tuple[str, ...]:
    """What stands between the two columns, before anything is read from them."""
    record = results.shown[BASELINE]
    count = sum(sum(part["real"]) for part in record["cells"].values())
    kind = "simulated" if results.simulated else "real"
    classes = len(record["classes"])
    texts = [
        f"Cells: {count:,} {kind} ones of {classes} classes, {side} pixels a side; in "
        f"the paper {paper.cells}.",
        f"Protocol: {paper.split} Test cells of “paper” are partly synthetic, and the "
        f"GAN saw the real ones. Under “heldout” all test cells are {kind} and were "
        "never seen. Neither paper has such a number.",
        "Settings that the paper leaves open are ours (docs/papers.md).",
    ]
    if results.simulated:
        texts.insert(
            0,
            "Simulated cells neither confirm nor refute a published number: the two "
            "groups of columns are of different cells.",
        )
    return tuple(texts)


def table_published(results: Results, pairs: tuple[Beside, ...]) -> pd.DataFrame:
    """One row a number, the paper's or ours: `source` and `data` say whose it is."""
    rows = []
    data = "simulated" if results.simulated else "real"
    for pair in pairs:
        table = pair.table
        head = [PAPERS[results.paper].name, table.title]
        for name in pair.names:
            printed = zip(table.columns, table.rows[name], strict=True)
            rows += [
                [*head, "published", "published", "", name, heading, value]
                for heading, value in printed
            ]
            for protocol, ours in pair.ours.items():
                about = [*head, "this study", data, protocol, name]
                rows += [
                    [*about, table.ours[key], value]
                    for key, value in ours.get(name, {}).items()
                ]
    names = ["paper", "table", "source", "data", "protocol", "name", "score", "value"]
    return pd.DataFrame(rows, columns=names)
