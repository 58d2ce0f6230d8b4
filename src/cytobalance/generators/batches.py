"""Training cells in memory, and the random numbers of each training step."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cytobalance.generators.augment import CHANCES, change_cells
from cytobalance.generators.settings import GeneratorSettings
from cytobalance.study.runtime import derive_seed


@dataclass(frozen=True)
class Batch:
    """One step's share: real cells [n, 3, S, S] in [-1, 1], labels, z and mix.

    Real cells are augmented already where the settings say so; `augment` does the
    same to fake ones. step: this network's step, counted from 0; one_label: the class
    of all cells, where the batch holds one.
    """

    real: Tensor
    y: Tensor
    z: Tensor
    mix: Tensor
    chance: Tensor
    changes: tuple[str, ...]
    step: int
    one_label: int | None
    uniform: Callable[[int, int], Tensor]

    def augment(self, fake: Tensor) -> Tensor:
        """Fake cells [n, 3, S, S] in fp32, changed as D shall see them."""
        fake = fake.float()
        if not self.changes:
            return fake
        with torch.autocast(fake.device.type, enabled=False):
            return change_cells(fake, self.changes, self.chance)

    def drop(self, features: int, rate: float, parts: int = 1) -> Tensor:
        """Dropout's factors [parts * n, features]: 0, or 1 / (1 - rate).

        parts: batches that are seen in one, as real and fake. They too come from the
        joined batch's numbers, so that processes and restarts change nothing.
        """
        keep = self.uniform(parts, features) >= rate
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
        settings: GeneratorSettings,
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
        self.counts = torch.from_numpy(counts).to(device)
        self.starts = torch.cumsum(self.counts, 0) - self.counts
        self.settings = settings
        self.seed, self.device, self.share = seed, device, share
        self.random = torch.Generator(device)

    def draw(self, student: str, step: int, iteration: int | None = None) -> Batch:
        """The batch of a student's step; fake cells get the labels of the real ones.

        iteration: where given, all cells are of one class, and iterations go through
        the classes that have cells.
        """
        self.random.manual_seed(derive_seed(self.seed, student, step))
        place = None if iteration is None else iteration % len(self.present)
        rows = self._choose(place)
        count, latent = self.settings.batch, self.settings.latent
        flips = self._uniform(3, count) < 0.5
        z = torch.randn(count, latent, generator=self.random, device=self.device)
        mix = self._uniform(count, 1, 1, 1)
        changes = self.settings.augment
        chance = self._uniform(2, count, CHANCES if changes else 0)
        rows, flips = rows[self.share], flips[:, self.share, None, None, None]
        chance = chance[:, self.share]
        real = self.images[rows].float().div_(127.5).sub_(1)
        if self.settings.mirror:  # the eight ways to lay a smear under the microscope
            real = torch.where(flips[0], real.flip(3), real)
            real = torch.where(flips[1], real.flip(2), real)
            real = torch.where(flips[2], real.transpose(2, 3), real)
        if changes:
            real = change_cells(real, changes, chance[0])
        real = real.contiguous(memory_format=torch.channels_last)

        def uniform(parts: int, features: int) -> Tensor:
            return self._uniform(parts, count, features)[:, self.share]

        y, z, mix = self.labels[rows], z[self.share], mix[self.share]
        one_label = None if place is None else self.present[place]
        return Batch(real, y, z, mix, chance[1], changes, step, one_label, uniform)

    def _choose(self, place: int | None) -> Tensor:
        """Rows of the cells of one joined batch; place: of their one class, or None."""
        u = self._uniform(self.settings.batch)
        if place is None and self.settings.sampling == "natural":
            return (u * len(self.labels)).long()
        if place is None:
            place = self._uniform(self.settings.batch).mul(len(self.present)).long()
        return self.starts[place] + (u * self.counts[place]).long()

    def _uniform(self, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=self.random, device=self.device)
