"""Cell sets made whole in memory, as no stage needs them."""

from pathlib import Path

import numpy as np
import pandas as pd

from cytobalance.assess.picks import ClassPicks
from cytobalance.study.runtime import atomic_folder
from cytobalance.study.tables import form_of, write_table


def write_cells(folder: Path, images: np.ndarray, table: pd.DataFrame) -> None:
    """Write a cell set atomically. images: uint8 [N, S, S, 3], table: N rows.

    Columns that the place of the table has, and no test needs, are filled.
    """
    assert len(images) == len(table) and images.dtype == np.uint8
    form = form_of(folder / "cells.csv")
    for name, kind in form.columns.items():
        table = table if name in table else table.assign(**{name: kind()})
    table = table[list(form.columns)]
    with atomic_folder(folder) as partial:
        np.save(partial / "images.npy", images)
        write_table(partial / "cells.csv", table)


def picks_of(real, synthetic, training_cells, synthetic_cells) -> ClassPicks:
    """What the sheet of real beside synthetic cells shows of a class; no pairs."""
    return ClassPicks(
        *(real, synthetic, [], []),
        *(training_cells, synthetic_cells, len(synthetic), False, None, None),
    )
