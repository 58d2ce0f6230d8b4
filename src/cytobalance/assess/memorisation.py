"""Whether synthetic cells are copies of the training cells that a GAN saw."""

from dataclasses import dataclass

import numpy as np
import torch

from cytobalance.assess.likeness import (
    Nearest,
    Selection,
    nearest_cells,
    oriented_cells,
)
from cytobalance.assess.picks import (
    HELD_OUT,
    LEVEL,
    SHOWN,
    SYNTHETIC,
    ClassPicks,
    Pair,
)
from cytobalance.assess.selection import ClassCells

# Held-out cells that fix the level, and training cells, at least.
LEAST_HELD_OUT = 20
LEAST_TRAINING = 3


@dataclass(frozen=True)
class CopySearch:
    """The two training cells nearest to each cell of one class (one, if all).

    synthetic, held_out: of each synthetic and each held-out real cell, None without
    any. level: a `copy_ratios` below it counts as a copy; None with too few cells to
    tell.
    """

    synthetic: Nearest
    held_out: Nearest | None
    level: float | None

    @property
    def share(self) -> float | None:
        """Share of synthetic cells that count as copies; about LEVEL is chance."""
        if self.level is None:
            return None
        return float((copy_ratios(self.synthetic) < self.level).mean())


def search_copies(
    synthetic: np.ndarray,
    training: np.ndarray | Selection,
    held_out: np.ndarray,
    device: torch.device,
) -> CopySearch | None:
    """Seek each synthetic cell of a class among the training cells.

    All three: uint8 [., S, S, 3]; training: every cell that the GAN saw, since a copy
    of one that is left out would go unseen. The level is the 5th percentile of the
    ratios of held-out real cells, which the GAN never saw; so about 5 % of the cells
    of a GAN that copies nothing lie below it. None without synthetic cells.
    """
    if not len(synthetic) or not len(training):
        return None
    nearest = nearest_cells(synthetic, training, min(2, len(training)), device)
    if not len(held_out):
        return CopySearch(nearest, None, None)
    real = nearest_cells(held_out, training, min(2, len(training)), device)
    level = None
    if len(held_out) >= LEAST_HELD_OUT and len(training) >= LEAST_TRAINING:
        level = float(np.quantile(copy_ratios(real), LEVEL))
    return CopySearch(nearest, real, level)


def copy_ratios(nearest: Nearest) -> np.ndarray:
    """Distance to the nearest training cell over that to the second: float [N], 0..1.

    A copy has a ratio near 0. The bare distance would also be small for a blurred
    mean cell, which copies nothing; its ratio is near 1. With one training cell
    alone there is no second, and the ratio is 1.
    """
    first, second = nearest.distance[:, 0], nearest.distance[:, -1]
    return np.where(second > 0, first / np.maximum(second, 1e-9), 0.0)


def closest_pairs(
    images: np.ndarray, training: np.ndarray | Selection, nearest: Nearest, count: int
) -> list[Pair]:
    """The `count` cells of `images` that look most like copies, lowest ratio first.

    images: uint8 [N, S, S, 3], those that `nearest` was sought for, among `training`.
    """
    ratios = copy_ratios(nearest)
    rows = np.argsort(ratios, kind="stable")[:count]
    closest = nearest[rows]
    return [
        Pair(images[row], cell, float(ratios[row]), float(distance))
        for row, cell, distance in zip(
            rows, oriented_cells(training, closest), closest.distance[:, 0], strict=True
        )
    ]


def pick_cells(cells: ClassCells, search: CopySearch | None, made: int) -> ClassPicks:
    """Picks of one class. search: of `search_copies`; made: all its synthetic cells."""
    synthetic, held_out = [], []
    if search is not None:
        synthetic = closest_pairs(
            cells.synthetic, cells.training, search.synthetic, SYNTHETIC + HELD_OUT
        )
        if search.held_out is not None:
            held_out = closest_pairs(
                cells.held_out, cells.training, search.held_out, HELD_OUT
            )
    return ClassPicks(
        real=cells.real[:SHOWN],
        synthetic=cells.synthetic[:SHOWN],
        synthetic_pairs=synthetic,
        held_out_pairs=held_out,
        training_cells=len(cells.training),
        synthetic_cells=made,
        searched=len(cells.synthetic) if search is not None else 0,
        compared=search is not None and search.held_out is not None,
        level=search and search.level,
        share=search and search.share,
    )
