"""Whether synthetic cells are copies of the training cells that a GAN saw."""

import numpy as np
import torch

from cytobalance.score.fidelity import Selection, nearest_cells

# A cell counts as a copy below this part of the held-out cells' ratios.
LEVEL = 0.05
# Held-out cells that fix the level, and training cells, at least.
LEAST_HELD_OUT = 20
LEAST_TRAINING = 3


def copy_ratios(
    images: np.ndarray, training: np.ndarray | Selection, device: torch.device
) -> np.ndarray:
    """Distance to the nearest training cell over that to the second: float [N], 0..1.

    images, training: uint8 [., S, S, 3]; root mean square distance of pixels, to each
    training cell in the orientation that is nearest. A copy has a ratio near 0. The
    bare distance would also be small for a blurred mean cell, which copies nothing;
    its ratio is near 1.
    """
    distance = nearest_cells(images, training, 2, device).distance
    return distance[:, 0] / np.maximum(distance[:, 1], 1e-9)


def memorised_share(
    synthetic: np.ndarray,
    training: np.ndarray | Selection,
    held_out: np.ndarray,
    device: torch.device,
) -> float | None:
    """Share of synthetic cells that lie closer to one training cell than real ones do.

    All three: uint8 [., S, S, 3] of one class; training: every cell that the GAN saw,
    since a copy of one that is left out would go unseen. Closer: a `copy_ratios` below
    the 5th percentile of held-out real cells, which the GAN never saw; so a GAN that
    copies nothing comes out near 0.05. None with too few cells to tell.
    """
    if (
        len(held_out) < LEAST_HELD_OUT
        or len(training) < LEAST_TRAINING
        or not len(synthetic)
    ):
        return None
    level = np.quantile(copy_ratios(held_out, training, device), LEVEL)
    return float((copy_ratios(synthetic, training, device) < level).mean())
