"""Single synthetic cells: their nearest real cell, and how alike the two are."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

# PSNR of a perfect copy is infinite; it counts as this many decibels.
MOST_PSNR = 100.0
# Wang 2004: Gaussian window of 11 pixels, deviation 1.5; constants K1 and K2.
WINDOW, DEVIATION, K1, K2 = 11, 1.5, 0.01, 0.03
# Cells compared at a time.
CHUNK = 256
# A square turned by quarters and mirrored.
ORIENTATIONS = 8


@dataclass(frozen=True)
class Selection:
    """Some rows of a memory-mapped array of images, read when they are asked for."""

    images: np.ndarray
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, part: slice | np.ndarray) -> np.ndarray:
        return self.images[self.rows[part]]


@dataclass(frozen=True)
class Nearest:
    """The nearest cells of N images, nearest first: each [N, count].

    distance: float, root mean square of pixels, 0..255; row: int, in the cells that
    were searched; orientation: int, 0..7, in which that cell is this near.
    """

    distance: np.ndarray
    row: np.ndarray
    orientation: np.ndarray

    def __getitem__(self, rows: np.ndarray) -> "Nearest":
        return Nearest(self.distance[rows], self.row[rows], self.orientation[rows])


def turn_cells(images: Tensor, orientation: int) -> Tensor:
    """Cells [N, S, S, 3] turned by quarters (0 to 3), and mirrored too (4 to 7)."""
    turned = images.rot90(orientation % 4, (1, 2))
    return turned.flip(2) if orientation >= 4 else turned


def nearest_cells(
    images: np.ndarray,
    among: np.ndarray | Selection,
    count: int,
    device: torch.device,
) -> Nearest:
    """The `count` nearest of `among` to each image, each in its nearest orientation.

    images, among: uint8 [N, S, S, 3], [M, S, S, 3], M >= count. A smear has no
    upside, and a GAN may have been shown its cells turned: all 8 are searched.
    """
    parts = []
    for batch in torch.from_numpy(images).split(CHUNK):
        batch = batch.to(device).flatten(1).double()
        compared = [
            _squared_distances(batch, among[start : start + CHUNK], device)
            for start in range(0, len(among), CHUNK)
        ]
        square, orientation = (torch.cat(x, dim=1) for x in zip(*compared, strict=True))
        near = square.topk(count, dim=1, largest=False)
        distance = (near.values / batch.shape[1]).sqrt()
        turned = orientation.gather(1, near.indices)
        parts.append([x.cpu().numpy() for x in (distance, near.indices, turned)])
    return Nearest(*(np.concatenate(x) for x in zip(*parts, strict=True)))


def _squared_distances(
    batch: Tensor, chunk: np.ndarray, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Sum of squares from each image [B, P] to each cell, and its orientation [B, M].

    Whole numbers, which float64 holds exactly: a copy has distance 0.
    """
    cells = torch.from_numpy(chunk).to(device).double()
    norm = (batch**2).sum(1)[:, None] + (cells**2).sum((1, 2, 3))
    turned = (turn_cells(cells, k).flatten(1) for k in range(ORIENTATIONS))
    shared = torch.stack([batch @ cells.T for cells in turned])
    most = shared.max(0)
    return norm - 2 * most.values, most.indices


def oriented_cells(among: np.ndarray | Selection, nearest: Nearest) -> np.ndarray:
    """The nearest cell of each image, turned to meet it: uint8 [N, S, S, 3]."""
    cells = torch.from_numpy(among[nearest.row[:, 0]])
    return np.stack(
        [
            turn_cells(cell[None], int(k))[0].numpy()
            for cell, k in zip(cells, nearest.orientation[:, 0], strict=True)
        ]
    )


def _window(length: int) -> Tensor:
    """Gaussian windows of a line of pixels, one a row: float64 [places, length].

    A product with it is many times faster than a convolution with the square window.
    """
    side = min(WINDOW, length)
    place = torch.arange(side, dtype=torch.float64) - (side - 1) / 2
    line = torch.exp(-(place**2) / (2 * DEVIATION**2))
    rows = torch.zeros(length - side + 1, length, dtype=torch.float64)
    for start, row in enumerate(rows):
        row[start : start + side] = line / line.sum()
    return rows


def structural_similarity(one: Tensor, other: Tensor) -> Tensor:
    """SSIM (Wang 2004) of float [N, C, H, W] in 0..1: [N], mean over windows.

    1 for equal images. Whole windows only; a smaller image gets a smaller window.
    """
    down, across = (_window(length).to(one) for length in one.shape[2:])

    def smooth(x: Tensor) -> Tensor:
        return down @ x @ across.T

    mean_1, mean_2 = smooth(one), smooth(other)
    spread = smooth(one**2) + smooth(other**2) - mean_1**2 - mean_2**2
    shared = smooth(one * other) - mean_1 * mean_2
    light = (2 * mean_1 * mean_2 + K1**2) / (mean_1**2 + mean_2**2 + K1**2)
    structure = (2 * shared + K2**2) / (spread + K2**2)
    return (light * structure).mean((1, 2, 3))


def measure_likeness(
    synthetic: np.ndarray, real: np.ndarray, device: torch.device
) -> dict[str, np.ndarray]:
    """PSNR (dB), SSIM, l1 and l2 (percent) of each pair: float [N] each.

    synthetic, real: uint8 [N, S, S, 3]. l1 is the mean absolute, l2 the mean squared
    difference, of values in 0..1 (Hazra 2022's Table 7 doesn't say; its l2 lies below
    its l1, as only the square does).
    """
    measures: dict[str, list[Tensor]] = {"psnr": [], "ssim": [], "l1": [], "l2": []}
    for start in range(0, len(synthetic), CHUNK):
        pair = [
            torch.from_numpy(x[start : start + CHUNK]).to(device).permute(0, 3, 1, 2)
            for x in (synthetic, real)
        ]
        one, other = (x.double() / 255 for x in pair)
        square = ((one - other) ** 2).mean((1, 2, 3))
        psnr = (-10 * torch.log10(square)).clamp(max=MOST_PSNR)
        measures["psnr"].append(psnr)
        measures["ssim"].append(structural_similarity(one, other))
        measures["l1"].append(100 * (one - other).abs().mean((1, 2, 3)))
        measures["l2"].append(100 * square)
    return {name: torch.cat(parts).cpu().numpy() for name, parts in measures.items()}
