"""What sections of the page are built of: tables and pictures, as plain data."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Cell:
    """A cell of a table: its text, a small line below, a verdict as a label."""

    text: str
    note: str = ""
    verdict: str = ""
    strong: bool = False


@dataclass(frozen=True)
class Table:
    """Rows of cells, as long as the header. prose: columns of running text."""

    header: tuple[str, ...]
    rows: tuple[tuple[Cell | str, ...], ...]
    prose: tuple[int, ...] = ()


@dataclass(frozen=True)
class GroupedTable:
    """A table whose columns stand in groups, each with a heading of its own.

    first: heading of the rows' names. groups: (heading, its columns). rows: (name, the
    cells of each group).
    """

    first: str
    groups: tuple[tuple[str, tuple[str, ...]], ...]
    rows: tuple[tuple[Cell | str, tuple[tuple[Cell | str, ...], ...]], ...]


@dataclass(frozen=True)
class Picture:
    """A PNG, with its words for those who can't see it and a caption."""

    png: bytes
    alt: str
    caption: str = ""


def encode_png(image: np.ndarray) -> bytes:
    """An image uint8 [H, W, 3] as PNG."""
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(stream, format="png")
    return stream.getvalue()
