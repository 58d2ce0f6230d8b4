"""Synthetic cells out of a trained generator, a batch at a time."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from cytobalance.study.room import check_memory
from cytobalance.study.runtime import derive_seed

# PyTorch draws the last 16 numbers anew where there are not a multiple of 16.
SPARE = 16


def check_room(counts: Iterable[int], latent: int) -> None:
    """StudyError where the vectors z of the largest class, float32, exceed all memory.

    counts: cells to be made of each class.
    """
    size = (max(counts) + SPARE) * latent * 4
    check_memory(size, "the latent vectors of a class", "generate.target or gan.latent")


@torch.inference_mode()
def generate_cells(
    sample: Callable[[Tensor, Tensor], Tensor],
    label: int,
    count: int,
    *,
    latent: int,
    batch: int,
    seed: int,
    device: torch.device,
    share: tuple[int, int] = (0, 1),
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (place, cells uint8 [n, S, S, 3]), n <= `batch`, of class `label`.

    `count` cells in all, at places 0, batch, ...; sample: of a `protocol.Model`; share
    (rank, processes): every processes-th batch from the rank-th on. The cells depend
    on seed and class alone: z (of length `latent`) is drawn on the CPU, class by class.
    """
    random = torch.Generator().manual_seed(derive_seed(seed, label))
    z = torch.randn(count + SPARE, latent, generator=random)[:count]
    rank, processes = share
    for place in range(rank * batch, count, processes * batch):
        part = z[place : place + batch].to(device)
        y = torch.full((len(part),), label, device=device)
        yield place, to_pixels(sample(part, y)).cpu().numpy()


def to_pixels(images: Tensor) -> Tensor:
    """Images [N, 3, S, S] in [-1, 1] to uint8 [N, S, S, 3]."""
    pixels = images.float().add(1).mul_(127.5).round_().clamp_(0, 255)
    return pixels.to(torch.uint8).permute(0, 2, 3, 1)
