"""Cell sets on disk: `images.npy` beside `cells.csv`, one row an image."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cytobalance.runtime import StudyError, atomic_file

# Columns of a real cell set. `group` holds what must stay on one side of a split;
# `published_part` is train, validation or test where the source came split.
CELL_COLUMNS = (
    "cell_id",
    "source",
    "file",
    "subject",
    "raw_label",
    "type",
    "label",
    "group",
    "width",
    "height",
    "published_part",
)
REJECTED_COLUMNS = ("source", "file", "raw_label", "stage", "reason")


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


def read_table(path: Path, text: tuple[str, ...] = ()) -> pd.DataFrame:
    """Read one of the pipeline's CSV tables; empty text stays empty, never NaN.

    `text`: columns kept as strings even where all values look like numbers.
    Identifiers (`cell_id`, `subject`, `file`, `group`, `raw_label`) always are.
    """
    path = Path(path)
    if not path.exists():
        raise StudyError(f"{path} is missing; run `dvc repro` to make it")
    always = ("cell_id", "subject", "file", "group", "raw_label", "source", "label")
    kinds = dict.fromkeys((*always, *text), str)
    return pd.read_csv(path, dtype=kinds, keep_default_na=False)


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a CSV table atomically, with the same bytes for the same input."""
    with atomic_file(path) as partial:
        table.to_csv(partial, index=False, lineterminator="\n", float_format="%.6g")


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_cells(folder: Path) -> CellSet:
    """Read a cell set; images are memory-mapped and read only.

    Raises StudyError where the folder is missing or the two files disagree.
    """
    folder = Path(folder)
    table = read_table(folder / "cells.csv")
    try:
        images = np.load(folder / "images.npy", mmap_mode="r")
    except (OSError, ValueError, EOFError):
        raise StudyError(
            f"{folder}/images.npy is missing or damaged; delete the folder and run "
            "`dvc repro`"
        ) from None
    if len(images) != len(table):
        raise StudyError(
            f"{folder}: {len(images)} images but {len(table)} rows; "
            "delete the folder and run `dvc repro`"
        )
    return CellSet(images, table)


def create_images(folder: Path, count: int, size: int) -> np.ndarray:
    """New writable memory map uint8 [count, size, size, 3] at `folder/images.npy`.

    Takes its room on the disk at once; OSError where there is too little.
    """
    shape = (count, size, size, 3)
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
