"""The pipeline's CSV tables: their columns and types, read strictly, written the same.

Text is text: a file named `0001`, a class named `true` and a label `NA` come back as
they were written. Columns of numbers and of truth values are declared here.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cytobalance.study import places
from cytobalance.study.damage import damaged, reading
from cytobalance.study.runtime import atomic_file

MAYBE = float | None  # a finite number, or empty


@dataclass(frozen=True)
class Form:
    """What a table holds: columns in their order, each str, int, float, bool or MAYBE.

    more: what the names of further columns begin with, which all hold floats; None
    where there are none.
    """

    columns: dict[str, type]
    more: str | None = None


def _text(names: str) -> dict[str, type]:
    return dict.fromkeys(names.split(), str)


_CELL = _text("cell_id source file subject raw_label type")
_SHAPE = {"width": int, "height": int}
_REJECTED = Form(_text("source file raw_label stage reason"))

# Where tables lie, a pattern -> their form.
FORMS = {
    places.ingested("*") / "cells.csv": Form(_CELL | _SHAPE | _text("published_part")),
    places.ingested("*") / "rejected.csv": _REJECTED,
    places.unread("*"): _REJECTED,
    places.RELABELLED: Form(
        _text("source file cell_id subject raw_label")
        | _SHAPE
        | _text("published_part published_type type dropped")
    ),
    places.DUPLICATES / "clusters.csv": Form(
        _text("source file cell_id cluster action reason type")
    ),
    places.DUPLICATES / "pairs.csv": Form(
        _text("kind source_a file_a source_b file_b")
        | dict.fromkeys(("turn", "hash_distance"), MAYBE)  # none of `related` pairs
        | dict.fromkeys(("shift_x", "shift_y", "difference"), MAYBE)
        | {"correlation": float}
    ),
    places.DUPLICATES / "families.csv": Form(_text("family source file type")),
    places.DUPLICATES / "warnings.csv": Form(_text("warning")),
    # One that is never empty stands last: Excel leaves out the last separators of rows
    # whose last cells are empty, and such rows count as short.
    places.DUPLICATES / "review.csv": Form(
        _text("cluster source file type decision annotator date proposed")
    ),
    # `group` holds what must stay on one side of a split; `published_part` is train,
    # validation or test where the source came split.
    places.CELL_TABLE: Form(
        _CELL | _text("label group") | _SHAPE | _text("published_part")
    ),
    places.CELLS / "rejected.csv": _REJECTED,
    places.HOLD_OUT: Form(_text("cell_id label group part") | {"pool": bool}),
    places.SOURCE_OUT: Form(_text("cell_id label group part")),
    places.synthetic("*", "*") / "cells.csv": Form(_text("cell_id label parent")),
    places.picks("*", "*") / "cells.csv": Form(
        _text("label kind") | dict.fromkeys(("ratio", "distance"), MAYBE)
    ),
    places.split("*", "*"): Form(
        _text("cell_id origin") | {"row": int} | _text("label part") | {"weight": float}
    ),
    # Probabilities: a column a class.
    places.predictions("*"): Form(
        {"trial": int} | _text("part cell_id origin label predicted"), more="p_"
    ),
    # Views of all cells of a class and origin together, in one trial.
    places.views("*"): Form(
        {"trial": int} | _text("label origin") | {"cells": int, "views": int}
    ),
    places.curves("*"): Form(
        {"trial": int, "epoch": int, "train_loss": float, "train_accuracy": float}
        | {"validation_loss": float, "validation_accuracy": float}
    ),
    # The losses differ between GANs.
    places.gan("*", "*") / "losses.csv": Form({"iteration": int}, more=""),
    places.gan("*", "*") / "drawings.csv": Form({"iteration": int}),
}


def form_of(path: Path) -> Form:
    """The declared form of the table at `path`, or of all tables of a pattern."""
    return next(form for place, form in FORMS.items() if path.match(str(place)))


def columns_of(path: Path) -> tuple[str, ...]:
    """The declared columns of the table at `path`, as `form_of`."""
    return tuple(form_of(path).columns)


CELL_COLUMNS = columns_of(places.CELL_TABLE)
REJECTED_COLUMNS = columns_of(places.CELLS / "rejected.csv")


def read_table(path: Path) -> pd.DataFrame:
    """Read one of the tables of FORMS; text stays text, and empty text empty.

    Raises StudyError naming the stage that mends it where the file is missing, cut
    short, no CSV table, or holds other columns or values than were declared.
    """
    path = Path(path)
    form = form_of(path)
    with reading(path):
        text = path.read_bytes().decode("utf-8")
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    if not text.endswith("\n"):  # the last thing that is written
        raise damaged(path, "is cut short" if text else "is empty")
    names = rows[0]
    fixed, further = names[: len(form.columns)], names[len(form.columns) :]
    strange = [n for n in further if form.more is None or not n.startswith(form.more)]
    if fixed != list(form.columns) or strange or len(set(names)) < len(names):
        raise damaged(path, f"has other columns than {', '.join(form.columns)}")
    for number, row in enumerate(rows, 1):
        if len(row) != len(names):
            what = f"has {len(row)} values in row {number}, not {len(names)}"
            raise damaged(path, what)
    values = zip(*rows[1:], strict=True) if len(rows) > 1 else [()] * len(names)
    table = {}
    for name, column in zip(names, values, strict=True):
        kind = form.columns.get(name, float)
        try:
            table[name] = _convert(column, kind)
        except (ValueError, OverflowError):
            what = f"has values in column {name} that are no {NOUNS[kind]}"
            raise damaged(path, what) from None
    return pd.DataFrame(table)


NOUNS = {int: "whole numbers", float: "finite numbers", bool: "True or False"}
NOUNS[MAYBE] = NOUNS[float]


def check_labels(table: pd.DataFrame, classes: tuple[str, ...], path: Path) -> None:
    """Refuse a table of `path` with a label that is no class of the study."""
    if strange := sorted(set(table["label"]) - set(classes)):
        raise damaged(path, f"has the label {strange[0]!r}, no class of merge.classes")


def _convert(values: Sequence[str], kind: object) -> pd.Series:
    """A column of text as its kind; ValueError where a value isn't of it."""
    if kind is bool:
        if not {"True", "False"}.issuperset(values):
            raise ValueError
        return pd.Series([value == "True" for value in values], dtype=bool)
    if kind is str:
        return pd.Series(values, dtype=str)
    if kind is MAYBE:
        filled = np.array([value != "" for value in values], dtype=bool)
        numbers = pd.Series(np.nan, range(len(values)))
        numbers[filled] = _convert([v for v in values if v], float).to_numpy()
        return numbers
    numbers = np.array(values, dtype=str).astype(kind)
    if not np.isfinite(numbers).all():
        raise ValueError
    return pd.Series(numbers)


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a CSV table atomically, with the same bytes for the same input."""
    text = table.select_dtypes(exclude="number")
    # Python before 3.13 leaves a carriage return without quotes, and it ends the row.
    torn = any("\r" in str(value) for name in text for value in text[name])
    with atomic_file(path) as partial:
        table.to_csv(
            partial,
            index=False,
            lineterminator="\n",
            float_format="%.6g",
            quoting=csv.QUOTE_ALL if torn else csv.QUOTE_MINIMAL,
        )
