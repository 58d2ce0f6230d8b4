"""InfoGAN (Chen 2016): codes in G's input that Q must read off the fake cells.

The categorical code is the class, and Q learns from real cells which one is which
(Spurr 2017): left to itself, it would sort cells by stain as readily as by type, and
nobody could ask for a class. Two continuous codes are left to themselves, as published.
"""

import torch
from torch import Tensor, nn

from cytobalance.generators.adversarial import Adversarial
from cytobalance.generators.batches import Batch
from cytobalance.generators.losses import fool_loss, judge, real_or_fake_loss
from cytobalance.generators.networks import Critic, Generator
from cytobalance.generators.protocol import Loss
from cytobalance.generators.settings import Acgan
from cytobalance.study.runtime import StudyError

# Continuous codes: the first entries of z, normal where the paper's are uniform.
CODES = 2


class Model(Adversarial):
    """Two networks; Q shares all of D but its outputs (appendix C).

    D's outputs: the logit of "real", the classes, the means of the codes.
    """

    def __init__(self, size: int, classes: int, settings: Acgan):
        super().__init__()
        if settings.latent < CODES:
            raise StudyError(
                f"gan.latent: infogan needs {CODES} or more, for its codes"
            )
        self.settings, self.classes = settings, classes
        self.students = {"critic": settings.critic_steps, "generator": 1}
        self.generator = Generator(
            size, settings.width, settings.latent, classes, settings.conditioning
        )
        self.critic = Critic(size, settings.width, 1 + classes + CODES)

    def critic_loss(self, batch: Batch) -> Loss:
        """D's own loss, -L_I(G, Q) on fakes (equation 6), and Q on real labels."""
        with torch.no_grad():
            fake = batch.augment(self.generator(batch.z, batch.y))
        said = judge(self.critic, batch.real, fake)
        source, numbers = real_or_fake_loss(
            self.critic, batch.real, said, self.settings.r1
        )
        told = self._label_loss(said[0], batch)
        information = self._label_loss(said[1], batch) + self._code_loss(said[1], batch)
        loss = source + told + information
        return loss, numbers | {"critic_loss": loss, "real_label_loss": told}

    def generator_loss(self, batch: Batch) -> Loss:
        """-E[log D(fake)] - L_I(G, Q); the class weighs `classifier_weight`."""
        out = self.critic(batch.augment(self.generator(batch.z, batch.y))).float()
        told, coded = self._label_loss(out, batch), self._code_loss(out, batch)
        loss = fool_loss(out) + self.settings.classifier_weight * told + coded
        return loss, {
            "generator_loss": loss,
            "fake_label_loss": told,
            "code_loss": coded,
        }

    def _label_loss(self, out: Tensor, batch: Batch) -> Tensor:
        return nn.functional.cross_entropy(out[:, 1 : 1 + self.classes], batch.y)

    def _code_loss(self, out: Tensor, batch: Batch) -> Tensor:
        """-E[log Q(c|x)] of normal codes of variance 1, without its constant."""
        return (out[:, -CODES:] - batch.z[:, :CODES]).square().sum(1).mean() / 2
