"""Training cells in memory, and the random numbers of each training step."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cytobalance.generators.augment import CHANCES, change_cells
from cytobalance.study.runtime import derive_seed
from cytobalance.study.settings import GanGroup


@dataclass(frozen=True)
class Batch:
    """One step's share: real cells [n, 3, S, S] in [-1, 1], labels, z and mix.

    Real cells are augmented already where the settings say so; `augment` does the
    same to fake ones. turn: steps of this network before this one; only: the class of
    all cells, where the batch holds one.
    """

    real: Tensor
    y: Tensor
    z: Tensor
    mix: Tensor
    chance: Tensor
    kinds: tuple[str, ...]
    turn: int
    only: int | None
    kept: Callable[[int, int], Tensor]

    def augment(self, fake: Tensor) -> Tensor:
        """Fake cells [n, 3, S, S] in fp32, changed as D shall see them."""
        fake = fake.float()
        if not self.kinds:
            return fake
        with torch.autocast(fake.device.type, enabled=False):
            return change_cells(fake, self.kinds, self.chance)

    def drop(self, features: int, rate: float, kinds: int = 1) -> Tensor:
        """Dropout's factors [kinds * n, features]: 0, or 1 / (1 - rate).

        kinds: batches that are seen in one, real and fake. They too come from the
        joined batch's numbers, so that processes and restarts change nothing.
        """
        keep = self.kept(kinds, features) >= rate
        return keep.flatten(0, 1) / (1 - rate)


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
        self.present = classes.tolist()
        self.classes = torch.from_numpy(classes).to(device)
        self.counts = torch.from_numpy(counts).to(device)
        self.starts = torch.cumsum(self.counts, 0) - self.counts
        self.settings = settings
        self.seed, self.device, self.share = seed, device, share
        self.random = torch.Generator(device)

    def draw(self, student: str, turn: int, one_class: int | None = None) -> Batch:
        """The batch of a student's step number `turn`; fake cells get the real labels.

        one_class: all cells are of one class, the present ones in turn by this number.
        """
        self.random.manual_seed(derive_seed(self.seed, student, turn))
        rows = self._choose(one_class)
        count, latent = self.settings.batch, self.settings.latent
        turns = self._uniform(3, count) < 0.5
        z = torch.randn(count, latent, generator=self.random, device=self.device)
        mix = self._uniform(count, 1, 1, 1)
        kinds = self.settings.augment
        chance = self._uniform(2, count, CHANCES if kinds else 0)
        rows, turns = rows[self.share], turns[:, self.share, None, None, None]
        chance = chance[:, self.share]
        real = self.images[rows].float().div_(127.5).sub_(1)
        if self.settings.mirror:  # the eight ways to lay a smear under the microscope
            real = torch.where(turns[0], real.flip(3), real)
            real = torch.where(turns[1], real.flip(2), real)
            real = torch.where(turns[2], real.transpose(2, 3), real)
        if kinds:
            real = change_cells(real, kinds, chance[0])
        real = real.contiguous(memory_format=torch.channels_last)

        def kept(kinds: int, features: int) -> Tensor:
            return self._uniform(kinds, count, features)[:, self.share]

        y, z, mix = self.labels[rows], z[self.share], mix[self.share]
        only = (
            None if one_class is None else self.present[one_class % len(self.present)]
        )
        return Batch(real, y, z, mix, chance[1], kinds, turn, only, kept)

    def _choose(self, one_class: int | None) -> Tensor:
        """Rows of the cells of one joined batch."""
        u = self._uniform(self.settings.batch)
        if one_class is not None:
            own = one_class % len(self.classes)
            return self.starts[own] + (u * self.counts[own]).long()
        if self.settings.sampling == "natural":
            return (u * len(self.labels)).long()
        own = self._uniform(self.settings.batch).mul(len(self.classes)).long()
        return self.starts[own] + (u * self.counts[own]).long()

    def _uniform(self, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=self.random, device=self.device)
