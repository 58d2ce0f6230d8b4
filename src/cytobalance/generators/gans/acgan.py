"""AC-GAN (Odena 2017): the critic has a second head, which tells the class."""

import torch
from torch import nn

from cytobalance.generators.adversarial import Adversarial
from cytobalance.generators.batches import Batch
from cytobalance.generators.losses import fool_loss, judge, real_or_fake_loss
from cytobalance.generators.networks import Critic, Generator
from cytobalance.generators.protocol import Loss
from cytobalance.generators.settings import Acgan


class Model(Adversarial):
    """Two networks. D's first output is the logit of "real", the others the class's."""

    def __init__(self, size: int, classes: int, settings: Acgan):
        super().__init__()
        self.settings = settings
        self.students = {"critic": settings.critic_steps, "generator": 1}
        self.generator = Generator(
            size, settings.width, settings.latent, classes, settings.conditioning
        )
        self.critic = Critic(size, settings.width, 1 + classes)

    def critic_loss(self, batch: Batch) -> Loss:
        """L_S + L_C: source and class of real and fake cells (equations 2 and 3)."""
        with torch.no_grad():
            fake = batch.augment(self.generator(batch.z, batch.y))
        said = judge(self.critic, batch.real, fake)
        source, numbers = real_or_fake_loss(
            self.critic, batch.real, said, self.settings.r1
        )
        told = [nn.functional.cross_entropy(out[:, 1:], batch.y) for out in said]
        loss = source + told[0] + told[1]
        return loss, numbers | {"critic_loss": loss, "real_label_loss": told[0]}

    def generator_loss(self, batch: Batch) -> Loss:
        """-E[log D(fake)] + weight * cross-entropy of the class head on fake cells."""
        out = self.critic(batch.augment(self.generator(batch.z, batch.y))).float()
        told = nn.functional.cross_entropy(out[:, 1:], batch.y)
        loss = fool_loss(out) + self.settings.classifier_weight * told
        return loss, {"generator_loss": loss, "fake_label_loss": told}
