"""Take in one source: decode, check, crop and shrink every image on all cores."""

import os
import warnings
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import wait
from pathlib import Path
from threading import Thread

import cv2
import numpy as np
import pandas as pd

from cytobalance.curation.decode import (
    PREVIEW_SIDE,
    crop_centre,
    cut_box,
    decode_picture,
    preview,
    shrink,
)
from cytobalance.curation.pixels import find_depth
from cytobalance.sources.archive import open_archive
from cytobalance.sources.entry import Box
from cytobalance.sources.listing import Listing, list_source
from cytobalance.sources.members import Archive, Member, Rejected, UnreadableError
from cytobalance.study.cells import create_images, pixel_id
from cytobalance.study.runtime import StudyError, count_cores, show_progress
from cytobalance.study.settings import Source
from cytobalance.study.tables import REJECTED_COLUMNS, write_table

# Images a worker takes at a time: small enough to share out, large enough to be cheap.
CHUNK = 64
# Rows moved at a time when rejected images leave holes; keeps memory flat.
BLOCK = 512
# An image whose largest value needs so many bits fewer than its source's is below a
# sixteenth of the brightness: black, or of another camera.
UNCLEAR_BITS = 4
# Kinds of reasons that an error names, commonest first.
NAMED_REASONS = 3
# A cell's row, the archive's member that holds it, and where in it if not all of it.
Place = tuple[int, Member, Box | None]


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


@dataclass(frozen=True, slots=True)
class Decoded:
    """A worker's report on an image: its place in the listing, facts or a reason."""

    row: int
    cell_id: str = ""
    width: int = 0
    height: int = 0
    largest: int = 0
    reason: str = ""


def take_in(
    name: str, source: Source, path: Path, size: int, folder: Path, processes: int = 0
) -> Intake:
    """Write the source `name`, whose archive is at `path`, into the empty `folder`.

    Writes images.npy uint8 [N, size, size, 3], previews.npy uint8 [N, 64, 64] (whole
    frame, grey), cells.csv and rejected.csv, rows sorted by file. processes: 0 takes
    all cores. Raises StudyError where the source is empty, has a code that is not
    known, or loses all images of a type; rejected.csv is written before the last.
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
    results = _decode_at_one_depth(name, members, settings, processes or count_cores())
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


def _decode_at_one_depth(
    name: str, members: list[Place], settings: tuple, processes: int
) -> list[Decoded]:
    """Decode all members; 16-bit samples at the depth that the largest of all needs.

    Judged one by one, a dark image would be taken for one of fewer bits, and become
    brighter than its neighbours: such are decoded again. One that is darker than
    UNCLEAR_BITS explain may come from another camera, and is left out.
    """
    results = _decode_all(name, members, (*settings, 0), processes)
    top = max(done.largest for done in results)
    depth = find_depth(top)
    dark, kept = set(), []
    for done in results:
        missing = depth - find_depth(done.largest) if done.largest else 0
        if missing >= UNCLEAR_BITS:
            reason = (
                f"bits in use unclear: 16-bit samples up to {done.largest}, where "
                f"others of this source reach {top}; save it with 8 bits"
            )
            kept.append(Decoded(done.row, reason=reason))
        elif missing:
            dark.add(done.row)
        else:
            kept.append(done)
    if dark:
        members = [member for member in members if member[0] in dark]
        kept += _decode_all(name, members, (*settings, depth), processes)
    return sorted(kept, key=lambda done: done.row)


def _decode_all(
    name: str, members: list[Place], settings: tuple, processes: int
) -> list[Decoded]:
    """Decode all members, each into its row of the arrays; results sorted by row."""
    # In the archive's own order: sequential on disk, and the only cheap way in tar.gz.
    members = sorted(members, key=lambda item: (item[1].position, item[0]))
    chunks = [members[at : at + CHUNK] for at in range(0, len(members), CHUNK)]
    processes = min(processes, len(chunks))
    results: list[Decoded] = []
    try:
        with ProcessPoolExecutor(processes, None, _start_worker, settings) as pool:
            steps = pool.map(_decode_chunk, chunks)
            for done in show_progress(steps, len(chunks), name, "chunk"):
                results += done
    except BrokenProcessPool:
        raise StudyError(
            f"source {name}: a decoding process was killed, likely for memory; close "
            "other programs and run again"
        ) from None
    return sorted(results, key=lambda done: done.row)


_worker: tuple[Archive, float | int, int, Path, int]


def _start_worker(
    archive: Archive, crop: float | int, size: int, folder: Path, depth: int
) -> None:
    """Set up a worker process: where to read and write, no decoder's chatter."""
    global _worker
    _worker = (archive, crop, size, folder, depth)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    warnings.simplefilter("ignore")
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this worker when its stage is killed: it would wait, or write, for ever."""
    wait([parent_process().sentinel])
    os._exit(1)


def _decode_chunk(chunk: list[Place]) -> list[Decoded]:
    """Decode the members of a chunk into their rows of the arrays on disk."""
    archive, crop, size, folder, depth = _worker
    # Mapped for this chunk only: pages written do not pile up in the worker's memory.
    images = np.asarray(np.load(folder / "images.npy", mmap_mode="r+"))
    previews = np.asarray(np.load(folder / "previews.npy", mmap_mode="r+"))
    results = []
    latest = None
    for row, member, box in chunk:
        try:
            if member != latest:  # boxes of one image follow each other
                picture = decode_picture(archive.read_member(member), depth)
                latest = member
            pixels = cut_box(picture.pixels, box) if box else picture.pixels
        except UnreadableError as error:
            results.append(Decoded(row, reason=str(error)))
            continue
        images[row] = shrink(crop_centre(pixels, crop), size)
        previews[row] = preview(pixels)
        height, width = pixels.shape[:2]
        results.append(Decoded(row, pixel_id(pixels), width, height, picture.largest))
    return results


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
    """The commonest kinds of reasons in words, each with its count and first file."""
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
