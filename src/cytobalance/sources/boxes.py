"""Tables with a row a box: columns that tell where in a larger image each cell lies."""

from collections.abc import Iterable, Mapping

from cytobalance.sources.entry import Box
from cytobalance.study.runtime import StudyError

EDGES = ("xmin", "ymin", "xmax", "ymax")
# Sets of columns that hold boxes in a way of which several are in use.
UNCLEAR = (
    ("x", "y", "w", "h"),
    ("x", "y", "width", "height"),
    ("left", "top", "width", "height"),
    ("left", "top", "right", "bottom"),
    ("x1", "y1", "x2", "y2"),
    ("x0", "y0", "x1", "y1"),
    ("xcenter", "ycenter", "width", "height"),
    ("bbox",),
)


def find_edges(table: str, columns: Iterable[str]) -> tuple[str, ...]:
    """The four columns of a table that are EDGES (`x_min` and `XMin` too), or none.

    Raises StudyError where it holds some of them, or boxes under other names.
    """
    plain = {c.lower().replace("_", "").replace(" ", ""): c for c in columns}
    held = tuple(plain[edge] for edge in EDGES if edge in plain)
    if len(held) == len(EDGES):
        return held
    other = next((names for names in UNCLEAR if set(names) <= set(plain)), ())
    if held or other:
        given = ", ".join(held or (plain[name] for name in other))
        raise StudyError(
            f"{table}: boxes in the columns {given}; a row a box needs "
            f"{', '.join(EDGES)}, in pixels from the upper left corner; where each "
            "image is one cell, rename these columns"
        )
    return ()


def read_box(row: Mapping[str, str], edges: tuple[str, ...]) -> Box:
    """The box of a row, edges rounded. Raises ValueError with the reason."""
    try:
        numbers = [float(row[edge]) for edge in edges]
        left, top, right, bottom = map(round, numbers)
    except (ValueError, OverflowError):
        raise ValueError("no box: its edges are no numbers") from None
    if max(numbers) <= 1:
        raise ValueError("its box is in parts of the image; pixels are needed")
    if right <= left or bottom <= top:
        raise ValueError("empty box")
    return left, top, right, bottom
