"""C-NMC 2019, ALL against HEM: three training folds and the preliminary test set.

Training images are named `UID_<subject>_<image>_<cell>_all.bmp` or `_hem.bmp`; the
preliminary ones are numbered, and a table gives their names. The final set has no
labels and is left out. Raw labels are `all` and `hem`.
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from cytobalance.sources.entry import Entry, is_image_name
from cytobalance.sources.labels import read_rows
from cytobalance.sources.members import Archive, Rejected

CODES: dict[str, str | None] = {}
# HEM subjects have an H before the number: H11 is not 11. One is spelt h3.
NAME = re.compile(r"UID_(H?\d+)_\d+_\d+_(all|hem)\.bmp", re.IGNORECASE)
COLUMNS = ("Patient_ID", "new_names", "labels")
CLASSES = {"1": "all", "0": "hem"}


def list_entries(archive: Archive) -> Iterator[Entry | Rejected]:
    """Entries with the published part: folds are `train`, the preliminary set `test`.

    The preliminary set's own number 1 is ALL and 0 is HEM.
    """
    rows: dict[str, dict] = {}
    for file in archive.names():
        if "prelim" in file and PurePosixPath(file).suffix == ".csv":
            rows |= {r["new_names"]: r for r in read_rows(archive, file, COLUMNS)}
            yield Rejected(file, "labels, not an image", by_rule=True)
    for file in archive.names():
        path = PurePosixPath(file)
        if not is_image_name(file):
            continue
        if hit := NAME.fullmatch(path.name):
            yield _entry(file, hit, path.parent.name, "train")
        elif "prelim" in file:
            yield _preliminary(file, rows.pop(path.name, None))
        elif path.stem.isdigit():
            yield Rejected(file, "no label: final test set", by_rule=True)
    for name in rows:
        yield Rejected(name, "listed in the preliminary set's table, but not there")


def _entry(file: str, hit: re.Match, other: str, part: str) -> Entry | Rejected:
    """The entry that a name spells, unless `other`, a second word on it, differs."""
    subject, label = hit[1].upper(), hit[2].lower()
    if {label, other} == {"all", "hem"}:
        return Rejected(file, f"its name says {label}, its folder or table {other}")
    return Entry(file, label, subject, part)


def _preliminary(file: str, row: dict | None) -> Entry | Rejected:
    if row is None:
        return Rejected(file, "no label: not listed in the preliminary set's table")
    hit = NAME.fullmatch(row["Patient_ID"])
    if hit is None:
        return Rejected(file, f"no subject in its name `{row['Patient_ID']}`")
    return _entry(file, hit, CLASSES.get(row["labels"], ""), "test")
