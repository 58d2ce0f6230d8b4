"""Synthetic cells out of a trained generator, a batch at a time."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from cytobalance.runtime import derive_seed


@torch.inference_mode()
def generate_cells(
    generator: nn.Module,
    label: int,
    count: int,
    *,
    batch: int,
    seed: int,
    device: torch.device,
) -> Iterator[np.ndarray]:
    """Yield `count` cells of class `label` as uint8 [n, S, S, 3], n <= `batch`.

    The cells depend on seed and class alone: z is drawn on the CPU, class by class.
    """
    random = torch.Generator().manual_seed(derive_seed(seed, label))
    for part in torch.randn(count, generator.latent, generator=random).split(batch):
        y = torch.full((len(part),), label, device=device)
        made = generator(part.to(device), y).float()
        pixels = made.add_(1).mul_(127.5).round_().clamp_(0, 255)
        yield pixels.to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
