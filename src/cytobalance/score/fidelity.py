"""Single synthetic cells: their nearest real cell, and how alike the two are."""

import numpy as np
import torch
from torch import Tensor

# PSNR of a perfect copy is infinite; it counts as this many decibels.
MOST_PSNR = 100.0
# Wang 2004: Gaussian window of 11 pixels, deviation 1.5; constants K1 and K2.
WINDOW, DEVIATION, K1, K2 = 11, 1.5, 0.01, 0.03
# Cells compared at a time.
CHUNK = 256


def nearest_cells(
    images: np.ndarray, among: np.ndarray, count: int, device: torch.device
) -> tuple[np.ndarray, np.ndarray]:
    """The `count` nearest of `among` to each image, by root mean square of pixels.

    images, among: uint8 [N, S, S, 3], [M, S, S, 3], M >= count. Returns distances
    float [N, count] in 0..255, nearest first, and rows of `among`, int [N, count].
    """
    pool = torch.from_numpy(among).to(device).flatten(1).double()
    pool_square = (pool**2).sum(1)
    distances, rows = [], []
    for batch in torch.from_numpy(images).split(CHUNK):
        batch = batch.to(device).flatten(1).double()
        # Whole numbers, which float64 holds exactly: a copy has distance 0.
        square = (batch**2).sum(1)[:, None] + pool_square - 2 * batch @ pool.T
        near = square.topk(count, dim=1, largest=False)
        distances.append((near.values / batch.shape[1]).sqrt().cpu())
        rows.append(near.indices.cpu())
    return torch.cat(distances).numpy(), torch.cat(rows).numpy()


def structural_similarity(one: Tensor, other: Tensor) -> Tensor:
    """SSIM (Wang 2004) of float [N, C, H, W] in 0..1: [N], mean over windows.

    1 for equal images. Whole windows only; a smaller image gets a smaller window.
    """
    channels, side = one.shape[1], min(WINDOW, *one.shape[2:])
    place = torch.arange(side, dtype=one.dtype, device=one.device) - (side - 1) / 2
    line = torch.exp(-(place**2) / (2 * DEVIATION**2))
    window = torch.outer(line, line) / line.sum() ** 2
    window = window.expand(channels, 1, side, side)

    def smooth(x: Tensor) -> Tensor:
        return torch.nn.functional.conv2d(x, window, groups=channels)

    mean_1, mean_2 = smooth(one), smooth(other)
    spread = smooth(one**2) + smooth(other**2) - mean_1**2 - mean_2**2
    shared = smooth(one * other) - mean_1 * mean_2
    light = (2 * mean_1 * mean_2 + K1**2) / (mean_1**2 + mean_2**2 + K1**2)
    structure = (2 * shared + K2**2) / (spread + K2**2)
    return (light * structure).mean((1, 2, 3))


def compare_pairs(
    synthetic: np.ndarray, real: np.ndarray, device: torch.device
) -> dict[str, np.ndarray]:
    """PSNR (dB), SSIM, l1 and l2 (percent) of each pair: float [N] each.

    synthetic, real: uint8 [N, S, S, 3]. l1 is the mean absolute, l2 the mean squared
    difference, of values in 0..1 (Hazra 2022's Table 7 doesn't say; its l2 lies below
    its l1, as only the square does).
    """
    found: dict[str, list[Tensor]] = {"psnr": [], "ssim": [], "l1": [], "l2": []}
    for start in range(0, len(synthetic), CHUNK):
        pair = [
            torch.from_numpy(x[start : start + CHUNK]).to(device).permute(0, 3, 1, 2)
            for x in (synthetic, real)
        ]
        one, other = (x.double() / 255 for x in pair)
        square = ((one - other) ** 2).mean((1, 2, 3))
        psnr = (-10 * torch.log10(square)).clamp(max=MOST_PSNR)
        found["psnr"].append(psnr)
        found["ssim"].append(structural_similarity(one, other))
        found["l1"].append(100 * (one - other).abs().mean((1, 2, 3)))
        found["l2"].append(100 * square)
    return {name: torch.cat(parts).cpu().numpy() for name, parts in found.items()}
