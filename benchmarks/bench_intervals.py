"""How often intervals and verdicts hold the truth, on studies whose truth is known.

Each study: 12 classes with 3 to 105 test cells, patients of 12 cells with effects of
their own, and two classifiers that judge the same cells in one to five trials. Whether
a cell is named rightly is a threshold on a sum of normal effects (patient, cell, cell
and classifier, trial), so that a class's recall is exact on average. Makes the table
of docs/metrics.md.
"""

import argparse
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy.stats import norm

from cytobalance.evaluate.classification import count_confusion, score_overall
from cytobalance.evaluate.intervals import bootstrap
from cytobalance.evaluate.predictions import Predictions
from cytobalance.report import comparison
from cytobalance.study.runtime import random_stream

CLASSES = tuple("abcdefghijkl")
COUNTS = np.array([12, 35, 16, 30, 51, 5, 26, 31, 105, 23, 17, 3])
RECALL = np.array([0.95, 0.95, 0.9, 0.8, 0.9, 0.4, 0.85, 0.8, 0.97, 0.99, 0.5, 0.6])
RARE = ["f", "l", "a", "k"]
# Recall of the classes that the better classifier is better at: 7.1 points on average.
BETTER = {5: 0.75, 10: 0.75, 11: 0.85}
PER_PATIENT = 12
CONFIDENCE, RESAMPLES = 0.95, 300
PATIENT, TRIAL = 0.5, 0.3  # deviations of a patient's and of a trial's effects


@dataclass(frozen=True)
class Shares:
    """Variance of a cell's effects: on all, on one classifier, on one trial alone."""

    everyone: float
    classifier: float
    trial: float


# Trials that differ in every cell, and trials that differ in few.
WORLDS = (Shares(0.4, 0.1, 0.5), Shares(0.5, 0.45, 0.05))


def main() -> None:
    """Print one row a number of trials, world and true gain."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=400)
    parser.add_argument(
        "--imagined",
        type=float,
        default=comparison.PAIR.imagined,
        help="weight of the imagined cells in a gain's interval",
    )
    options = parser.parse_args()
    comparison.PAIR = replace(comparison.PAIR, imagined=options.imagined)
    better = RECALL.copy()
    better[list(BETTER)] = list(BETTER.values())
    names = ("gain held", "helped", "hurt", "score held")
    print("trials  trials differ in  true gain  " + "  ".join(names))
    for trials in (1, 2, 5):
        for world in WORLDS:
            for recall in (RECALL, better):
                rates = simulate(options.studies, trials, world, recall)
                differ = "every cell" if world.trial > 0.1 else "few cells"
                row = f"{trials:6}  {differ:>16}  {(recall - RECALL).mean():9.3f}  "
                cells = zip(rates, names, strict=True)
                row += "  ".join(f"{rate:{len(name)}.1%}" for rate, name in cells)
                print(row, flush=True)
    print("trials  trials differ in  recipes  false, each alone  false, corrected")
    for trials in (2, 5):
        for world in WORLDS:
            for recipes in (4, 10):
                alone, joint = simulate_many(options.studies, recipes, trials, world)
                differ = "every cell" if world.trial > 0.1 else "few cells"
                row = f"{trials:6}  {differ:>16}  {recipes:7}  {alone:17.1%}"
                print(f"{row}  {joint:16.1%}", flush=True)


def simulate(
    studies: int, trials: int, world: Shares, recall: np.ndarray
) -> np.ndarray:
    """Shares of studies, float [4]: the gain's interval holds the truth, lies above 0,
    below 0; that of the plain classifier's balanced accuracy holds the truth.

    recall: of the balanced classifier, float [12]; the plain one has RECALL.
    """
    stream = np.random.default_rng(11)
    truth = (recall - RECALL).mean()
    held = np.zeros(4)
    for study in range(studies):
        label = stream.permutation(np.repeat(np.arange(len(COUNTS)), COUNTS))
        balanced, plain = draw_classifiers(
            stream, label, (recall, RECALL), trials, world
        )
        gain = comparison.paired_gains(
            {"balanced": balanced, "plain": plain},
            [("balanced", "plain")],
            RARE,
            CONFIDENCE,
            RESAMPLES,
            partial(random_stream, study),
        )["balanced", "plain"]["balanced_accuracy"]
        low, high = score_interval(plain, np.random.default_rng(study))
        held += [
            gain["low"] <= truth <= gain["high"],
            gain["low"] > 0,
            gain["high"] < 0,
            low <= RECALL.mean() <= high,
        ]
    return held / studies


def simulate_many(studies: int, recipes: int, trials: int, world: Shares) -> np.ndarray:
    """Shares of studies, float [2], in which one of `recipes` that are as good as plain
    gets a verdict of a gain or a loss: each alone, and corrected for their number.
    """
    stream = np.random.default_rng(12)
    moved = {comparison.HELPED, comparison.HURT}
    found = np.zeros(2)
    for study in range(studies):
        label = stream.permutation(np.repeat(np.arange(len(COUNTS)), COUNTS))
        recalls = (RECALL,) * (recipes + 1)
        drawn = draw_classifiers(stream, label, recalls, trials, world)
        predictions = {str(i): own for i, own in enumerate(drawn)}
        gains = comparison.paired_gains(
            predictions,
            [(name, "0") for name in list(predictions)[1:]],
            RARE,
            CONFIDENCE,
            RESAMPLES,
            partial(random_stream, study),
        ).values()
        for i, judge in enumerate((comparison.verdict_alone, comparison.verdict)):
            found[i] += any(judge(gain) in moved for gain in gains)
    return found / studies


def draw_classifiers(
    stream: np.random.Generator,
    label: np.ndarray,
    recalls: tuple[np.ndarray, ...],
    trials: int,
    world: Shares,
) -> list[Predictions]:
    """What classifiers of known recall say of the same cells; a miss names any other.

    label: int [N]; recalls: of each classifier, float [12].
    """
    n = len(label)
    group = np.arange(n) // PER_PATIENT
    patients = group[-1] + 1
    shared = stream.normal(0, PATIENT, patients)[group]
    shared = shared + stream.normal(size=n) * np.sqrt(world.everyone)
    # A patient is hard for all classifiers, and a little more for some than for others.
    deviation = np.sqrt(1 + PATIENT**2 + TRIAL**2 + (PATIENT / 2) ** 2)
    drawn = []
    for recall in recalls:
        own = stream.normal(size=n) * np.sqrt(world.classifier)
        own = own + stream.normal(0, PATIENT / 2, patients)[group]
        predicted = []
        for _ in range(trials):
            effect = shared + own + stream.normal(size=n) * np.sqrt(world.trial)
            effect = effect + stream.normal(0, TRIAL, len(COUNTS))[label]
            right = effect / deviation < norm.ppf(recall)[label]
            other = (label + stream.integers(1, len(COUNTS), n)) % len(COUNTS)
            predicted.append(np.where(right, label, other))
        drawn.append(predictions_of(label, group, np.array(predicted)))
    return drawn


def predictions_of(label, group, predicted) -> Predictions:
    """Predictions without probabilities, which no interval here needs."""
    ids, origin = np.arange(len(label)).astype(str), np.full(len(label), "real")
    empty = np.empty((*predicted.shape, 0))
    return Predictions(CLASSES, ids, origin, label, group, predicted, empty)


def score_interval(predictions: Predictions, stream: np.random.Generator) -> np.ndarray:
    """Interval of one classifier's balanced accuracy: float [2]."""
    confusion = count_confusion(predictions.label, predictions.predicted, len(CLASSES))
    seen = score_overall(confusion)
    found = bootstrap(predictions, score_overall, seen, CONFIDENCE, RESAMPLES, stream)
    return found["balanced_accuracy"]


if __name__ == "__main__":
    main()
