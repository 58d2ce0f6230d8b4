"""The differential count of each subject among new cells, with intervals."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cytobalance.evaluate.intervals import wilson
from cytobalance.prediction.judgement import Verdicts

# Level of the intervals.
CONFIDENCE = 0.95
COLUMNS = [
    *("subject", "label", "cells", "of", "share", "low", "high", "unsure"),
    "unlike_training",
]


class Counts:
    """Cells of each subject and predicted class, counted batch by batch.

    compared: whether cells are compared with those of training; where they are not,
    none is counted as unlike them, and the table leaves that column empty.
    """

    def __init__(self, classes: Sequence[str], compared: bool):
        self.classes, self.compared = list(classes), compared
        # Subject -> int [C, 3]: all cells, the unsure and the unlike ones.
        self.subjects: dict[str, np.ndarray] = {}

    def add(self, subjects: Sequence[str], verdicts: Verdicts) -> None:
        """Count M cells. subjects: one a cell."""
        unlike = verdicts.unlike.any(1)
        for subject, k, unsure, strange in zip(
            subjects, verdicts.predicted, verdicts.unsure, unlike, strict=True
        ):
            counts = self.subjects.setdefault(
                subject, np.zeros((len(self.classes), 3), int)
            )
            counts[k] += (1, unsure, strange)

    @property
    def total(self) -> np.ndarray:
        """Of all subjects together: int [C, 3]."""
        empty = np.zeros((len(self.classes), 3), int)
        return sum(self.subjects.values(), start=empty)

    def tabulate(self) -> pd.DataFrame:
        """A row a subject and class: cells of the class, `of` all, share, interval.

        Wilson's intervals of a proportion of independent cells; what the classifier
        names wrongly is not in them.
        """
        tables = []
        for subject, counts in self.subjects.items():
            share, edges = find_shares(counts[:, 0])
            table = pd.DataFrame({"label": self.classes, "cells": counts[:, 0]})
            table.insert(0, "subject", subject)
            table = table.assign(of=counts[:, 0].sum(), share=share)
            table = table.assign(low=edges[:, 0], high=edges[:, 1])
            unlike = counts[:, 2] if self.compared else ""
            table = table.assign(unsure=counts[:, 1], unlike_training=unlike)
            tables.append(table)
        return pd.concat(tables) if tables else pd.DataFrame(columns=COLUMNS)


def find_shares(cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of each class, float [C], and its interval, float [C, 2].

    cells: int [C]; NaN where there are none at all.
    """
    share = cells / cells.sum() if cells.any() else np.full(len(cells), np.nan)
    edges = wilson(share, np.full(len(cells), cells.sum()), CONFIDENCE)
    return share, edges.round(9)  # a limit of 0 is computed as 3e-17
