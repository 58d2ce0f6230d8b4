"""The sheet a haematologist judges a GAN by: real cells beside synthetic ones."""

from pathlib import Path

import numpy as np
from matplotlib.patches import Rectangle

from cytobalance.draw.montage import montage
from cytobalance.draw.style import DPI, QUIET, class_colours, new_figure, save_png
from cytobalance.taxonomy import readable

COLUMNS = 8  # cells of each kind shown a class
LEAST = 72  # pixels a cell is drawn wide, at least
LEFT, TOP, BLOCK_GAP, ROW_GAP = 270, 116, 48, 12  # pixels


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
    width = LEFT + 2 * wide + BLOCK_GAP + 24
    height = TOP + len(rows) * (high + ROW_GAP) + 12
    figure = new_figure(width / DPI, height / DPI, simulated, layout=None)

    def write(x, y, text, **font):
        figure.text(x / width, 1 - y / height, text, **font)

    write(24, 36, title, fontsize=11, fontweight="bold", va="center")
    kind_of_real = "Simulated training cells" if simulated else "Real training cells"
    write(LEFT, TOP - 26, kind_of_real, fontsize=10, va="center")
    write(
        LEFT + wide + BLOCK_GAP, TOP - 26, "Synthetic cells", fontsize=10, va="center"
    )
    colours = class_colours(tuple(rows))
    for row, (label, blocks) in enumerate(rows.items()):
        y = TOP + row * (high + ROW_GAP)
        n_real, n_synthetic = counts[label]
        write(
            24,
            y + high * 0.36,
            readable(label),
            fontsize=8.5,
            va="center",
            fontweight="bold",
        )
        swatch = (12 / width, 1 - (y + high) / height), 6 / width, high / height
        figure.add_artist(Rectangle(*swatch, color=colours[label]))
        write(
            24,
            y + high * 0.70,
            f"{n_real:,} + {n_synthetic:,} synthetic",
            fontsize=7,
            va="center",
            color=QUIET,
        )
        for block, image in enumerate(blocks):
            x = LEFT + block * (wide + BLOCK_GAP)
            # figimage draws pixel for pixel; its origin is the lower left corner.
            figure.figimage(image, x, height - y - high, origin="upper")
            if (image == 255).all():
                write(x, y + high / 2, "none", fontsize=8, va="center", color=QUIET)
    save_png(path, figure)
