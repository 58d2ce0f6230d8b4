"""What a GAN's training left behind: its losses, and the cells it drew on the way."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cytobalance.study.cells import read_array
from cytobalance.study.damage import damaged
from cytobalance.study.tables import read_table

# Rows of a table of losses that Git keeps, at most.
LOSS_ROWS = 200


@dataclass(frozen=True)
class Drawings:
    """Cells of the same C latents at T moments of a training.

    iterations: int [T], ascending; images: uint8 [T, K, C, S, S, 3], K classes in
    class order.
    """

    iterations: np.ndarray
    images: np.ndarray


def read_drawings(folder: Path, classes: int) -> Drawings:
    """Read drawings.npy and drawings.csv of models/gan/<protocol>/<gan>.

    Raises StudyError where one is missing, or they disagree on moments or classes.
    """
    table = read_table(folder / "drawings.csv")
    shape = len(table), classes, None, None, None, 3
    images = read_array(folder / "drawings.npy", shape)
    if not images.size:
        raise damaged(folder / "drawings.npy", "holds no cells")
    return Drawings(table["iteration"].to_numpy(), images)


def thin_losses(losses: pd.DataFrame) -> pd.DataFrame:
    """At most LOSS_ROWS rows, evenly spaced, the first and the last among them."""
    return losses.iloc[spread_evenly(len(losses), LOSS_ROWS)]


def spread_evenly(count: int, most: int) -> np.ndarray:
    """At most `most` of `count` places, evenly spaced, first and last among them."""
    if count <= most:
        return np.arange(count)
    return np.linspace(0, count - 1, most).round().astype(int)
