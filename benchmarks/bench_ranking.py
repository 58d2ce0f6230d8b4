"""How often intervals of average precision and AUROC hold the truth.

Each study: 3 to 40 cells of a rare class among 400 others, patients of eight cells with
an effect of their own, two trials; scores are normal, those of the rare class higher by
`shift`. Makes the numbers of docs/metrics.md, "Ranking of the rare".
"""

import argparse

import numpy as np
from scipy.stats import norm
from sklearn.metrics import average_precision_score

from cytobalance.evaluate.predictions import Predictions
from cytobalance.evaluate.ranking import rank_class
from cytobalance.study.settings import Evaluate

OTHERS, PER_PATIENT, TRIALS = 400, 8, 2
PATIENT, CELL, TRIAL = 0.5, 0.7, 0.7  # deviations of the effects
DEVIATION = np.sqrt(PATIENT**2 + CELL**2 + TRIAL**2)
SETTINGS = Evaluate(
    confidence=0.95,
    resamples=300,
    calibration_bins=10,
    specificity=0.99,
    differential_cells=100,
)


def main() -> None:
    """Print a row a number of rare cells and a shift."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=400)
    studies = parser.parse_args().studies
    print("shift  cells  true AUROC   held  true AP  mean AP   held")
    for shift in (1.5, 3.0, 4.5):
        for cells in (3, 10, 40):
            area = norm.cdf(shift / DEVIATION / np.sqrt(2))
            precision = find_precision(shift, cells)
            held, mean = simulate(studies, shift, cells, (area, precision))
            row = f"{shift:5}  {cells:5}  {area:10.3f}  {held[0]:5.1%}"
            print(f"{row}  {precision:7.3f}  {mean:7.3f}  {held[1]:5.1%}", flush=True)


def find_precision(shift: float, cells: int) -> float:
    """Average precision of very many cells in the study's proportions."""
    stream, n = np.random.default_rng(1), 200_000
    score = stream.normal(0, DEVIATION, 2 * n) + np.repeat([shift, 0], n)
    weight = np.repeat([cells / OTHERS, 1], n)
    return average_precision_score(np.repeat([1, 0], n), score, sample_weight=weight)


def simulate(
    studies: int, shift: float, cells: int, truth: tuple[float, float]
) -> tuple[np.ndarray, float]:
    """Shares of studies whose intervals hold the truth, and the mean AP seen."""
    stream = np.random.default_rng(3)
    held, seen = np.zeros(2), []
    for study in range(studies):
        test, validation = (draw(stream, cells, shift) for _ in range(2))
        ranked = rank_class(
            test, validation, "rare", SETTINGS, np.random.default_rng(study)
        )
        for i, name in enumerate(("auroc", "average_precision")):
            value, low, high = ranked[name]
            held[i] += low <= truth[i] <= high
        seen.append(value)
    return held / studies, float(np.mean(seen))


def draw(stream: np.random.Generator, cells: int, shift: float) -> Predictions:
    """Test cells of one study, in random order."""
    own = stream.permutation(np.repeat([1, 0], [cells, OTHERS]))
    n = len(own)
    group = np.arange(n) // PER_PATIENT
    shared = stream.normal(0, PATIENT, group.max() + 1)[group]
    shared = shared + stream.normal(0, CELL, n)
    score = shared + stream.normal(0, TRIAL, (TRIALS, n)) + shift * own
    chance = norm.cdf(score - shift / 2)
    return Predictions(
        ("other", "rare"),
        np.arange(n).astype(str),
        np.full(n, "real"),
        own,
        group,
        (chance > 0.5).astype(int),
        np.stack([1 - chance, chance], -1),
    )


if __name__ == "__main__":
    main()
