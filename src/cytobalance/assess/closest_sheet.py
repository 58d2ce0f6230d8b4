"""The sheet that shows whether a GAN copies: cells beside their nearest training cell.

The same of held-out real cells, which copy nothing, says how alike two cells of a class
may be by chance.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cytobalance.assess.memorisation import (
    LEVEL,
    CopySearch,
    Pair,
    closest_pairs,
)
from cytobalance.assess.selection import ClassCells
from cytobalance.draw.canvas import LEAST, LEFT, LINE, MARGIN, ROW_GAP, TOP, Canvas
from cytobalance.draw.montage import enlarge, montage
from cytobalance.draw.style import QUIET, class_colours

SYNTHETIC, HELD_OUT = 4, 2  # pairs shown a class; synthetic ones fill the sheet alone
PAIR_GAP, BLOCK_GAP = 24, 48  # pixels
TEXT = 26  # pixels of the line under a pair
ABOUT = (
    "Ratio: distance to the nearest training cell over that to the second nearest, "
    "near 0 for a copy; lowest first.",
    "rms: the distance to the nearest, root mean square of pixels, 0 to 255.",
    f"Bold: below the class's level, as {LEVEL:.0%} of held-out cells are by chance.",
)


@dataclass(frozen=True)
class ClosestCells:
    """What the sheet shows of one class.

    synthetic, held_out: the pairs most like copies; search: None without synthetic
    cells; cells: number of synthetic cells searched.
    """

    synthetic: list[Pair]
    held_out: list[Pair]
    search: CopySearch | None
    cells: int


def pick_closest(cells: ClassCells, search: CopySearch | None) -> ClosestCells:
    """The pairs of a class that the sheet shows. search: of `search_copies` in it."""
    synthetic, held_out = [], []
    if search is not None:
        synthetic = closest_pairs(
            cells.synthetic, cells.training, search.synthetic, SYNTHETIC + HELD_OUT
        )
    if search is not None and search.held_out is not None:
        held_out = closest_pairs(
            cells.held_out, cells.training, search.held_out, HELD_OUT
        )
    return ClosestCells(synthetic, held_out, search, len(cells.synthetic))


def draw_closest_sheet(
    classes: dict[str, ClosestCells], path: Path, title: str, simulated: bool
) -> None:
    """Write a PNG with one row a class: pairs of a cell and its nearest training cell.

    Synthetic cells stand left, held-out real ones right (no block where there are
    none); the training cell is turned to meet its partner. simulated: marks the sheet.
    """
    shown = [pair for own in classes.values() for pair in own.synthetic + own.held_out]
    side = enlarge(shown[0].cell, LEAST).shape[0] if shown else LEAST
    step = 2 * side + 2 + PAIR_GAP
    compared = any(own.held_out for own in classes.values())
    alone = SYNTHETIC + HELD_OUT
    kinds = {"Synthetic": ("synthetic", SYNTHETIC if compared else alone)}
    if compared:
        kinds["Held-out"] = ("held_out", HELD_OUT)
    width = LEFT + alone * step + BLOCK_GAP + MARGIN
    top = TOP + 76
    row_height = side + TEXT + ROW_GAP
    canvas = Canvas(width, top + len(classes) * row_height + 12, title, simulated)
    for line, text in enumerate(ABOUT if compared else ABOUT[:-1]):
        canvas.write(MARGIN, 78 + LINE * line, text, fontsize=7, color=QUIET)
    colours = class_colours(tuple(classes))
    for row, (label, own) in enumerate(classes.items()):
        y = top + row * row_height
        canvas.head_row(y, side, label, colours[label], describe(own))
    x = LEFT
    for name, (kind, count) in kinds.items():
        heading = f"{name} cell, nearest training cell"
        canvas.write(x, top - 20, heading, fontsize=10)
        for row, own in enumerate(classes.values()):
            level = own.search and own.search.level
            y = top + row * row_height
            for k, pair in enumerate(getattr(own, kind)[:count]):
                draw_pair(canvas, x + k * step, y, pair, level)
            if not own.cells and kind == "synthetic":
                canvas.write(x, y + side / 2, "none", fontsize=8, color=QUIET)
        x += count * step + BLOCK_GAP
    canvas.save(path)


def draw_pair(canvas: Canvas, x: int, y: int, pair: Pair, level: float | None) -> None:
    """Two cells side by side, with ratio and distance under them."""
    image = montage(np.stack([pair.cell, pair.training]), 2, LEAST)
    canvas.place(x, y, image)
    weight = "bold" if level is not None and pair.ratio < level else "normal"
    text = f"ratio {pair.ratio:.2f}, rms {pair.distance:.1f}"
    bottom = y + image.shape[0] + TEXT / 2
    canvas.write(x, bottom, text, fontsize=6.5, fontweight=weight)


def describe(own: ClosestCells) -> tuple[str, str]:
    """The two lines under a class's name: cells searched; the share below the level."""
    cells = f"{own.cells:,} synthetic cells"
    if own.search is None:
        return cells, ""
    if own.search.held_out is None:
        return cells, "no held-out cells, no level"
    if own.search.level is None:
        return cells, "too few cells for a level"
    return cells, f"{100 * own.search.share:.1f} % below {own.search.level:.2f}"
