"""The sheet a haematologist judges a GAN by: real cells beside synthetic ones."""

from pathlib import Path

import numpy as np

from cytobalance.draw.canvas import LEAST, LEFT, MARGIN, ROW_GAP, TOP, Canvas
from cytobalance.draw.montage import montage
from cytobalance.draw.style import QUIET, class_colours

COLUMNS = 8  # cells of each kind shown a class
BLOCK_GAP = 48  # pixels between the kinds


def draw_gan_sheet(
    real: dict[str, np.ndarray],
    synthetic: dict[str, np.ndarray],
    path: Path,
    title: str,
    counts: dict[str, tuple[int, int]],
    simulated: bool,
) -> None:
    """Write a PNG with one row a class: real training cells left, synthetic right.

    real, synthetic: class -> uint8 [N, S, S, 3]; the first 8 are shown, none is fine.
    counts: class -> (real training cells, synthetic cells), printed beside the name.
    simulated: whether the real cells are simulated ones; marks the sheet.
    Rows follow the order of `real`.
    """
    rows = {
        label: [
            montage(kind[label][:COLUMNS], COLUMNS, LEAST) for kind in (real, synthetic)
        ]
        for label in real
    }
    high, wide = next(iter(rows.values()))[0].shape[:2]
    width = LEFT + 2 * wide + BLOCK_GAP + MARGIN
    height = TOP + len(rows) * (high + ROW_GAP) + 12
    canvas = Canvas(width, height, title, simulated)
    kind_of_real = "Simulated training cells" if simulated else "Real training cells"
    starts = LEFT, LEFT + wide + BLOCK_GAP
    for x, kind in zip(starts, (kind_of_real, "Synthetic cells"), strict=True):
        canvas.write(x, TOP - 26, kind, fontsize=10)
    colours = class_colours(tuple(rows))
    for row, (label, blocks) in enumerate(rows.items()):
        y = TOP + row * (high + ROW_GAP)
        n_real, n_synthetic = counts[label]
        text = f"{n_real:,} + {n_synthetic:,} synthetic"
        canvas.head_row(y, high, label, colours[label], (text,))
        for x, image in zip(starts, blocks, strict=True):
            canvas.place(x, y, image)
            if (image == 255).all():
                canvas.write(x, y + high / 2, "none", fontsize=8, color=QUIET)
    canvas.save(path)
