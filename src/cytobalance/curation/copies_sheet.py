"""Duplicates for the eye: conflicts for the experts, and a gallery of found pairs."""

from pathlib import Path

import numpy as np
import pandas as pd

from cytobalance.draw.montage import enlarge
from cytobalance.draw.style import DPI, QUIET, new_figure, save_png
from cytobalance.study.cells import CellSet
from cytobalance.taxonomy import readable

CLUSTERS = 24  # conflicts drawn; review.csv holds all
MEMBERS = 6  # cells drawn of a conflict
PAIRS = 36  # pairs drawn in the gallery; pairs.csv holds all
COLUMNS = 3  # pairs side by side in the gallery
CELL, LABEL, MARGIN, TOP = 160, 54, 24, 96  # pixels


class Lookup:
    """Images of cells by source and file."""

    def __init__(self, sources: dict[str, CellSet]):
        self.sources = sources
        self.rows = {
            name: pd.Series(np.arange(len(cells)), cells.table["file"])
            for name, cells in sources.items()
        }

    def __call__(self, source: str, file: str) -> np.ndarray:
        """Image uint8 [H, W, 3], at least CELL pixels wide."""
        row = self.rows[source][file]
        return enlarge(np.asarray(self.sources[source].images[row]), CELL)


class Sheet:
    """A page of cells with labels, measured in pixels from the upper left corner."""

    def __init__(self, width: int, height: int, heading: str, simulated: bool):
        self.width, self.height = width, height
        self.figure = new_figure(width / DPI, height / DPI, simulated, layout=None)
        self.write(MARGIN, 46, heading, fontsize=10, fontweight="bold")

    def write(self, x: float, y: float, text: str, **font) -> None:
        """Text whose upper left corner is at (x, y)."""
        place = x / self.width, 1 - y / self.height
        self.figure.text(*place, text, va="top", **font)

    def show(self, x: float, y: float, image: np.ndarray) -> None:
        """One cell with its upper left corner at (x, y)."""
        box = (x, self.height - y - CELL, CELL, CELL)
        scale = (self.width, self.height, self.width, self.height)
        axes = self.figure.add_axes([a / b for a, b in zip(box, scale, strict=True)])
        axes.imshow(image, interpolation="nearest")
        axes.set_axis_off()


def draw_review(
    path: Path,
    review: pd.DataFrame,
    sources: dict[str, CellSet],
    title: str,
    simulated: bool,
) -> None:
    """Write the conflicts as a PNG: a row a cluster, a cell a member with its type."""
    clusters = list(review.groupby("cluster"))
    shown = clusters[:CLUSTERS]
    step = CELL + LABEL + 12
    heading = f"{title}: duplicates in several classes"
    if not clusters:
        heading = f"{title}: no duplicates in several classes"
    elif len(shown) < len(clusters):
        heading += f" (first {len(shown)} of {len(clusters)})"
    height = TOP + len(shown) * (step + 24) + MARGIN
    sheet = Sheet(2 * MARGIN + MEMBERS * (CELL + 40), height, heading, simulated)
    image = Lookup(sources)
    for place, (name, members) in enumerate(shown):
        y = TOP + place * (step + 24)
        more = len(members) - MEMBERS
        note = f"  and {more} more" if more > 0 else ""
        sheet.write(MARGIN, y, f"cluster {name}{note}", fontsize=6, color=QUIET)
        for column, row in enumerate(members.head(MEMBERS).itertuples()):
            x = MARGIN + column * (CELL + 40)
            sheet.show(x, y + 22, image(row.source, row.file))
            decision = f"decided: {row.decision}" if row.decision else row.proposed
            label = f"{readable(row.type)}\n{shorten(row.file)}\n{decision}"
            sheet.write(x, y + CELL + 26, label, fontsize=5.5)
    save_png(path, sheet.figure)


def draw_gallery(
    path: Path,
    pairs: pd.DataFrame,
    sources: dict[str, CellSet],
    title: str,
    simulated: bool,
) -> None:
    """Write a sample of the found pairs as a PNG, the most doubtful first."""
    order = pairs.sort_values(["correlation", "source_a", "file_a", "file_b"])
    shown = order.head(PAIRS)
    step, wide = CELL + LABEL, 2 * CELL + 48
    heading = f"{title}: no duplicates found"
    if len(shown):
        heading = f"{title}: {len(shown)} of {len(pairs)} pairs, most doubtful first"
    height = TOP + -(-len(shown) // COLUMNS) * step + MARGIN
    sheet = Sheet(2 * MARGIN + COLUMNS * wide, height, heading, simulated)
    image = Lookup(sources)
    for place, row in enumerate(shown.itertuples()):
        x = MARGIN + place % COLUMNS * wide
        y = TOP + place // COLUMNS * step
        sheet.show(x, y, image(row.source_a, row.file_a))
        sheet.show(x + CELL + 6, y, image(row.source_b, row.file_b))
        files = f"{shorten(row.file_a)} = {shorten(row.file_b)}"
        label = f"{row.kind}, detail correlates {row.correlation:.2f}\n{files}"
        sheet.write(x, y + CELL + 4, label, fontsize=5.5)
    save_png(path, sheet.figure)


def shorten(file: str) -> str:
    """The last 22 characters of a file's name, so that labels do not overlap."""
    name = file.rsplit("/", 1)[-1]
    return name if len(name) <= 22 else "…" + name[-21:]
