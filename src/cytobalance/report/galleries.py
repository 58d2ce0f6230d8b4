"""Galleries of single cells: rightly named ones, and misses with their confidence."""

from dataclasses import dataclass

from cytobalance.draw.montage import enlarge
from cytobalance.explain.selection import MISSES as OF_ONE_CONFUSION
from cytobalance.report.blocks import encode_png
from cytobalance.report.explained import Explained, Images, ShownCell
from cytobalance.report.explorer import Tile
from cytobalance.report.records import Record, validation_accuracy
from cytobalance.taxonomy import readable

# Right cells shown of each class, and misses, the surest first: those cost most trust.
HITS, MISSES = 2, 12
# Cells below this side are enlarged before embedding: a printer may blur them.
LEAST = 64


@dataclass(frozen=True)
class Hit:
    """A rightly named cell. opens: what the explorer shows of it."""

    png: bytes
    title: str
    opens: str


@dataclass(frozen=True)
class Miss:
    """A wrongly named cell: its class, the one it was taken for, confidence in each.

    Confidence in whole percent; opens as of a Hit.
    """

    png: bytes
    label: str
    predicted: str
    p_label: str
    p_predicted: str
    opens: str


@dataclass(frozen=True)
class Galleries:
    """Test cells as all trials of one balancer's classifier together name them.

    most: misses of one confusion that are shown at most.
    """

    balancer: str
    hits: tuple[Hit, ...]
    misses: tuple[Miss, ...]
    most: int = OF_ONE_CONFUSION


def gather_galleries(
    records: dict[str, Record],
    explained: dict[tuple[str, str], Explained],
    classifier: str,
    images: Images,
    tiles: dict[Tile, int],
) -> Galleries:
    """Those of the balancer with the highest balanced accuracy on validation cells.

    records: balancer -> record, of one protocol and of `classifier`. tiles: the number
    of each cell's picture in the explorer.
    """
    best = choose_balancer(records)
    one = explained[best, classifier]
    classes = records[best]["classes"]

    def opens(cell: ShownCell) -> str:
        tile = tiles.get((cell.origin, cell.cell_id), "")
        return f"{best} {classifier} {cell.label} {tile}"

    real = [cell for cell in one.cells if cell.origin == "real"]
    return Galleries(
        best,
        tuple(
            Hit(_draw(cell, images), title_cell(cell, classes), opens(cell))
            for cell in choose_hits(real)
        ),
        tuple(
            Miss(
                _draw(cell, images),
                readable(classes[cell.label]),
                readable(classes[cell.named]),
                f"{cell.chances[cell.label] / 10:.0f}",
                f"{cell.chances[cell.named] / 10:.0f}",
                opens(cell),
            )
            for cell in choose_misses(real)
        ),
    )


def choose_balancer(records: dict[str, Record]) -> str:
    """The balancer with the highest balanced accuracy on validation cells."""
    return max(records, key=lambda name: validation_accuracy(records[name]))


def title_cell(cell: ShownCell, classes: list[str]) -> str:
    """As in Hazra 2022, Figs 9 and 10: predicted class, confidence, (true class)."""
    named, label = (readable(classes[k]) for k in (cell.named, cell.label))
    confidence = cell.chances[cell.named] / 10
    return f"{named.capitalize()} {confidence:.0f} % ({label.capitalize()})"


def choose_hits(cells: list[ShownCell]) -> list[ShownCell]:
    """The first right cells of each class; they were drawn by chance."""
    classes = sorted({cell.label for cell in cells})
    return [
        cell
        for k in classes
        for cell in [c for c in cells if c.right and c.label == k][:HITS]
    ]


def choose_misses(cells: list[ShownCell]) -> list[ShownCell]:
    """The surest misses (Hazra 2022, Fig 7)."""
    wrong = [cell for cell in cells if not cell.right]
    wrong.sort(key=lambda cell: (-cell.chances[cell.named], cell.cell_id))
    return wrong[:MISSES]


def _draw(cell: ShownCell, images: Images) -> bytes:
    return encode_png(enlarge(images[cell.cell_id], LEAST))
