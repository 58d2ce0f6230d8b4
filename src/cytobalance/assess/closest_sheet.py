"""The sheet that shows whether a GAN copies: cells beside their nearest training cell.

The same of held-out real cells, which copy nothing, says how alike two cells of a class
may be by chance.
"""

from pathlib import Path

import numpy as np

from cytobalance.assess.picks import HELD_OUT, LEVEL, SYNTHETIC, ClassPicks, Pair
from cytobalance.draw.canvas import LEAST, LEFT, LINE, MARGIN, ROW_GAP, TOP, Canvas
from cytobalance.draw.montage import enlarge, montage
from cytobalance.draw.style import QUIET, class_colours

PAIR_GAP, BLOCK_GAP = 24, 48  # pixels
TEXT = 26  # pixels of the line under a pair
ABOUT = (
    "Ratio: distance to the nearest training cell over that to the second nearest, "
    "near 0 for a copy; lowest first.",
    "rms: the distance to the nearest, root mean square of pixels, 0 to 255.",
    f"Bold: below the class's level, as {LEVEL:.0%} of held-out cells are by chance.",
)


def draw_closest_sheet(
    classes: dict[str, ClassPicks], path: Path, title: str, simulated: bool
) -> None:
    """Write a PNG with one row a class: pairs of a cell and its nearest training cell.

    Synthetic cells stand left, held-out real ones right (no block where there are
    none); the training cell is turned to meet its partner. simulated: marks the sheet.
    """
    shown = [
        pair
        for picked in classes.values()
        for pair in picked.synthetic_pairs + picked.held_out_pairs
    ]
    side = enlarge(shown[0].cell, LEAST).shape[0] if shown else LEAST
    step = 2 * side + 2 + PAIR_GAP
    compared = any(picked.held_out_pairs for picked in classes.values())
    alone = SYNTHETIC + HELD_OUT
    columns = {"Synthetic": ("synthetic_pairs", SYNTHETIC if compared else alone)}
    if compared:
        columns["Held-out"] = ("held_out_pairs", HELD_OUT)
    width = LEFT + alone * step + BLOCK_GAP + MARGIN
    top = TOP + 76
    row_height = side + TEXT + ROW_GAP
    canvas = Canvas(width, top + len(classes) * row_height + 12, title, simulated)
    for line, text in enumerate(ABOUT if compared else ABOUT[:-1]):
        canvas.write(MARGIN, 78 + LINE * line, text, fontsize=7, color=QUIET)
    colours = class_colours(tuple(classes))
    for row, (label, picked) in enumerate(classes.items()):
        y = top + row * row_height
        canvas.head_row(y, side, label, colours[label], describe(picked))
    x = LEFT
    for name, (kind, count) in columns.items():
        heading = f"{name} cell, nearest training cell"
        canvas.write(x, top - 20, heading, fontsize=10)
        for row, picked in enumerate(classes.values()):
            y = top + row * row_height
            for k, pair in enumerate(getattr(picked, kind)[:count]):
                draw_pair(canvas, x + k * step, y, pair, picked.level)
            if not picked.searched and kind == "synthetic_pairs":
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


def describe(picked: ClassPicks) -> tuple[str, str]:
    """The two lines under a class's name: cells searched; the share below the level."""
    cells = f"{picked.searched:,} synthetic cells"
    if not picked.searched:
        return cells, ""
    if not picked.compared:
        return cells, "no held-out cells, no level"
    if picked.level is None:
        return cells, "too few cells for a level"
    return cells, f"{100 * picked.share:.1f} % below {picked.level:.2f}"
