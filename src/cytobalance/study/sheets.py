"""The one strict reader of tables that people write: CSV as spreadsheets save it."""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Sequence

import pandas as pd

from cytobalance.study.names import compose
from cytobalance.study.runtime import StudyError

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}
# A spreadsheet's cell holds no more; a longer one has swallowed rows for a lost quote.
LONGEST = 32_767
# Spreadsheets may write this before the heading.
HINT = re.compile(r'"?sep=([,;\t])"?(?=[\r\n])')
ENCODE = "save it as `CSV UTF-8`"

# csv's limit is lower, and its error names no way out.
csv.field_size_limit(2**31 - 1)

Row = tuple[int, list[str]]  # line of the file, from 1, and its fields


def read_sheet(data: bytes, name: str, columns: Sequence[str]) -> pd.DataFrame:
    """The CSV table in `data`: all values text as they stand, the index their lines.

    Commas, semicolons or tabs; UTF-8 or, by its mark, UTF-16; any line ends; blank
    lines, blanks around the columns' names and nameless columns without values are
    left aside. columns: those that are needed; others are kept. name: the file, for
    errors. Raises StudyError where a row is not as long as the heading, a column is
    missing or stands twice, or quotes do not fit.
    """
    text = decode_text(data, name)
    hint = HINT.match(text)
    if hint:  # the line stays, so that lines are still counted rightly
        text = text[hint.end() :]
    separator = hint[1] if hint else _find_separator(text, columns)
    rows = _split(text, separator, name)
    if not rows:
        raise StudyError(
            f"{name}: is empty; the first line must name: {', '.join(columns)}"
        )
    heading = [compose(field.strip()) for field in rows[0][1]]
    _check_heading(heading, columns, name)
    _check_lengths(rows, SEPARATORS[separator], name)
    _check_nameless(heading, rows, name)
    table = {
        column: [fields[place] for _, fields in rows[1:]]
        for place, column in enumerate(heading)
        if column
    }
    lines = pd.Index([line for line, _ in rows[1:]], name="line", dtype=int)
    sheet = pd.DataFrame(table, index=lines, dtype=str)
    _check_values(sheet[list(columns)], name)
    return sheet


def decode_text(data: bytes, name: str) -> str:
    """Text of a file in UTF-8 or, by its mark, UTF-16, without that mark.

    Raises StudyError naming the line that is neither.
    """
    marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = data.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = 1 + data.count(b"\n", 0, error.start)
        raise StudyError(f"{name}, line {line}: no text in UTF-8; {ENCODE}") from None
    if "\0" in text:
        raise StudyError(f"{name}: no text, but a program's own format; {ENCODE}")
    return text


def _read(text: str, separator: str, strict: bool):
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=strict)


def _find_separator(text: str, columns: Sequence[str]) -> str:
    """The separator by which the heading names the most of `columns`, then the most."""

    def count(separator: str) -> tuple[int, int]:
        rows = (row for row in _read(text, separator, strict=False) if any(row))
        heading = [field.strip() for field in next(rows, [])]
        return len({*columns}.intersection(heading)), len(heading)

    return max(SEPARATORS, key=count)


def _split(text: str, separator: str, name: str) -> list[Row]:
    """Rows that hold anything."""
    reader = _read(text, separator, strict=True)
    rows, line = [], 1
    try:
        for fields in reader:
            if any(field.strip() for field in fields):
                rows.append((line, fields))
            line = reader.line_num + 1
    except csv.Error:
        raise StudyError(
            f"{name}, line {line}: a quotation mark too many or too few; in a quoted "
            "field write each twice"
        ) from None
    return rows


def _check_heading(heading: list[str], columns: Sequence[str], name: str) -> None:
    twice = [c for c, count in Counter(filter(None, heading)).items() if count > 1]
    if twice:
        raise StudyError(
            f"{name}: column {', '.join(map(repr, twice))} stands twice; take one out, "
            "or rename it"
        )
    missing = [column for column in columns if column not in heading]
    if missing:
        raise StudyError(
            f"{name}: column {', '.join(missing)} is missing; the first line must "
            f"name: {', '.join(columns)}; it names: {', '.join(map(repr, heading))}"
        )


def _check_lengths(rows: list[Row], separator: str, name: str) -> None:
    """Refuse rows that are shorter or longer than the heading: their columns shift."""
    width = len(rows[0][1])
    odd = [(line, len(fields)) for line, fields in rows if len(fields) != width]
    if odd:
        more = f" (and {len(odd) - 1} more rows)" if len(odd) > 1 else ""
        raise StudyError(
            f"{name}, line {odd[0][0]}{more}: {odd[0][1]} fields, the heading has "
            f"{width}; put a field that holds a {separator} in quotes, and give each "
            "row all fields"
        )


def _check_nameless(heading: list[str], rows: list[Row], name: str) -> None:
    """Refuse values under no name; a first column may count rows, as pandas' index."""
    for place, column in enumerate(heading[1:], 1):
        line = next((n for n, fields in rows if fields[place].strip()), None)
        if not column and line:
            raise StudyError(
                f"{name}, line {line}: column {place + 1} holds a value, but has no "
                "name; name it in the first line"
            )


def _check_values(sheet: pd.DataFrame, name: str) -> None:
    for column in sheet:
        long = sheet[column].str.len() > LONGEST
        if long.any():
            line = sheet.index[long][0]
            raise StudyError(
                f"{name}, line {line}: over {LONGEST:,} characters in column {column}; "
                "a quotation mark is missing"
            )
