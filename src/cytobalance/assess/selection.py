"""Which cells of each class a GAN is judged by."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cytobalance.assess.likeness import Selection
from cytobalance.balance.hold_out import visible_cells
from cytobalance.study.cells import CellSet
from cytobalance.study.params import Study
from cytobalance.study.runtime import random_stream

# Parts that the GAN did not see and is compared with; under `paper` it saw all.
UNSEEN = {
    "paper": (),
    "heldout": ("test", "validation"),
    "source_out": ("validation",),
}


@dataclass(frozen=True)
class ClassCells:
    """Cells of one class, uint8 [., S, S, 3] each.

    training: all that the GAN saw; real: those of them that are compared with the
    others; held_out: real cells it never saw, none where it saw all.
    """

    training: np.ndarray | Selection
    real: np.ndarray
    synthetic: np.ndarray
    held_out: np.ndarray


def select_cells(
    cells: CellSet,
    hold_out: pd.DataFrame,
    synthetic: CellSet,
    protocol: str,
    study: Study,
) -> dict[str, ClassCells]:
    """Cells of each class, in class order; at most assess.cells of each kind compared.

    cells, hold_out: data/cells and the deal of `protocol`, in the same order;
    synthetic: what the GAN made under it. Held-out cells are those of test and
    validation; of validation alone under `source_out`, whose test cells another scanner
    took: a GAN that knows its sources is not to look like them.
    """
    seen = visible_cells(cells.table, hold_out, protocol)
    unseen = np.flatnonzero(hold_out["part"].isin(UNSEEN[protocol]))
    made = np.arange(len(synthetic))
    return {
        label: ClassCells(
            Selection(cells.images, _rows_of(cells, seen, label)),
            _draw(cells, seen, label, study, "real"),
            _draw(synthetic, made, label, study, "synthetic"),
            _draw(cells, unseen, label, study, "held_out"),
        )
        for label in study.classes
    }


def _draw(
    cells: CellSet, rows: np.ndarray, label: str, study: Study, kind: str
) -> np.ndarray:
    """Up to assess.cells images of a class among `rows`, drawn at random."""
    rows_of_class = _rows_of(cells, rows, label)
    stream = random_stream(study.study.seed, "assess", kind, label)
    return cells.images[stream.permutation(rows_of_class)[: study.assess.cells]]


def _rows_of(cells: CellSet, rows: np.ndarray, label: str) -> np.ndarray:
    """Those of `rows` that hold cells of a class."""
    return rows[(cells.table["label"].to_numpy(str) == label)[rows]]
