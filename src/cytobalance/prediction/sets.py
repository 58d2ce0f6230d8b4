"""Conformal sets: the classes that a cell may be, at a stated coverage of each class.

A class is left out of a cell's set where few of the class's own validation cells looked
as little like it (Vovk 2012, label-conditional). Of cells drawn as the validation cells
were, the set then holds the true class in the stated share, class by class.
"""

import math
import warnings
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Conformal:
    """Validation cells by which sets are made, and the coverage of the sets.

    probability: float [N, C], of validation cells; label: int [N]; coverage: in 0..1.
    """

    probability: np.ndarray
    label: np.ndarray
    coverage: float

    @property
    def undecided(self) -> np.ndarray:
        """bool [C]: classes of too few validation cells, which every set holds."""
        counts = np.bincount(self.label, minlength=self.probability.shape[1])
        return counts < needed_cells(self.coverage)

    def find_sets(self, probability: np.ndarray) -> np.ndarray:
        """Which classes each cell's set holds: bool [M, C]. probability: float [M, C].

        Nonconformity is 1 - p of the class. A set may be empty: the cell is like none.
        """
        with warnings.catch_warnings():  # it changes the filters of the whole process
            from crepes import ConformalClassifier  # slow to import
        alpha = round(1 - self.coverage, 12)
        holds = np.ones(probability.shape, bool)
        for k in np.flatnonzero(~self.undecided):
            judge = ConformalClassifier()
            judge.fit(1 - self.probability[self.label == k, k])
            # Without smoothing: the same cell always gets the same set.
            p_values = judge.predict_p(1 - probability[:, k], smoothing=False)
            holds[:, k] = p_values > alpha
        return holds


def needed_cells(coverage: float) -> int:
    """Validation cells of a class from which on it can be left out of a set.

    The smallest p-value of n cells is 1 / (n + 1), and must not exceed 1 - coverage.
    """
    return math.ceil(round(1 / (1 - coverage) - 1, 9))


def find_unsure(
    sets: np.ndarray, predicted: np.ndarray, undecided: np.ndarray
) -> np.ndarray:
    """bool [M]: whether a set is not the predicted class alone.

    sets: bool [M, C]; predicted: int [M]; undecided: bool [C], classes that every set
    holds: they would make every cell unsure, and count where they are predicted alone.
    """
    alone = (sets & ~undecided).sum(1) == 1
    return ~(alone & sets[np.arange(len(sets)), predicted] & ~undecided[predicted])
