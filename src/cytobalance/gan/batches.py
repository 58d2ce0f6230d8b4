"""Training cells in memory, and the random numbers of each training step."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cytobalance.groups import GanGroup
from cytobalance.runtime import derive_seed


@dataclass(frozen=True)
class Batch:
    """One step's share: real cells [n, 3, S, S] in [-1, 1], labels, z and mix."""

    real: Tensor
    y: Tensor
    z: Tensor
    mix: Tensor


class Batches:
    """Draws every step's batch from (seed, step) alone, so that a run can resume.

    images: uint8 [N, S, S, 3]; labels: int64 [N], class index. All processes draw
    the same joined batch and keep their own share of it, so that the number of
    processes does not change what is learned.
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        settings: GanGroup,
        seed: int,
        device: torch.device,
        share: slice = slice(None),
    ):
        order = np.argsort(labels, kind="stable")
        pixels = torch.from_numpy(np.ascontiguousarray(images[order]))
        self.images = pixels.to(device).permute(0, 3, 1, 2)  # channels_last in memory
        self.labels = torch.from_numpy(labels[order]).to(device)
        classes, counts = np.unique(labels, return_counts=True)
        self.classes = torch.from_numpy(classes).to(device)
        self.counts = torch.from_numpy(counts).to(device)
        self.starts = torch.cumsum(self.counts, 0) - self.counts
        self.settings = settings
        self.seed, self.device, self.share = seed, device, share
        self.random = torch.Generator(device)

    def draw(self, *step: object) -> Batch:
        """The batch of `step`; labels of fake cells are those of the real ones."""
        self.random.manual_seed(derive_seed(self.seed, *step))
        rows = self._choose()
        count, latent = self.settings.batch, self.settings.latent
        turns = self._uniform(3, count) < 0.5
        z = torch.randn(count, latent, generator=self.random, device=self.device)
        mix = self._uniform(count, 1, 1, 1)
        rows, turns = rows[self.share], turns[:, self.share, None, None, None]
        real = self.images[rows].float().div_(127.5).sub_(1)
        if self.settings.mirror:  # the eight ways to lay a smear under the microscope
            real = torch.where(turns[0], real.flip(3), real)
            real = torch.where(turns[1], real.flip(2), real)
            real = torch.where(turns[2], real.transpose(2, 3), real)
        real = real.contiguous(memory_format=torch.channels_last)
        return Batch(real, self.labels[rows], z[self.share], mix[self.share])

    def _choose(self) -> Tensor:
        u = self._uniform(self.settings.batch)
        if self.settings.sampling == "natural":
            return (u * len(self.labels)).long()
        own = self._uniform(self.settings.batch).mul(len(self.classes)).long()
        return self.starts[own] + (u * self.counts[own]).long()

    def _uniform(self, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=self.random, device=self.device)
