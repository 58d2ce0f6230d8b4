"""One look for every picture: fonts, colours, the mark on simulated data, saving."""

import io
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cytobalance.study.runtime import atomic_file
from cytobalance.taxonomy import COLOURS

INK = "#1f2933"
QUIET = "#6b7785"
RULE = "#d5dbe1"
# Wong 2011 (Nature Methods 8:441), safe for colour-blind readers; `plain` is grey.
CYCLE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#a6761d")
PLAIN = "#8a94a0"
DASHES = ("solid", "dashed", "dotted", "dashdot")
SIMULATED = "Simulated data"
DPI = 150
COLUMNS = 5  # panels side by side, beyond which their text gets too small

matplotlib.rcParams.update(
    {
        "font.family": "DejaVu Sans",  # ships with matplotlib: the same bytes anywhere
        "font.size": 9,
        # Titles and names of files are no formulas: two `$` in one are two `$`.
        "text.parse_math": False,
        "axes.edgecolor": QUIET,
        "axes.labelcolor": INK,
        "axes.titlesize": 10,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "grid.color": RULE,
        "grid.linewidth": 0.7,
        "text.color": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "legend.frameon": False,
        "figure.facecolor": "white",
    }
)


def class_colours(classes: tuple[str, ...]) -> dict[str, str]:
    """Colour of each class: that of the taxonomy, or the next of a fixed cycle."""
    return {
        label: COLOURS.get(label, CYCLE[i % len(CYCLE)])
        for i, label in enumerate(classes)
    }


def balancer_colours(balancers: tuple[str, ...]) -> dict[str, str]:
    """Colour of each balancer, in the study's order; `plain` is always grey."""
    others = [name for name in balancers if name != "plain"]
    colours = {name: CYCLE[i % len(CYCLE)] for i, name in enumerate(others)}
    return {"plain": PLAIN} | colours


def balancer_lines(balancers: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """How lines in one panel look: once the colours are used up, they are dashed."""
    others = [name for name in balancers if name != "plain"]
    rounds = {name: i // len(CYCLE) for i, name in enumerate(others)}
    return {
        name: {"color": colour, "linestyle": DASHES[rounds.get(name, 0) % len(DASHES)]}
        for name, colour in balancer_colours(balancers).items()
    }


def grid_shape(count: int) -> tuple[int, int]:
    """Rows and columns of `count` panels, at most COLUMNS of them side by side."""
    columns = min(count, COLUMNS)
    return -(-count // columns), columns


def new_panels(figure: Figure, count: int) -> list[Axes]:
    """`count` panels that share their axes, in rows of `grid_shape`.

    The lowest panel of each column has its axis labelled, whatever else is in its row.
    """
    rows, columns = grid_shape(count)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for panel in grid.flat[count:]:
        panel.set_visible(False)
    panels = list(grid.flat[:count])
    for panel in panels[-columns:]:  # nothing below these
        panel.tick_params(labelbottom=True)
    return panels


def new_figure(
    width: float, height: float, simulated: bool, layout: str | None = "constrained"
) -> Figure:
    """Empty figure of `width` x `height` inches, marked where data is simulated."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout=layout)
    FigureCanvasAgg(figure)
    if simulated:
        mark_simulated(figure)
    return figure


def mark_simulated(figure: Figure) -> None:
    """Write "Simulated data" into the upper right corner of a figure."""
    edge = 4 / 72  # inches
    width, height = figure.get_size_inches()
    figure.text(
        1 - edge / width,
        1 - edge / height,
        SIMULATED,
        ha="right",
        va="top",
        fontsize=7,
        fontweight="bold",
        color="#8a4b00",
        bbox={"facecolor": "#fff3d6", "edgecolor": "#e0b04c", "pad": 2},
    )
    if figure.get_layout_engine() is not None:
        figure.get_layout_engine().set(rect=(0, 0, 1, 1 - 0.17 / height))


def png_bytes(figure: Figure) -> bytes:
    """A figure as PNG; the same figure gives the same bytes (no time, no version)."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=DPI, metadata={"Software": None})
    return stream.getvalue()


def save_png(path: Path, figure: Figure) -> bytes:
    """Write a figure atomically; return the bytes written."""
    content = png_bytes(figure)
    with atomic_file(path) as partial:
        partial.write_bytes(content)
    return content
