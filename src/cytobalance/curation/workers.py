"""Decode all images of a source on all cores, each into its row of the arrays."""

import os
import warnings
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import wait
from pathlib import Path
from threading import Thread

import cv2
import numpy as np

from cytobalance.curation.decode import (
    crop_centre,
    cut_box,
    decode_picture,
    preview,
    shrink,
)
from cytobalance.curation.pixels import UNCLEAR_BITS, find_depth
from cytobalance.sources.entry import Box
from cytobalance.sources.members import Archive, Member, UnreadableError
from cytobalance.study.cells import pixel_id
from cytobalance.study.progress import show_progress
from cytobalance.study.runtime import StudyError

# Images a worker takes at a time: small enough to share out, large enough to be cheap.
CHUNK = 64
# A cell's row, the archive's member that holds it, and where in it if not all of it.
Place = tuple[int, Member, Box | None]


@dataclass(frozen=True, slots=True)
class Decoded:
    """A worker's report on an image: its place in the listing, facts or a reason."""

    row: int
    cell_id: str = ""
    width: int = 0
    height: int = 0
    largest: int = 0
    reason: str = ""


def decode_at_one_depth(
    name: str, members: list[Place], settings: tuple, processes: int
) -> list[Decoded]:
    """Decode all members; 16-bit samples at the depth that the largest of all needs.

    settings: archive, crop, size of the images and folder of the arrays, as
    `_start_worker` takes them. Results are sorted by row.

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
    # In the order of the archive: sequential on disk, and the only cheap way in tar.gz.
    members = sorted(members, key=lambda item: (item[1].position, item[0]))
    chunks = [members[at : at + CHUNK] for at in range(0, len(members), CHUNK)]
    processes = min(processes, len(chunks))
    results: list[Decoded] = []
    try:
        with ProcessPoolExecutor(processes, None, _start_worker, settings) as pool:
            steps = pool.map(_decode_chunk, chunks)
            unit = f"parts of {CHUNK} files"
            for done in show_progress(
                steps, len(chunks), desc=f"reading {name}", unit=unit
            ):
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
    """End this worker when its stage is killed: it would wait, or write, forever."""
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
