"""The training cells that a classifier holds most like a cell."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from cytobalance.assess.likeness import Selection, nearest_cells
from cytobalance.classify.classifier import Classifier
from cytobalance.study.progress import show_progress

# Neighbours of a cell, of each origin.
COUNT = 3
# Cells whose features are taken at a time.
CHUNK = 512


def find_neighbours(
    trials: list[Classifier],
    images: np.ndarray,
    among: Selection,
    device: torch.device,
) -> tuple[np.ndarray, str]:
    """Positions in `among` of the COUNT nearest cells, int [N, k], nearest first.

    images: uint8 [N, S, S, 3]. Nearest by the cosine of the features, mean over
    trials; of a kind without features by the pixels, turned and mirrored as is
    nearest. Also returns which: `features` or `pixels`. k is less where `among` is.
    """
    count = min(COUNT, len(among))
    features = gather_features(trials, Selection(images, np.arange(len(images))))
    space = "pixels" if features is None else "features"
    if not count:
        return np.empty((len(images), 0), int), space
    if features is None:
        return nearest_cells(images, among, count, device).row, space
    likeness = features @ gather_features(trials, among).T
    return likeness.topk(count, dim=1).indices.numpy(), space


def gather_features(trials: list[Classifier], cells: Selection) -> Tensor | None:
    """Features of all trials side by side, each of length 1: float32 [N, F].

    Products of two such rows are the sum of the trials' cosines. None where the kind
    has no features.
    """
    parts = []
    starts = range(0, len(cells), CHUNK)
    for start in show_progress(starts, desc="finding features", unit="batches"):
        batch = torch.from_numpy(np.ascontiguousarray(cells[start : start + CHUNK]))
        found = [trial.features(batch) for trial in trials]
        if found[0] is None:
            return None
        unit = [functional.normalize(each.flatten(1)) for each in found]
        parts.append(torch.cat(unit, dim=1))
    return torch.cat(parts)
