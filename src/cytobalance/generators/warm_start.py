"""A start for G: it learns to draw real cells from their principal components.

From chance a GAN spends most of a short training on what any average of cells shows.
Principal components of cells of a class, scaled to variance 1, are numbers as z is, so
at first G learns to turn them back into their cells (as in Bojanowski 2018, Optimizing
the Latent Space, with the latents fixed), while the networks that teach it learn on its
cells of drawn z as always. Then they teach G what few components leave out.
"""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from cytobalance.generators.batches import Batches
from cytobalance.generators.processes import Processes, average_gradients
from cytobalance.generators.protocol import Model
from cytobalance.generators.settings import GeneratorSettings

# Cells that the components are found in, at least; each class gives as many.
CELLS = 2048
# Of Adam: rises over the first steps, and falls in a line to a tenth.
RATE, RISING, LAST = 4e-3, 20, 0.1
BETAS = (0.9, 0.99)
# A component that differs less within a class than this part of the largest is noise.
LEAST = 1e-3


@dataclass(frozen=True)
class Components:
    """Of cells of S x S pixels, for each class with cells.

    middle: float [classes, 3 S S]; axes: float [3 S S, latent], of length 1, by falling
    variance over all classes; scale: float [classes, latent], the deviation along them.
    """

    middle: Tensor
    axes: Tensor
    scale: Tensor

    def encode(self, images: Tensor, y: Tensor) -> Tensor:
        """Images float [N, 3, S, S] of classes int64 [N] to z, float [N, latent]."""
        return (images.flatten(1) - self.middle[y]) @ self.axes / self.scale[y]


@torch.no_grad()
def find_components(batches: Batches, classes: int, latent: int) -> Components:
    """Principal components of cells about the middle of their class.

    batches: of joined batches, all of whose cells are seen; latent: numbers of z.
    Found on the CPU: the same on every device but for rounding.
    """
    present = len(batches.present)
    rounds = -(-max(CELLS, 2 * latent) // (present * batches.settings.batch))
    drawn = [batches.draw("components", k, k) for k in range(present * rounds)]
    cells = torch.cat([batch.real.flatten(1).cpu() for batch in drawn])
    y = torch.cat([batch.y.cpu() for batch in drawn])
    middle = torch.zeros(classes, cells.shape[1])
    for label in batches.present:
        middle[label] = cells[y == label].mean(0)
    rest = cells - middle[y]
    # By the products of cells with cells, of which there are fewer than pixels.
    values, vectors = torch.linalg.eigh(rest @ rest.T)
    least = max(LEAST**2 * values[-1].item(), LEAST**2)  # cells may be all alike
    largest = values.flip(0)[:latent].clamp_min(least).sqrt()
    axes = rest.T @ vectors.flip(1)[:, :latent] / largest
    axes = torch.nn.functional.pad(axes, (0, latent - axes.shape[1]))
    along = rest @ axes
    scale = torch.ones(classes, latent)
    for label in batches.present:
        scale[label] = along[y == label].std(0, correction=0)
    least = LEAST * scale[batches.present].max().clamp_min(LEAST)
    scale = scale.clamp_min(least)
    return Components(*(part.to(batches.device) for part in (middle, axes, scale)))


class WarmStart:
    """Steps in which G learns from real cells, by a mean squared difference to them.

    classes: their number. Random numbers come from (seed, step), as they do afterwards.
    """

    def __init__(
        self,
        model: Model,
        classes: int,
        settings: GeneratorSettings,
        batches: Batches,
        processes: Processes,
    ):
        self.model, self.processes = model, processes
        self.steps = settings.warm_start
        self.seen = copy.copy(batches)  # as they are: only a critic sees them augmented
        self.seen.settings = settings.model_copy(update={"augment": ()})
        joined = copy.copy(self.seen)
        joined.share = slice(None)
        self.components = find_components(joined, classes, settings.latent)
        weights = model.generator.parameters()
        self.optimiser = torch.optim.Adam(weights, RATE, BETAS, fused=True)

    def teach(self, step: int) -> Tensor:
        """One step of G, the `step`-th; its loss."""
        rate = min((step + 1) / RISING, 1 - (1 - LAST) * step / self.steps)
        self.optimiser.param_groups[0]["lr"] = RATE * rate
        generator = self.model.generator.requires_grad_(True)
        turn = step if self.model.one_class else None
        batch = self.seen.draw("warm start", step, turn)
        z = self.components.encode(batch.real, batch.y)
        with self.processes.autocast():
            made = self.model.sample(z, batch.y)
        loss = (made.float() - batch.real).square().mean()
        self.optimiser.zero_grad()
        loss.backward()
        average_gradients(generator, self.processes)
        self.optimiser.step()
        return loss.detach()
