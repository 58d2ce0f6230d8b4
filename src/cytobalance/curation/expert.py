"""Read what experts wrote: CSV files in data/expert, as a spreadsheet saves them."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cytobalance.study import places
from cytobalance.study.names import Names, compose, find_path
from cytobalance.study.runtime import StudyError
from cytobalance.study.sheets import read_sheet

SHOWN = 20  # faulty rows named in one error; the rest are counted


def read_expert_files(
    names: Sequence[str], columns: Sequence[str], cells: pd.DataFrame
) -> pd.DataFrame:
    """All rows of the named files in data/expert, one table of stripped text.

    columns: those needed, `source` and `file` among them. cells: source and file of
    the ingested cells; where `file` differs from one of them in the way accents are
    written, or by blanks around it, it becomes that one. The result has `columns` and
    `where` ("file.csv line 7"). More columns in a file are left aside, so that a
    filled review sheet can be given back as it is. Raises StudyError where a file is
    missing or no sound table (`read_sheet`).
    """
    tables = []
    for name in names:
        path = _find_file(name)
        sheet = read_sheet(path.read_bytes(), path.as_posix(), columns)
        table = sheet[list(columns)].reset_index(drop=True)
        for column in set(columns) - {"file"}:
            table[column] = table[column].map(lambda text: compose(text.strip()))
        table["where"] = [f"{name} line {line}" for line in sheet.index]
        tables.append(table)
    if not tables:
        return pd.DataFrame({column: [] for column in (*columns, "where")}, dtype=str)
    table = pd.concat(tables, ignore_index=True)
    held = {source: Names(rows["file"]) for source, rows in cells.groupby("source")}
    nothing = Names(())
    table["file"] = [
        held.get(source, nothing).find(file) or file.strip()
        for source, file in zip(table["source"], table["file"], strict=True)
    ]
    return table


def _find_file(name: str) -> Path:
    """The file `name` in data/expert."""
    path = find_path(places.EXPERT, name)
    if not path.is_file():
        raise StudyError(
            f"{path} is missing; put the file there or take `{name}` "
            "out of params.yaml (simulated study: `make expert` writes it)"
        )
    return path


def name_rows(rows: Sequence[str]) -> str:
    """Rows in one line, the first 20 by name and the rest as a count."""
    more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
    return "; ".join(rows[:SHOWN]) + more
