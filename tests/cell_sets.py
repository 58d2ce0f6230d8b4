"""Cell sets made whole in memory, as no stage needs them."""

from pathlib import Path

import numpy as np
import pandas as pd

from cytobalance.cells import write_table
from cytobalance.runtime import atomic_folder


def write_cells(folder: Path, images: np.ndarray, table: pd.DataFrame) -> None:
    """Write a cell set atomically. images: uint8 [N, S, S, 3], table: N rows."""
    assert len(images) == len(table) and images.dtype == np.uint8
    with atomic_folder(folder) as partial:
        np.save(partial / "images.npy", images)
        write_table(partial / "cells.csv", table)
