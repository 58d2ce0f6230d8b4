"""C-WGAN-GP (Hazra 2022): a generator taught by a critic and a separate classifier."""

import torch
from torch import Tensor, nn

from cytobalance.gan.batches import Batch
from cytobalance.gan.networks import Critic, Generator
from cytobalance.gan.penalty import gradient_penalty
from cytobalance.groups import GanGroup


class CWganGp(nn.Module):
    """Three networks. D never sees the label; C's word to G is what carries it.

    A GAN here is its networks and what teaches them: `students` holds each taught
    network with its steps an iteration, in order; `<student>_loss` gives the loss on
    one batch and the numbers worth logging. While one learns, the others are frozen.
    """

    def __init__(self, size: int, classes: int, settings: GanGroup):
        super().__init__()
        self.settings = settings
        self.students = {
            "critic": settings.critic_steps,
            "classifier": 1,
            "generator": 1,
        }
        self.generator = Generator(size, settings.width, settings.latent, classes)
        self.critic = Critic(size, settings.width, 1)
        self.classifier = Critic(size, settings.width, classes)

    def critic_loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """E[D(fake)] - E[D(real)] + lambda * penalty (equations 3 and 4)."""
        with torch.no_grad():
            fake = self.generator(batch.z, batch.y).float()
        joined = torch.cat((batch.real, fake))
        d_real, d_fake = self.critic(joined).float().chunk(2)
        distance = d_real.mean() - d_fake.mean()
        penalty = gradient_penalty(self.critic, batch.real, fake, batch.mix)
        loss = self.settings.penalty * penalty - distance
        return loss, {"wasserstein": distance, "penalty": penalty}

    def classifier_loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy of C on real cells alone (section 2.2.2)."""
        loss = nn.functional.cross_entropy(self.classifier(batch.real).float(), batch.y)
        return loss, {"real_label_loss": loss}

    def generator_loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """-E[D(fake)] + weight * cross-entropy of C on fake cells (section 2.2.2)."""
        fake = self.generator(batch.z, batch.y)
        told = nn.functional.cross_entropy(self.classifier(fake).float(), batch.y)
        fooled = self.critic(fake).float().mean()
        loss = self.settings.classifier_weight * told - fooled
        return loss, {"generator_loss": loss, "fake_label_loss": told}
