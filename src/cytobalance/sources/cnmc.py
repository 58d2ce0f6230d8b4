"""C-NMC 2019, ALL against HEM: three training folds and the preliminary test set.

Training images are named `UID_<subject>_<image>_<cell>_all.bmp` or `_hem.bmp`; the
preliminary ones (phase 2 of the challenge) are numbered, and a table gives their names.
The final set (phase 3) has no labels and is left out. Raw labels are `all` and `hem`.
Folders as TCIA publishes them, or as the challenge's entrants do: `fold_0/all`,
`phase2/1.bmp`, `phase2.csv`, `phase3/1.bmp`.
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from cytobalance.sources.entry import Entry, is_image_name
from cytobalance.sources.labels import read_rows
from cytobalance.sources.members import Archive, Rejected
from cytobalance.study.runtime import StudyError

CODES: dict[str, str | None] = {}
# HEM subjects have an H before the number: H11 is not 11. One is spelt h3.
NAME = re.compile(r"UID_(H?\d+)_\d+_\d+_(all|hem)\.bmp", re.IGNORECASE)
PRELIMINARY = re.compile(r"prelim|phase[ _-]?2", re.IGNORECASE)
FINAL = re.compile(r"final|phase[ _-]?3", re.IGNORECASE)
COLUMNS = ("Patient_ID", "new_names", "labels")
CLASSES = {"1": "all", "0": "hem"}
ABSENT = "listed in the preliminary set's table, but not there"


def list_entries(archive: Archive) -> Iterator[Entry | Rejected]:
    """Entries with the published part: folds are `train`, the preliminary set `test`.

    In the preliminary set's table 1 is ALL and 0 is HEM. Raises StudyError where it
    has a table, and none of its images is found.
    """
    rows: dict[str, dict[str, str]] = {}
    for file in archive.names():
        name = PurePosixPath(file).name
        if PRELIMINARY.search(name) and name.lower().endswith(".csv"):
            _take_rows(rows, archive, file)
            yield Rejected(file, "labels, not an image", by_rule=True)
    images = [file for file in archive.names() if is_image_name(file)]
    for file in images:
        if item := _enter(file, rows):
            yield item
    labelled = {PurePosixPath(file).name for file in images if _is_labelled(file)}
    absent = [
        name for name, r in rows.items() if not {name, r["Patient_ID"]} & labelled
    ]
    if rows and len(absent) == len(rows):
        raise StudyError(
            f"{archive.path.name}: holds the table of the preliminary set, but none of "
            "its images; put them into a folder named phase2 or "
            "C-NMC_test_prelim_phase_data, or take the table out"
        )
    yield from (Rejected(name, ABSENT) for name in absent)


def _take_rows(rows: dict[str, dict[str, str]], archive: Archive, file: str) -> None:
    """Add the rows of the table `file` to those of others, by the image's name."""
    for line, row in read_rows(archive, file, COLUMNS)[list(COLUMNS)].iterrows():
        row = {column: value.strip() for column, value in row.items()}
        if rows.setdefault(row["new_names"], row) != row:
            raise StudyError(
                f"{file}, line {line}: {row['new_names']} stands twice, not alike; get "
                "the table again"
            )


def _is_labelled(file: str) -> bool:
    """Whether an image is of the folds, or of the preliminary set."""
    path = PurePosixPath(file)
    in_set = PRELIMINARY.search(path.parent.name)
    return bool(NAME.fullmatch(path.name) or in_set)


def _enter(file: str, rows: dict[str, dict[str, str]]) -> Entry | Rejected | None:
    """What an image is by its name and folder; None where it is none of the set's."""
    path = PurePosixPath(file)
    if hit := NAME.fullmatch(path.name):
        # Some give the preliminary images their names from the table.
        renamed = any(PRELIMINARY.search(folder) for folder in path.parts[-3:-1])
        return _entry(file, hit, path.parent.name, "test" if renamed else "train")
    if PRELIMINARY.search(path.parent.name):
        return _preliminary(file, rows.get(path.name))
    if FINAL.search(path.parent.name):
        return Rejected(file, "no label: final test set", by_rule=True)
    if path.stem.isdigit():
        reason = "no label: its folder is none of the preliminary or final set"
        return Rejected(file, reason)
    return None


def _entry(file: str, hit: re.Match, other: str, part: str) -> Entry | Rejected:
    """The entry that a name encodes, unless a second label, `other`, differs."""
    subject, label = hit[1].upper(), hit[2].lower()
    if {label, other.lower()} == {"all", "hem"}:
        return Rejected(file, f"its name says {label}, its folder or table {other}")
    return Entry(file, label, subject, part)


def _preliminary(file: str, row: dict[str, str] | None) -> Entry | Rejected:
    if row is None:
        return Rejected(file, "no label: not listed in the preliminary set's table")
    hit = NAME.fullmatch(row["Patient_ID"])
    if hit is None:
        return Rejected(file, f"no subject in its name `{row['Patient_ID']}`")
    if row["labels"] not in CLASSES:
        return Rejected(file, f"its label `{row['labels']}` is neither 1 nor 0")
    return _entry(file, hit, CLASSES[row["labels"]], "test")
