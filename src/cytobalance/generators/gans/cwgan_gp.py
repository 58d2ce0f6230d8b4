"""CWGAN-GP (Zheng 2020): WGAN-GP with the label told to the generator and the critic.

Zheng joins the label to a table's row; of an image it is a plane a class.
"""

import torch

from cytobalance.generators.adversarial import Adversarial
from cytobalance.generators.batches import Batch
from cytobalance.generators.losses import wasserstein_loss
from cytobalance.generators.networks import Critic, Generator, with_label
from cytobalance.generators.protocol import Loss
from cytobalance.generators.settings import CwganGp


class Model(Adversarial):
    """Two networks: G(z, y) and D(x, y)."""

    def __init__(self, size: int, classes: int, settings: CwganGp):
        super().__init__()
        self.settings, self.classes = settings, classes
        self.students = {"critic": settings.critic_steps, "generator": 1}
        self.generator = Generator(
            size, settings.width, settings.latent, classes, settings.conditioning
        )
        self.critic = Critic(size, settings.width, 1, labels=classes)

    def critic_loss(self, batch: Batch) -> Loss:
        """E[D(fake, y)] - E[D(real, y)] + lambda * penalty (Zheng 2020, equation 8)."""
        with torch.no_grad():
            fake = batch.augment(self.generator(batch.z, batch.y))
        real, fake = (with_label(x, batch.y, self.classes) for x in (batch.real, fake))
        return wasserstein_loss(self.critic, real, fake, batch, self.settings)

    def generator_loss(self, batch: Batch) -> Loss:
        """-E[D(fake, y)]."""
        fake = batch.augment(self.generator(batch.z, batch.y))
        loss = -self.critic(with_label(fake, batch.y, self.classes)).float().mean()
        return loss, {"generator_loss": loss}
