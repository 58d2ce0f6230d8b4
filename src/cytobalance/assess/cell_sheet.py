"""The sheet a haematologist judges a GAN by: real cells beside synthetic ones."""

from pathlib import Path

from cytobalance.assess.picks import SHOWN, ClassPicks
from cytobalance.draw.canvas import LEAST, LEFT, MARGIN, ROW_GAP, TOP, Canvas
from cytobalance.draw.montage import montage
from cytobalance.draw.style import QUIET, class_colours

BLOCK_GAP = 48  # pixels between the kinds


def draw_gan_sheet(
    picks: dict[str, ClassPicks], path: Path, title: str, simulated: bool
) -> None:
    """Write a PNG with one row a class: real training cells left, synthetic right.

    simulated: whether the real cells are simulated ones; marks the sheet.
    Rows follow the order of `picks`.
    """
    rows = {
        label: [
            montage(cells, SHOWN, LEAST) for cells in (picked.real, picked.synthetic)
        ]
        for label, picked in picks.items()
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
        picked = picks[label]
        text = f"{picked.training_cells:,} + {picked.synthetic_cells:,} synthetic"
        canvas.head_row(y, high, label, colours[label], (text,))
        for x, image in zip(starts, blocks, strict=True):
            canvas.place(x, y, image)
            if (image == 255).all():
                canvas.write(x, y + high / 2, "none", fontsize=8, color=QUIET)
    canvas.save(path)
