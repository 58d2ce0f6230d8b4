"""Take in one source: its cells with a row each, its rejected files with a reason."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cytobalance.curation.decode import PREVIEW_SIDE
from cytobalance.curation.workers import Decoded, decode_at_one_depth
from cytobalance.sources.archive import open_archive
from cytobalance.sources.listing import Listing, list_source
from cytobalance.sources.members import Rejected
from cytobalance.study.cells import create_images
from cytobalance.study.runtime import StudyError, count_cores
from cytobalance.study.settings import Source
from cytobalance.study.tables import REJECTED_COLUMNS, write_table

# Rows moved at a time when rejected images leave holes; keeps memory flat.
BLOCK = 512
# Kinds of reasons that an error names, commonest first.
NAMED_REASONS = 3


@dataclass(frozen=True)
class Intake:
    """What became of a source: its cells (a table as cells.csv) and rejected files.

    deep: files of 16-bit samples that do not say how many bits are in use; largest: the
    largest value in all of them, which decided it. boxes: whether any cell was cut out
    of a larger image by its box.
    """

    cells: pd.DataFrame
    rejected: list[Rejected]
    deep: int
    largest: int
    boxes: bool


def take_in(
    name: str, source: Source, path: Path, size: int, folder: Path, processes: int = 0
) -> Intake:
    """Write the source `name`, whose archive is at `path`, into the empty `folder`.

    Writes images.npy uint8 [N, size, size, 3], previews.npy uint8 [N, 64, 64] (whole
    frame, grey), cells.csv and rejected.csv, rows sorted by file. processes: 0 takes
    all cores. Raises StudyError where the source is empty, has an unknown code,
    or loses all images of a type; rejected.csv is written before the last.
    """
    archive = open_archive(path)
    listing = list_source(name, source, archive)
    members = [
        (row, archive.members[entry.member], entry.box)
        for row, entry in enumerate(listing.entries)
    ]
    count = len(listing.entries)
    create_images(folder, count, size)
    _create_previews(folder / "previews.npy", count)
    # A fresh archive without its list: nothing large is copied into the workers.
    settings = (open_archive(path), source.crop, size, folder)
    results = decode_at_one_depth(name, members, settings, processes or count_cores())
    unread = [
        Rejected(listing.entries[done.row].file, done.reason, _label(listing, done.row))
        for done in results
        if done.reason
    ]
    rejected = sorted([*listing.rejected, *unread], key=lambda item: item.file)
    write_table(folder / "rejected.csv", _rejected_table(name, rejected))
    kept = [done for done in results if not done.reason]
    cells = _table(name, listing, kept)
    _check_types(name, listing, set(cells["type"]), unread)
    if unread:
        _close_gaps(folder, [done.row for done in kept], size)
    write_table(folder / "cells.csv", cells)
    deep = [done.largest for done in kept if done.largest]
    boxes = any(box for *_, box in members)
    return Intake(cells, rejected, len(deep), max(deep, default=0), boxes)


def _create_previews(path: Path, count: int) -> np.ndarray:
    shape = (count, PREVIEW_SIDE, PREVIEW_SIDE)
    return np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)


def _close_gaps(folder: Path, rows: list[int], size: int) -> None:
    """Keep only `rows` of the arrays in `folder`."""
    new = folder / "kept"
    new.mkdir()
    create_images(new, len(rows), size)
    _create_previews(new / "previews.npy", len(rows))
    for name in ("images.npy", "previews.npy"):
        for at in range(0, len(rows), BLOCK):
            old = np.load(folder / name, mmap_mode="r")
            kept = np.load(new / name, mmap_mode="r+")
            kept[at : at + BLOCK] = old[rows[at : at + BLOCK]]
        (new / name).replace(folder / name)
    new.rmdir()


def _label(listing: Listing, row: int) -> str:
    return listing.entries[row].raw_label


def _table(name: str, listing: Listing, kept: list[Decoded]) -> pd.DataFrame:
    """The table of cells.csv."""
    entries = [listing.entries[done.row] for done in kept]
    return pd.DataFrame(
        {
            "cell_id": [done.cell_id for done in kept],
            "source": name,
            "file": [entry.file for entry in entries],
            "subject": [entry.subject for entry in entries],
            "raw_label": [entry.raw_label for entry in entries],
            "type": [listing.codes[entry.raw_label] for entry in entries],
            "width": [done.width for done in kept],
            "height": [done.height for done in kept],
            "published_part": [entry.part for entry in entries],
        }
    )


def _rejected_table(name: str, rejected: list[Rejected]) -> pd.DataFrame:
    rows = [(name, r.file, r.raw_label, "ingest", r.reason) for r in rejected]
    return pd.DataFrame(rows, columns=list(REJECTED_COLUMNS))


def _check_types(
    name: str, listing: Listing, present: set[str], unread: list[Rejected]
) -> None:
    """Refuse a source of which all images of a type turned out unreadable."""
    listed = {listing.codes[entry.raw_label] for entry in listing.entries}
    if lost := sorted(listed - present):
        why = [item for item in unread if listing.codes[item.raw_label] in lost]
        raise StudyError(
            f"source {name}: no image of type {', '.join(lost)} could be read: "
            f"{_summarise(why)}; get the archive again, or leave the code out with "
            "`codes` in params.yaml"
        )


def _summarise(rejected: list[Rejected]) -> str:
    """The commonest kinds of reasons as text, each with its count and first file."""
    first: dict[str, str] = {}
    kinds: Counter[str] = Counter()
    for item in rejected:
        kind, _, detail = item.reason.partition(": ")
        first.setdefault(kind, f"{item.file}: {detail}" if detail else item.file)
        kinds[kind] += 1
    common = sorted(kinds.items(), key=lambda kind: (-kind[1], kind[0]))
    words = [f"{count} x {kind} ({first[kind]})" for kind, count in common]
    if others := sum(count for _, count in common[NAMED_REASONS:]):
        words[NAMED_REASONS:] = [f"{others} for other reasons"]
    return ", ".join(words)


def reasons(rejected: list[Rejected]) -> Iterator[tuple[str, int]]:
    """Each reason and how many files it left out, most frequent first."""
    counts = pd.Series([item.reason for item in rejected], dtype=str).value_counts()
    yield from sorted(counts.items(), key=lambda item: (-item[1], item[0]))
