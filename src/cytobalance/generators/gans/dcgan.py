"""DCGAN (Radford 2015) as Gungor 2023 set it: no label, one GAN for each class.

Gungor: five layers each in G and D, LeakyReLU 0.2, dropout 0.4 before D's output, no
batch norm told of, in Keras, whose first weights we take (Glorot 2010); channels and
kernels are silent (ours: `gan.width`, 4 and 5 pixels).
"""

import torch
from torch import Tensor, nn

from cytobalance.generators.adversarial import Adversarial
from cytobalance.generators.batches import Batch
from cytobalance.generators.losses import fool_loss, judge, real_or_fake_loss
from cytobalance.generators.networks import SLOPE
from cytobalance.generators.protocol import Loss
from cytobalance.generators.settings import Dcgan

DROPOUT = 0.4
DOUBLINGS = 4


class Model(Adversarial):
    """Two networks a class, of which one pair learns at a time."""

    one_class = True

    def __init__(self, size: int, classes: int, settings: Dcgan):
        super().__init__()
        self.settings = settings
        self.students = {"critic": settings.critic_steps, "generator": 1}
        self.generator = ByClass(
            Generator(size, settings.width, settings.latent) for _ in range(classes)
        )
        self.critic = ByClass(Critic(size, settings.width) for _ in range(classes))
        for name, weight in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(weight)
            else:
                nn.init.xavier_uniform_(weight)

    def critic_loss(self, batch: Batch) -> Loss:
        """-E[log D(real)] - E[log(1 - D(fake))] (Goodfellow 2014, equation 1)."""
        with torch.no_grad():
            fake = batch.augment(self.generator[batch.one_label](batch.z))
        critic = self.critic[batch.one_label]
        drop = batch.drop(critic.features, DROPOUT, parts=2)
        said = judge(lambda cells: critic(cells, drop), batch.real, fake)
        return real_or_fake_loss(critic, batch.real, said)

    def generator_loss(self, batch: Batch) -> Loss:
        """-E[log D(fake)]."""
        fake = batch.augment(self.generator[batch.one_label](batch.z))
        critic = self.critic[batch.one_label]
        drop = batch.drop(critic.features, DROPOUT)
        loss = fool_loss(critic(fake, drop).float())
        return loss, {"generator_loss": loss}


class ByClass(nn.ModuleList):
    """One network a class."""

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """z: float [N, latent], y: int64 [N], all equal; float [N, 3, size, size]."""
        return self[int(y[0])](z)


class Generator(nn.Sequential):
    """float [N, latent] to an image in [-1, 1]: from 1/16 of the side, doubled."""

    def __init__(self, size: int, width: int, latent: int):
        start = size >> DOUBLINGS
        super().__init__(
            nn.Linear(latent, width * start**2),
            nn.LeakyReLU(SLOPE),
            nn.Unflatten(1, (width, start, start)),
            *(
                layer
                for _ in range(DOUBLINGS)
                for layer in (
                    nn.ConvTranspose2d(width, width, 4, stride=2, padding=1),
                    nn.LeakyReLU(SLOPE),
                )
            ),
            nn.Conv2d(width, 3, 5, padding=2),
            nn.Tanh(),
        )


class Critic(nn.Module):
    """float [N, 3, size, size] to the logit of "real" [N, 1]; the loss has sigmoid."""

    def __init__(self, size: int, width: int):
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv2d(3, width, 5, padding=2),
            nn.LeakyReLU(SLOPE),
            *(
                layer
                for _ in range(DOUBLINGS)
                for layer in (
                    nn.Conv2d(width, width, 5, stride=2, padding=2),
                    nn.LeakyReLU(SLOPE),
                )
            ),
            nn.Flatten(),
        )
        self.features = width * (size >> DOUBLINGS) ** 2
        self.head = nn.Linear(self.features, 1)

    def forward(self, images: Tensor, drop: Tensor) -> Tensor:
        """drop: dropout's factors of each feature, float [N, features]."""
        return self.head(self.trunk(images) * drop)
