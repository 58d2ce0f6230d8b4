"""What the GANs share: a loss by the student's name, and cells straight out of G."""

from torch import Tensor, nn

from cytobalance.generators.batches import Batch
from cytobalance.generators.protocol import Loss


class Adversarial(nn.Module):
    """The part of `protocol.Model` that is alike in every GAN.

    A GAN adds `students`, its networks and `<student>_loss(batch)` for each.
    """

    one_class = False

    def loss(self, student: str, batch: Batch) -> Loss:
        """`critic_loss(batch)` for the critic, and so on."""
        return getattr(self, f"{student}_loss")(batch)

    def sample(self, z: Tensor, y: Tensor) -> Tensor:
        """One pass through G."""
        return self.generator(z, y)
