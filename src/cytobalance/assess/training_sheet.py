"""The sheet of a GAN's training: the same latents at moments on the way."""

from pathlib import Path

from cytobalance.assess.training_log import Drawings, spread_evenly
from cytobalance.draw.canvas import LEAST, LEFT, MARGIN, ROW_GAP, TOP, Canvas
from cytobalance.draw.montage import montage
from cytobalance.draw.style import class_colours

MOMENTS, LATENTS = 8, 2  # columns, and cells in each, at most
GAP = 16  # pixels between moments


def draw_training_sheet(
    drawings: Drawings,
    classes: tuple[str, ...],
    path: Path,
    title: str,
    simulated: bool,
) -> None:
    """Write a PNG with one row a class and one column a moment, two latents in each.

    At most 8 moments are shown, the first and the last among them. simulated: whether
    the GAN learned from simulated cells; marks the sheet.
    """
    moments = spread_evenly(len(drawings.iterations), MOMENTS)
    images = drawings.images[moments][:, :, :LATENTS]
    tiles = [
        [montage(cells, images.shape[2], LEAST) for cells in moment]
        for moment in images
    ]
    high, wide = tiles[0][0].shape[:2]
    width = LEFT + len(moments) * (wide + GAP) + MARGIN
    height = TOP + len(classes) * (high + ROW_GAP) + 12
    canvas = Canvas(width, height, title, simulated)
    canvas.write(MARGIN, TOP - 26, "iteration", fontsize=10)
    for row, (label, colour) in enumerate(class_colours(classes).items()):
        canvas.head_row(TOP + row * (high + ROW_GAP), high, label, colour, ())
    for column, iteration in enumerate(drawings.iterations[moments]):
        x = LEFT + column * (wide + GAP)
        canvas.write(x, TOP - 26, f"{iteration:,}", fontsize=10)
        for row, tile in enumerate(tiles[column]):
            canvas.place(x, TOP + row * (high + ROW_GAP), tile)
    canvas.save(path)
