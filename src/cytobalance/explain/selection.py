"""Which test cells stand for each count of a confusion matrix."""

import numpy as np

from cytobalance.evaluate.predictions import Predictions

# Cells shown of one count at most: right ones, and misses.
HITS, MISSES = 4, 8
# Cells shown of one classifier at most.
MOST = 160


def choose_cells(test: Predictions, stream: np.random.Generator) -> np.ndarray:
    """Rows of the cells to show, int [M], by class, class named, and rank.

    test: of one trial, or of all together. Right cells are drawn by chance, in an
    order that is the same for all classifiers of the same cells; misses come by their
    confidence, the surest first. Where there are more than MOST, each count keeps its
    first ones as evenly as can be.
    """
    chance = stream.permutation(len(test))
    label, named = test.label, test.predicted[0]
    confidence = test.probability[0].max(1)
    ranked = []
    for true, said in sorted(set(zip(label.tolist(), named.tolist(), strict=True))):
        rows = np.flatnonzero((label == true) & (named == said))
        if true == said:
            rows = rows[np.argsort(chance[rows])][:HITS]
        else:
            rows = rows[np.argsort(-confidence[rows], kind="stable")][:MISSES]
        ranked += [(rank, true, said, int(row)) for rank, row in enumerate(rows)]
    kept = sorted(ranked)[:MOST]
    kept.sort(key=lambda one: (one[1], one[2], one[0]))
    return np.array([row for *_, row in kept], int)


def count_confusion(test: Predictions) -> np.ndarray:
    """Cells of each class (rows) and class named (columns): int [C, C]."""
    classes = len(test.classes)
    flat = test.label * classes + test.predicted[0]
    return np.bincount(flat, minlength=classes**2).reshape(classes, classes)
