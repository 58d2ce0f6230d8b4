"""The cells that the sheets of a GAN show: `assess` picks them, `draw_gan` draws."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cytobalance.study.cells import CellSet, create_images, read_cells
from cytobalance.study.metrics import read_metrics, write_metrics
from cytobalance.study.tables import write_table

# A cell counts as a copy below this part of the held-out cells' ratios.
LEVEL = 0.05
SHOWN = 8  # cells of each kind on the sheet of real beside synthetic ones
# Pairs shown a class; where nothing is held out, synthetic ones fill the sheet alone.
SYNTHETIC, HELD_OUT = 4, 2
PAIRS = ("synthetic_pairs", "held_out_pairs")
NUMBERS = (
    *("training_cells", "synthetic_cells", "searched", "compared"),
    *("level", "share"),
)


@dataclass(frozen=True)
class Pair:
    """A cell and its nearest training cell, turned to meet it: uint8 [S, S, 3] each.

    ratio: of `copy_ratios`; distance: root mean square of pixels, 0..255.
    """

    cell: np.ndarray
    training: np.ndarray
    ratio: float
    distance: float


@dataclass(frozen=True)
class ClassPicks:
    """What the sheets show of one class.

    real, synthetic: uint8 [N, S, S, 3]; synthetic_pairs, held_out_pairs: the pairs most
    like copies; training_cells, synthetic_cells: how many there are; searched: how many
    synthetic cells were compared with the training cells; level, share: of the copy
    search, None where there were too few cells; compared: whether held-out cells were.
    """

    real: np.ndarray
    synthetic: np.ndarray
    synthetic_pairs: list[Pair]
    held_out_pairs: list[Pair]
    training_cells: int
    synthetic_cells: int
    searched: int
    compared: bool
    level: float | None
    share: float | None


def write_picks(folder: Path, picks: dict[str, ClassPicks]) -> None:
    """Write all picks into `folder`: images.npy, cells.csv and classes.json."""
    images, rows, classes = [], [], {}
    for label, picked in picks.items():
        for kind in ("real", "synthetic"):
            cells = getattr(picked, kind)
            images += list(cells)
            rows += [(label, kind, np.nan, np.nan)] * len(cells)
        for kind in PAIRS:
            # The cell, then its nearest training cell.
            for pair in getattr(picked, kind):
                images += [pair.cell, pair.training]
                rows += [(label, kind, pair.ratio, pair.distance)] * 2
        classes[label] = {name: getattr(picked, name) for name in NUMBERS}
    size = images[0].shape[0] if images else 0
    create_images(folder, len(images), size)[:] = images
    columns = ["label", "kind", "ratio", "distance"]
    write_table(folder / "cells.csv", pd.DataFrame(rows, columns=columns))
    write_metrics(folder / "classes.json", classes)


def read_picks(folder: Path) -> dict[str, ClassPicks]:
    """The picks that `write_picks` wrote, in its order of classes."""
    cells = read_cells(folder)
    picks = {}
    for label, numbers in read_metrics(folder / "classes.json").items():
        rows = {
            kind: np.flatnonzero(
                (cells.table["label"] == label) & (cells.table["kind"] == kind)
            )
            for kind in ("real", "synthetic", *PAIRS)
        }
        pairs = {kind: _read_pairs(cells, rows.pop(kind)) for kind in PAIRS}
        images = {kind: cells.images[chosen] for kind, chosen in rows.items()}
        picks[label] = ClassPicks(**images, **pairs, **numbers)
    return picks


def _read_pairs(cells: CellSet, rows: np.ndarray) -> list[Pair]:
    values = cells.table.iloc[rows[::2]]
    return [
        Pair(cells.images[row], cells.images[row + 1], float(ratio), float(distance))
        for row, ratio, distance in zip(
            rows[::2], values["ratio"], values["distance"], strict=True
        )
    ]
