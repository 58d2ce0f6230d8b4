"""What sections of the page are built of: tables and pictures, as plain data."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

# A sheet of cells on the page; plots/ has all its pixels.
WIDEST = 1200
QUALITY = 80


@dataclass(frozen=True)
class Cell:
    """A cell of a table: its text, a small line below, a verdict as a label.

    opens: which cells the explorer shows for it, `balancer classifier class-index`.
    """

    text: str
    note: str = ""
    verdict: str = ""
    strong: bool = False
    opens: str = ""


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
    """A picture as WebP, with its words for those who can't see it."""

    webp: bytes
    alt: str
    caption: str = ""


def compress_picture(png: bytes) -> bytes:
    """A PNG as WebP without any loss: a chart takes a third of the bytes."""
    return _save_webp(Image.open(io.BytesIO(png)), lossless=True)


def shrink_picture(png: bytes) -> bytes:
    """A PNG of many cells as WebP, at most WIDEST pixels wide, with slight losses."""
    image = Image.open(io.BytesIO(png))
    if image.width > WIDEST:
        size = (WIDEST, round(image.height * WIDEST / image.width))
        image = image.resize(size, Image.Resampling.LANCZOS)
    return _save_webp(image, quality=QUALITY)


def _save_webp(image: Image.Image, **options) -> bytes:
    stream = io.BytesIO()
    image.convert("RGB").save(stream, format="webp", **options)
    return stream.getvalue()


def encode_png(image: np.ndarray) -> bytes:
    """An image uint8 [H, W, 3] as PNG."""
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(stream, format="png")
    return stream.getvalue()
