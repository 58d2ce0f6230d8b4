"""Cell sets on disk: `images.npy` beside `cells.csv`, one row an image."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cytobalance.study.damage import damaged, reading
from cytobalance.study.room import check_disk
from cytobalance.study.tables import read_table


@dataclass(frozen=True)
class CellSet:
    """Images uint8 [N, S, S, 3] (RGB, 0..255) and their table of N rows."""

    images: np.ndarray
    table: pd.DataFrame

    def __len__(self) -> int:
        return len(self.table)


def pixel_id(pixels: np.ndarray) -> str:
    """Identity of decoded pixels uint8 [H, W, 3]: 16 hex of SHA-256, shape included."""
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()[:16]


def read_array(path: Path, shape: tuple[int | None, ...]) -> np.ndarray:
    """An array uint8 of `shape` (None: any length), memory-mapped and read only.

    Raises StudyError naming the stage that mends it where the file is missing,
    damaged, or holds anything else.
    """
    path = Path(path)
    with reading(path):
        array = np.lib.format.open_memmap(path, mode="r")
        whole = array.offset + array.nbytes == path.stat().st_size
    wanted = zip(array.shape, shape, strict=False)
    fits = array.ndim == len(shape) and all(n in (have, None) for have, n in wanted)
    if array.dtype != np.uint8 or not fits:
        form = ", ".join("any" if n is None else str(n) for n in shape)
        raise damaged(path, f"holds {array.dtype} {array.shape}, not uint8 ({form})")
    if not whole:
        raise damaged(path, "has bytes behind its end")
    return array


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_cells(folder: Path, size: int | None = None) -> CellSet:
    """Read a cell set; images are memory-mapped and read only.

    size: pixels a side, or None for any. Raises StudyError where one of the two
    files is missing or damaged, or they disagree.
    """
    folder = Path(folder)
    table = read_table(folder / "cells.csv")
    images = read_array(folder / "images.npy", (None, size, size, 3))
    if len(images) != len(table):
        what = f"holds {len(images)} images, but its cells.csv {len(table)} rows"
        raise damaged(folder, what)
    if images.shape[1] != images.shape[2]:
        raise damaged(folder / "images.npy", "holds images that are no squares")
    return CellSet(images, table)


def create_images(folder: Path, count: int, size: int) -> np.ndarray:
    """New writable memory map uint8 [count, size, size, 3] at `folder/images.npy`.

    Takes its room on the disk at once; StudyError where there is too little.
    """
    shape = (count, size, size, 3)
    check_disk(folder, count * size * size * 3, f"{count:,} images")
    path = Path(folder) / "images.npy"
    if count == 0:  # NumPy can't map an empty file
        np.save(path, np.zeros(shape, np.uint8))
        return np.zeros(shape, np.uint8)
    images = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    if hasattr(os, "posix_fallocate"):  # a page that finds no room kills the process
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return images


def open_images(folder: Path) -> np.ndarray:
    """The array that `create_images` made, writable, for one more process."""
    path = Path(folder) / "images.npy"
    try:
        return np.load(path, mmap_mode="r+")
    except ValueError:  # no images: an empty file can't be mapped
        return np.load(path)
