"""Labels in a CSV table beside the images, as several layouts keep them."""

import csv
import io
from collections.abc import Iterator
from pathlib import PurePosixPath

from cytobalance.runtime import StudyError
from cytobalance.sources.entry import Entry, is_image_name
from cytobalance.sources.members import Archive, Rejected, UnreadableError


def find_labels(archive: Archive, pattern: str) -> str:
    """Name of the one table that matches `pattern`, a file name or `*.csv`.

    Raises StudyError where there is none, or more than one.
    """
    found = [f for f in archive.names() if PurePosixPath(f).match(pattern)]
    if len(found) != 1:
        raise StudyError(
            f"{archive.path.name}: must hold one {pattern}, but holds {len(found)}; "
            "see docs/sources.md"
        )
    return found[0]


def read_text(archive: Archive, file: str) -> str:
    """Text of the member `file` in UTF-8. Raises StudyError where it can't be read."""
    try:
        return archive.read(file).decode("utf-8-sig")
    except (UnreadableError, UnicodeDecodeError) as error:
        raise StudyError(f"{file}: {error}; it must be text in UTF-8") from None


def read_rows(archive: Archive, table: str, columns: tuple[str, ...]) -> list[dict]:
    """Rows of the CSV `table`, values stripped. Raises StudyError on a lacking column.

    Spreadsheet programs' byte order mark and semicolons are understood.
    """
    text = read_text(archive, table)
    head = text.partition("\n")[0]
    separator = ";" if ";" in head and "," not in head else ","
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
    missing = [name for name in columns if name not in (reader.fieldnames or ())]
    if missing:
        raise StudyError(
            f"{table}: column {', '.join(missing)} is missing; "
            f"the first line must name: {', '.join(columns)}"
        )
    return [
        {
            key: (value or "").strip()
            for key, value in row.items()
            if key in reader.fieldnames
        }
        for row in reader
    ]


def read_labels(
    archive: Archive,
    table: str,
    images: PurePosixPath,
    file: str,
    label: str,
    subject: str,
) -> Iterator[Entry | Rejected]:
    """Entries of `table`, whose columns are named `file`, `label` and `subject`.

    Files stand below the folder `images`. A row without a file, two rows that
    contradict each other, and an image without a row are rejected.
    """
    names = set(archive.names())
    unreadable = {item.file for item in archive.rejected} - names
    listed: dict[str, Entry] = {}
    rejected: dict[str, Rejected] = {}
    for row in read_rows(archive, table, (file, label, subject)):
        name = (images / row[file].replace("\\", "/")).as_posix()
        entry = Entry(name, row[label], row[subject])
        if name in unreadable:
            continue  # the archive has said why
        if name not in names:
            reason = f"listed in {PurePosixPath(table).name}, but not in the archive"
            rejected[name] = Rejected(name, reason, row[label])
        elif listed.setdefault(name, entry) != entry:
            reason = f"listed twice in {PurePosixPath(table).name}, not alike"
            rejected[name] = Rejected(name, reason)
    yield from rejected.values()
    for name, entry in listed.items():
        if name not in rejected:
            yield entry
    for name in sorted(names - set(listed)):
        if is_image_name(name):
            yield Rejected(name, f"not listed in {PurePosixPath(table).name}")
