"""Read what experts wrote: CSV files in data/expert, as a spreadsheet saves them."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cytobalance.runtime import StudyError

EXPERT_FOLDER = Path("data/expert")
SHOWN = 20  # faulty rows named in one error; the rest are counted


def read_expert_files(names: Sequence[str], columns: Sequence[str]) -> pd.DataFrame:
    """All rows of the named files in data/expert, one table of stripped text.

    The result has `columns` and `where` ("file.csv line 7"). More columns in a file
    are left aside, so that a filled review sheet can be given back as it is.
    Raises StudyError where a file is missing, is no CSV table or lacks a column.
    """
    tables = []
    for name in names:
        path = EXPERT_FOLDER / name
        if not path.is_file():
            raise StudyError(
                f"{path} is missing; put the file there or take `{name}` out of "
                "params.yaml (simulated study: `make expert` writes it)"
            )
        try:
            # utf-8-sig: spreadsheets put a byte order mark first.
            table = pd.read_csv(
                path, dtype=str, keep_default_na=False, encoding="utf-8-sig"
            )
        except (ValueError, pd.errors.ParserError) as error:
            line = " ".join(str(error).split())
            raise StudyError(f"{path}: no CSV table in UTF-8 ({line})") from None
        missing = [column for column in columns if column not in table]
        if missing:
            raise StudyError(
                f"{path}: column missing: {', '.join(missing)}; "
                f"needed: {', '.join(columns)}"
            )
        table = table[list(columns)].fillna("").apply(lambda text: text.str.strip())
        table["where"] = [f"{name} line {2 + row}" for row in range(len(table))]
        tables.append(table)
    if not tables:
        return pd.DataFrame({column: [] for column in (*columns, "where")}, dtype=str)
    return pd.concat(tables, ignore_index=True)


def name_rows(rows: Sequence[str]) -> str:
    """Rows in one line, the first 20 by name and the rest as a count."""
    more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
    return "; ".join(rows[:SHOWN]) + more
