"""New image files, read as `ingest` reads those of a study, a batch at a time."""

import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cytobalance.curation.decode import crop_centre, decode_picture, shrink
from cytobalance.curation.pixels import UNCLEAR_BITS, find_depth
from cytobalance.sources.archive import FolderArchive
from cytobalance.sources.entry import is_image_name
from cytobalance.sources.members import Member, UnreadableError, find_litter
from cytobalance.study.runtime import StudyError, count_cores

# Files in memory at a time.
BATCH = 256


@dataclass(frozen=True, slots=True)
class File:
    """A file to name; `reason` where it is clear before reading that it can't be."""

    name: str
    archive: FolderArchive | None = None
    member: Member | None = None
    reason: str = ""


def find_files(given: list[Path]) -> tuple[list[File], int]:
    """The files named, and the images of the folders named, in order.

    Also counts what is left out: litter of operating systems, and files in folders
    whose names are not those of images, both as `ingest` leaves them out. Raises
    StudyError where a folder holds no images.
    """
    files: list[File] = []
    left_out = 0
    for path in given:
        try:
            if path.is_dir():
                found, others = _list_folder(path)
                files += found
                left_out += others
            elif find_litter(path.name):
                left_out += 1
            else:
                files.append(_name_file(path))
        except OSError as error:  # in a folder closed to us, or of too long a name
            files.append(File(str(path), reason=f"can't be read: {error.strerror}"))
    return files, left_out


def _name_file(path: Path) -> File:
    if path.is_file():
        member = Member(path.name, 0, path.stat().st_size)
        return File(str(path), FolderArchive(path.parent), member)
    return File(str(path), reason="no regular file" if path.exists() else "missing")


def _list_folder(path: Path) -> tuple[list[File], int]:
    archive = FolderArchive(path)
    members = archive.members.values()  # fills `rejected` too
    images = [member for member in members if is_image_name(member.name)]
    faults = [item for item in archive.rejected if not item.by_rule]
    if not images and not faults:
        raise StudyError(f"{path} holds no image files; name another folder")
    files = [File(str(path / m.name), archive, m) for m in images]
    files += [File(str(path / f.file), reason=f.reason) for f in faults]
    others = len(members) - len(images) + len(archive.rejected) - len(faults)
    return sorted(files, key=lambda file: file.name), others


def read_batches(
    files: list[File], facts: dict[str, Any], size: int
) -> Iterator[tuple[list[File], np.ndarray, list[str]]]:
    """Batches of at most BATCH files, decoded on all cores.

    Yields the files, images uint8 [n, size, size, 3] of those that can be read, in
    order, and a reason a file, empty where it can. facts: of the source that the images
    are like (`cytobalance.study.inputs`).
    """
    with ThreadPoolExecutor(count_cores()) as pool:
        for start in range(0, len(files), BATCH):
            batch = files[start : start + BATCH]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # decoders' chatter
                results = list(pool.map(lambda file: _try(file, facts, size), batch))
            images = [r for r in results if not isinstance(r, str)]
            shape = (len(images), size, size, 3)
            stack = np.stack(images) if images else np.empty(shape, np.uint8)
            reasons = [r if isinstance(r, str) else "" for r in results]
            yield batch, stack, reasons


def _try(file: File, facts: dict[str, Any], size: int) -> np.ndarray | str:
    try:
        return read_cell(file, facts, size)
    except UnreadableError as error:
        return str(error)


def read_cell(file: File, facts: dict[str, Any], size: int) -> np.ndarray:
    """A file's cell as `ingest` takes it in: uint8 [size, size, 3].

    Raises UnreadableError with the reason.
    """
    if file.reason:
        raise UnreadableError(file.reason)
    picture = decode_picture(file.archive.read_member(file.member), facts["depth"])
    check_depth(picture.largest, facts["depth"])
    return shrink(crop_centre(picture.pixels, facts["crop"]), size)


def check_depth(largest: int, depth: int) -> None:
    """Refuse 16-bit samples whose brightness can't be told from the source's depth.

    largest: as of a Picture, 0 for files that say their depth; depth: bits of the
    source, 0 where it had no such files.
    """
    if largest and not depth:
        reason = "of which training had none"
    elif largest >> depth:
        reason = f"of {depth} bits in training"
    elif largest and depth - find_depth(largest) >= UNCLEAR_BITS:
        reason = f"far darker than the {depth} bits of training"
    else:
        return
    raise UnreadableError(
        f"bits in use unclear: 16-bit samples up to {largest}, {reason}; save it with "
        "8 bits"
    )
