"""A sheet of cells laid out in pixels: a title, and a row a class."""

from pathlib import Path

import numpy as np
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from cytobalance.draw.style import DPI, QUIET, new_figure, save_png
from cytobalance.taxonomy import readable

LEAST = 72  # pixels a cell is drawn wide, at least
# Pixels: where rows and their cells begin, and what lies between rows.
LEFT, TOP, ROW_GAP, MARGIN = 270, 116, 12, 24
LINE = 24  # pixels from line to line of a row's text


class Canvas:
    """A figure of `width` x `height` pixels, measured from its upper left corner.

    simulated: whether the real cells are simulated ones; marks the sheet.
    """

    def __init__(self, width: int, height: int, title: str, simulated: bool):
        self.width, self.height = width, height
        self.figure = new_figure(width / DPI, height / DPI, simulated, layout=None)
        heading = self.write(MARGIN, 46, title, fontsize=11, fontweight="bold")
        excess = heading.get_window_extent().width / (width - 2 * MARGIN)
        if excess > 1:  # few columns, or a long title of the study
            heading.set_fontsize(11 / excess)

    def write(self, x: float, y: float, text: str, **font) -> Text:
        """Text whose left end and middle height is (x, y)."""
        place = x / self.width, 1 - y / self.height
        return self.figure.text(*place, text, **{"va": "center"} | font)

    def place(self, x: int, y: int, image: np.ndarray) -> None:
        """Draw uint8 [H, W, 3] pixel for pixel, its upper left corner at (x, y)."""
        # figimage counts from the figure's lower left corner.
        bottom = self.height - y - image.shape[0]
        self.figure.figimage(image, x, bottom, origin="upper")

    def head_row(
        self, y: int, high: int, label: str, colour: str, lines: tuple[str, ...]
    ) -> None:
        """A class's colour and name left of its row of cells, and small lines below."""
        swatch = (12 / self.width, 1 - (y + high) / self.height)
        size = 6 / self.width, high / self.height
        self.figure.add_artist(Rectangle(swatch, *size, color=colour))
        first = y + high / 2 - LINE * len(lines) / 2
        name = readable(label)
        self.write(MARGIN, first, name, fontsize=8.5, fontweight="bold")
        for k, text in enumerate(lines, start=1):
            self.write(MARGIN, first + k * LINE, text, fontsize=7, color=QUIET)

    def save(self, path: Path) -> None:
        """Write the PNG; the same sheet gives the same bytes."""
        save_png(path, self.figure)
