"""C-WGAN-GP (Hazra 2022): a generator taught by a critic and a separate classifier."""

import torch
from torch import nn

from cytobalance.generators.adversarial import Adversarial
from cytobalance.generators.batches import Batch
from cytobalance.generators.losses import wasserstein_loss
from cytobalance.generators.networks import Critic, Generator
from cytobalance.generators.protocol import Loss
from cytobalance.generators.settings import HazraGan


class Model(Adversarial):
    """Three networks. D never sees the label; C's word to G is what carries it."""

    def __init__(self, size: int, classes: int, settings: HazraGan):
        super().__init__()
        self.settings = settings
        self.students = {
            "critic": settings.critic_steps,
            "classifier": 1,
            "generator": 1,
        }
        self.generator = Generator(
            size, settings.width, settings.latent, classes, settings.conditioning
        )
        self.critic = Critic(size, settings.width, 1)
        self.classifier = Critic(size, settings.width, classes)

    def critic_loss(self, batch: Batch) -> Loss:
        """E[D(fake)] - E[D(real)] + lambda * penalty (equations 3 and 4)."""
        with torch.no_grad():
            fake = batch.augment(self.generator(batch.z, batch.y))
        return wasserstein_loss(self.critic, batch.real, fake, batch, self.settings)

    def classifier_loss(self, batch: Batch) -> Loss:
        """Cross-entropy of C on real cells alone (section 2.2.2)."""
        loss = nn.functional.cross_entropy(self.classifier(batch.real).float(), batch.y)
        return loss, {"real_label_loss": loss}

    def generator_loss(self, batch: Batch) -> Loss:
        """-E[D(fake)] + weight * cross-entropy of C on fake cells (section 2.2.2)."""
        fake = batch.augment(self.generator(batch.z, batch.y))
        told = nn.functional.cross_entropy(self.classifier(fake).float(), batch.y)
        fooled = self.critic(fake).float().mean()
        loss = self.settings.classifier_weight * told - fooled
        return loss, {"generator_loss": loss, "fake_label_loss": told}
