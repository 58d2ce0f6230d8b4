"""What a generator is to the engine: whoever keeps to it trains, resumes and generates.

A GAN keeps to it in one file of `gans/`. So can a model of another kind: one of
diffusion has one student, its denoiser under the name `generator`, takes its noise from
`batch.z`, and `sample` takes the steps from z to a cell.
"""

from typing import Protocol

from torch import Tensor, nn

from cytobalance.generators.batches import Batch

# The loss of one network on one batch, and the numbers worth logging.
Loss = tuple[Tensor, dict[str, Tensor]]


class Model(Protocol):
    """A `torch.nn.Module` made by `Model(size, classes, settings)`.

    size: pixels a side; classes: their number; settings: as `generators/settings.py`
    has them for this generator, at least `GeneratorSettings`. Raises StudyError where a
    setting can't be met. `registry.build_gan` seeds what the constructor draws.
    """

    students: dict[str, int]
    """Networks that learn, each with its steps an iteration, in order of learning.

    Each is an attribute of that name. `generator` is among them.
    """

    generator: nn.Module
    """The network that makes the cells. Its moving average is kept in its file."""

    one_class: bool
    """Whether each batch holds one class, `batch.one_label`; the classes take turns."""

    def loss(self, student: str, batch: Batch) -> Loss:
        """The loss of one student on one batch, while the other students are frozen.

        Its random numbers are those of the batch (z, mix, `drop`), which come from
        (seed, step) alone: so the number of processes and a restart change nothing. A
        mean over the cells of the batch, since processes average their gradients.
        """

    def sample(self, z: Tensor, y: Tensor) -> Tensor:
        """Cells float [N, 3, size, size] in [-1, 1] of classes y, int64 [N].

        z: normal, float [N, settings.latent]; nothing else is drawn. `generator` is the
        one network that it uses: the weights of no other are kept.
        """
