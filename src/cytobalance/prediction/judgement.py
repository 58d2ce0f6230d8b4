"""What a classifier says of new cells, with its doubts: a few columns a cell."""

from dataclasses import dataclass

import numpy as np
import torch

from cytobalance.classify.classifier import Classifier
from cytobalance.classify.ensemble import mean_probability
from cytobalance.evaluate.ranking import choose_threshold, smallest_third
from cytobalance.prediction.nearness import find_colours
from cytobalance.prediction.reference import Reference
from cytobalance.prediction.sets import Conformal, find_unsure, needed_cells
from cytobalance.prediction.temperature import scale

# Share of the validation cells that count as like those of training.
LIKE = 0.99


@dataclass(frozen=True)
class Verdicts:
    """Of M cells of C classes: arrays in their order.

    probability: float64 [M, C], scaled; predicted: int [M]; sets: bool [M, C]; unsure:
    bool [M]; unlike: bool [M, W], whether it is too far from the training cells by each
    of the judge's `limits`; called: bool [M, R], whether each rare class's threshold is
    passed.
    """

    probability: np.ndarray
    predicted: np.ndarray
    sets: np.ndarray
    unsure: np.ndarray
    unlike: np.ndarray
    called: np.ndarray


class Judge:
    """All trials of a classifier with what their validation cells taught.

    coverage: of the sets, in 0..1; specificity: at which rare classes are called.
    """

    def __init__(
        self,
        trials: list[Classifier],
        classes: list[str],
        reference: Reference,
        coverage: float,
        specificity: float,
    ):
        self.trials, self.classes, self.reference = trials, classes, reference
        label = reference.label
        self.temperature = reference.temperature
        known = scale(reference.probability, self.temperature)
        self.conformal = Conformal(known, label, coverage)
        rare = smallest_third(list(reference.training_cells))
        self.thresholds = {
            classes[k]: choose_threshold(known[label != k, k], specificity)
            for k in rare
            if (label != k).any()
        }
        self.limits = {
            way: np.quantile(distance, LIKE, method="higher")
            for way, distance in reference.distance.items()
        }

    def judge(self, images: np.ndarray) -> Verdicts:
        """images: uint8 [M, S, S, 3]; M may be 0."""
        probability = scale(mean_probability(self.trials, images), self.temperature)
        predicted = probability.argmax(1)
        sets = self.conformal.find_sets(probability)
        columns = [self.classes.index(label) for label in self.thresholds]
        limits = np.array(list(self.thresholds.values()))
        return Verdicts(
            probability,
            predicted,
            sets,
            find_unsure(sets, predicted, self.conformal.undecided),
            self._find_unlike(images),
            probability[:, columns] > limits,
        )

    def _find_unlike(self, images: np.ndarray) -> np.ndarray:
        unlike = np.zeros((len(images), len(self.limits)), bool)
        if not len(images):
            return unlike
        for k, (way, limit) in enumerate(self.limits.items()):
            if way == "features":
                seen = self.trials[0].features(torch.from_numpy(images)).numpy()
            else:
                seen = find_colours(images)
            unlike[:, k] = self.reference.nearness[way].distance(seen) > limit
        return unlike

    def describe(self) -> list[str]:
        """Lines on what the columns rest on."""
        cells = len(self.reference.label)
        needed = needed_cells(self.conformal.coverage)
        counts = np.bincount(self.reference.label, minlength=len(self.classes))
        lines = [
            f"fitted on {cells} validation cells: temperature {self.temperature:.3f}, "
            f"sets that hold the true class of {100 * self.conformal.coverage:g} % of "
            "each class's cells"
        ]
        if self.conformal.undecided.any():
            few = ", ".join(
                f"{self.classes[k]} ({counts[k]})"
                for k in np.flatnonzero(self.conformal.undecided)
            )
            lines.append(
                f"in every set, having fewer than the {needed} validation cells that "
                f"this takes: {few}"
            )
        if not self.limits:
            lines.append("unlike_training stays empty: too few real validation cells")
        elif "features" not in self.limits:
            lines.append(
                "unlike_training looks at colours alone: a classifier of this kind has "
                "no features"
            )
        return lines
