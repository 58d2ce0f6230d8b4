"""CGAN (Mirza 2014): the first GAN with the label told to generator and critic."""

import torch

from cytobalance.generators.adversarial import Adversarial
from cytobalance.generators.batches import Batch
from cytobalance.generators.losses import fool_loss, judge, real_or_fake_loss
from cytobalance.generators.networks import Critic, Generator, with_label
from cytobalance.generators.protocol import Loss
from cytobalance.generators.settings import Cgan


class Model(Adversarial):
    """Two networks: G(z, y) and D(x, y), whose output is the logit of "real"."""

    def __init__(self, size: int, classes: int, settings: Cgan):
        super().__init__()
        self.settings, self.classes = settings, classes
        self.students = {"critic": settings.critic_steps, "generator": 1}
        self.generator = Generator(
            size, settings.width, settings.latent, classes, settings.conditioning
        )
        self.critic = Critic(size, settings.width, 1, labels=classes)

    def critic_loss(self, batch: Batch) -> Loss:
        """-E[log D(real, y)] - E[log(1 - D(fake, y))] (equation 2)."""
        with torch.no_grad():
            fake = batch.augment(self.generator(batch.z, batch.y))
        real, fake = (with_label(x, batch.y, self.classes) for x in (batch.real, fake))
        said = judge(self.critic, real, fake)
        return real_or_fake_loss(self.critic, real, said, self.settings.r1)

    def generator_loss(self, batch: Batch) -> Loss:
        """-E[log D(fake, y)]."""
        fake = batch.augment(self.generator(batch.z, batch.y))
        loss = fool_loss(self.critic(with_label(fake, batch.y, self.classes)).float())
        return loss, {"generator_loss": loss}
