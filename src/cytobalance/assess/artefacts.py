"""Two faults that a sheet of synthetic cells shows at once: all alike, and a grid.

Each is a number over the same number of real training cells, so that 1 is as it
should be; held-out real cells give the floor, how near to 1 chance lets a number come.
"""

from typing import Any

import numpy as np
import torch

from cytobalance.assess.features import View
from cytobalance.assess.selection import ClassCells

ARTEFACTS = ("spread", "grid")
# Fewer cells of a class have no spread to speak of.
LEAST_SPREAD = 5
# The power of a rounding error of pixels: keeps flat images from dividing by 0.
ROUNDING = 1.0
# Distance of the frequencies that one at the grid's is compared with: beyond the width
# of a single tone under a Hann window.
RING = 2


def mean_distance(features: np.ndarray) -> float:
    """Mean distance of two different cells of features float64 [N, F], N > 1."""
    among = torch.from_numpy(np.ascontiguousarray(features))
    return torch.nn.functional.pdist(among).mean().item()


def grid_energy(images: np.ndarray) -> float:
    """Power at the frequencies of an upsampling grid over that around them, about 1.

    images: uint8 [N, S, S, 3], S a multiple of 8. Layers that double the side leave
    patterns that repeat every 2 pixels (the last one) and every 4 (the one before), so
    at multiples of S / 4 (Odena 2016, Deconvolution and Checkerboard Artifacts). Mean
    over images, geometric mean over frequencies.
    """
    side = images.shape[1]
    window = np.hanning(side + 1)[:side]
    grey = images.astype(np.float64).mean(3)
    grey = (grey - grey.mean((1, 2), keepdims=True)) * window[:, None] * window
    power = np.square(np.abs(np.fft.fft2(grey))).mean(0) + ROUNDING
    offsets = range(-RING, RING + 1)
    ring = [(y, x) for y in offsets for x in offsets if max(abs(y), abs(x)) == RING]
    around = np.mean([np.roll(power, move, (0, 1)) for move in ring], axis=0)
    ratios = np.log(power / around)[:: side // 4, :: side // 4].flatten()
    return float(np.exp(ratios[1:].mean()))  # the first is the mean grey


def measure_artefacts(
    cells: ClassCells, views: dict[str, View] | None, kind: str
) -> dict[str, float | None]:
    """`spread` and `grid` of one class's cells of a kind, over those of real cells.

    views: by kind, None without features. None where there are too few cells.
    """
    measures: dict[str, float | None] = dict.fromkeys(ARTEFACTS)
    images = getattr(cells, kind)
    few = min(len(images), len(cells.real))
    if views and few >= LEAST_SPREAD:
        real = mean_distance(views["real"].features)
        if real > 0:
            measures["spread"] = mean_distance(views[kind].features) / real
    if few:
        measures["grid"] = grid_energy(images) / grid_energy(cells.real)
    return measures


def average_artefacts(parts: list[dict[str, Any]]) -> dict[str, float | None]:
    """The mean of each over the classes that have it."""
    means: dict[str, float | None] = {}
    for name in ARTEFACTS:
        values = [part[name] for part in parts if part[name] is not None]
        means[name] = float(np.mean(values)) if values else None
    return means
