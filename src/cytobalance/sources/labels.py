"""Labels in a CSV table beside the images, as several layouts keep them."""

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

import pandas as pd

from cytobalance.sources.boxes import read_box
from cytobalance.sources.entry import Entry, is_image_name
from cytobalance.sources.members import Archive, Rejected, UnreadableError
from cytobalance.study.names import Names, compose
from cytobalance.study.runtime import StudyError
from cytobalance.study.sheets import decode_text, read_sheet

LISTED = "listed in {}, but not in the archive"
SHOWN = 3  # rows and images named where none fits


@dataclass(frozen=True)
class Labels:
    """A table of labels in an archive.

    table: its name there. sheet: its rows, as `read_sheet` gives them. images: the
    folder from which its files count; `..` leads out of it. columns: of the file, the
    label and the subject. edges: columns of the box, where a row is a cell in a larger
    image; none where each image is a cell.
    """

    table: str
    sheet: pd.DataFrame
    images: PurePosixPath
    columns: tuple[str, str, str]
    edges: tuple[str, ...] = ()

    @property
    def short(self) -> str:
        """The table's name without its folder."""
        return PurePosixPath(self.table).name


def find_labels(archive: Archive, *patterns: str) -> str:
    """Name of the one table that matches a pattern, as `*.csv`, in any case.

    Raises StudyError where there is none, or more than one.
    """
    candidates = [
        file
        for file in archive.names()
        if any(PurePosixPath(file.lower()).match(pattern) for pattern in patterns)
    ]
    if len(candidates) != 1:
        named = f" ({', '.join(map(repr, candidates[:SHOWN]))})" if candidates else ""
        raise StudyError(
            f"{archive.path.name}: must hold one {' or '.join(patterns)}, but holds "
            f"{len(candidates)}{named}; see docs/sources.md"
        )
    return candidates[0]


def read_text(archive: Archive, file: str) -> str:
    """Text of the member `file`. Raises StudyError where it can't be read."""
    return decode_text(_read(archive, file), file)


def read_rows(archive: Archive, table: str, columns: tuple[str, ...]) -> pd.DataFrame:
    """The CSV `table` as `read_sheet` gives it; raises StudyError as that does."""
    return read_sheet(_read(archive, table), table, columns)


def list_labels(archive: Archive, labels: Labels) -> Iterator[Entry | Rejected]:
    """Entries of a table; a cell in a larger image is named `<file>[<box>]`.

    Its subject is that of the image's other cells or, where none is given, that image;
    where several are given the cells are rejected. A row without a file or with a
    faulty box, rows that contradict each other, and an image without a row are
    rejected. Raises StudyError where there are rows, and none names an image.
    """
    _, label, subject = labels.columns
    located = _locate(archive, labels)
    listed: dict[str, Entry] = {}
    rejected: dict[str, Rejected] = {}
    for (name, reason), (line, row) in zip(located, _rows(labels), strict=True):
        if name is None:
            continue  # the archive gave the reason
        code = row[label].strip()
        entry = Entry(name, code, compose(row[subject].strip()))
        place = name
        if labels.edges and not reason:
            try:
                entry = _cut(entry, row, labels.edges)
            except ValueError as error:
                place, reason = f"{name} ({labels.short} line {line})", str(error)
        if reason:
            rejected[place] = Rejected(place, reason, code, field=name)
            continue
        held = listed.setdefault(entry.file, entry)
        if held != entry:
            reason = f"listed twice in {labels.short}, not alike"
            rejected[entry.file] = Rejected(entry.file, reason)
        elif held is not entry:
            place = f"{entry.file} ({labels.short} line {line})"
            reason = f"listed again in {labels.short}, alike"
            rejected[place] = Rejected(place, reason, code, True, name)
    yield from rejected.values()
    entries = [entry for name, entry in listed.items() if name not in rejected]
    yield from _share_subjects(entries) if labels.edges else entries
    named = {name for name, _ in located}
    for name in archive.names():
        if is_image_name(name) and name not in named:
            yield Rejected(name, f"not listed in {labels.short}")


def _read(archive: Archive, file: str) -> bytes:
    try:
        return archive.read(file)
    except UnreadableError as error:
        raise StudyError(f"{file}: {error}; get the archive again") from None


def _rows(labels: Labels) -> Iterator[tuple[int, dict[str, str]]]:
    """Line and values of each row."""
    records = labels.sheet.to_dict("records")
    yield from zip(labels.sheet.index, records, strict=True)


def _locate(archive: Archive, labels: Labels) -> list[tuple[str | None, str]]:
    """For each row the archive's file, or where it should be and why it is not there.

    (None, "") for a file that the archive holds and rejects.
    """
    names = Names(archive.names())
    unreadable = Names({item.file for item in archive.rejected} - {*archive.names()})
    file = labels.columns[0]
    located: list[tuple[str | None, str]] = []
    for line, row in _rows(labels):
        places = [_place(labels, text) for text in (row[file], row[file].strip())]
        if not row[file].strip():
            located.append((f"{labels.short} line {line}", "row without a file"))
        elif name := names.find(*places):
            located.append((name, ""))
        elif unreadable.find(*places):
            located.append((None, ""))
        else:
            located.append((places[1], LISTED.format(labels.short)))
    if located and all(reason for _, reason in located):
        raise StudyError(_explain(labels, archive.names()))
    return located


def _place(labels: Labels, written: str) -> str:
    """Where in the archive the file of a row lies."""
    path = posixpath.join(labels.images.as_posix(), written.replace("\\", "/"))
    return posixpath.normpath(path)


def _cut(entry: Entry, row: dict[str, str], edges: tuple[str, ...]) -> Entry:
    """The entry of one box of the image. Raises ValueError with the reason."""
    box = read_box(row, edges)
    return replace(
        entry,
        file=f"{entry.file}[{','.join(map(str, box))}]",
        field=entry.file,
        box=box,
    )


def _share_subjects(entries: list[Entry]) -> Iterator[Entry | Rejected]:
    """Boxes with the one subject of their image, so that no image is torn apart."""
    given: dict[str, set[str]] = {}
    for entry in entries:
        given.setdefault(entry.field, set()).update({entry.subject} - {""})
    for entry in entries:
        subjects = sorted(given[entry.field])
        if len(subjects) > 1:
            named = ", ".join(map(repr, subjects[:SHOWN]))
            reason = f"its image has several subjects: {named}"
            yield Rejected(entry.file, reason, entry.raw_label, field=entry.field)
        else:
            yield replace(entry, subject=(*subjects, entry.field)[0])


def _explain(labels: Labels, names: list[str]) -> str:
    """One line on a table none of whose rows names a file of the archive."""
    written = labels.sheet[labels.columns[0]].str.strip().tolist()
    places = [compose(_place(labels, text)) for text in written if text]
    held = [compose(name) for name in names if is_image_name(name)]
    forms = {
        "with capital and small letters alike": str.lower,
        "without endings": lambda name: posixpath.splitext(name)[0],
        "without folders": posixpath.basename,
        "without folders and endings, letters alike": (
            lambda name: PurePosixPath(name).stem.lower()
        ),
    }
    hint = "paths count from the table's folder; see docs/sources.md"
    for words, form in forms.items():
        held_names = {form(name) for name in held}
        if count := sum(form(place) in held_names for place in places):
            hint = f"compared {words} {count} would fit: write them as the files are"
            break
    return (
        f"{labels.table}: none of its {len(written)} rows names a file of the archive; "
        f"first rows: {', '.join(map(repr, written[:SHOWN]))}; first images: "
        f"{', '.join(map(repr, held[:SHOWN])) or 'none'}; {hint}"
    )
