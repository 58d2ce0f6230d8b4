"""What the models' losses have in common: D's two kinds, and G's answer to each."""

import torch
from torch import Tensor, nn

from cytobalance.generators.batches import Batch
from cytobalance.generators.penalty import gradient_penalty, r1_penalty
from cytobalance.generators.protocol import Loss
from cytobalance.generators.settings import CwganGp


def wasserstein_loss(
    critic: nn.Module, real: Tensor, fake: Tensor, batch: Batch, settings: CwganGp
) -> Loss:
    """E[D(fake)] - E[D(real)] + lambda * penalty; real, fake: what D sees of them.

    The penalty is taken every `penalty_every`-th step, and weighs as much more then;
    the logged critic loss is as if it were taken every time.
    Source: Gulrajani 2017, equation 3; every so often: Karras 2020, section 4.
    """
    d_real, d_fake = judge(critic, real, fake)
    distance = d_real.mean() - d_fake.mean()
    if batch.step % settings.penalty_every:
        return -distance, {"wasserstein": distance}
    penalty = gradient_penalty(critic, real, fake, batch.mix)
    loss = settings.penalty * settings.penalty_every * penalty - distance
    logged = settings.penalty * penalty - distance
    return loss, {"critic_loss": logged, "wasserstein": distance, "penalty": penalty}


def real_or_fake_loss(
    critic: nn.Module, real: Tensor, outputs: tuple[Tensor, Tensor], r1: float = 0.0
) -> Loss:
    """-E[log D(real)] - E[log(1 - D(fake))] + r1 * R1; outputs: of real and fake.

    The first column of outputs [N, .] is the logit of D. Source: Goodfellow 2014,
    equation 1; Mescheder 2018, equation 9.
    """
    d_real, d_fake = (output[:, 0] for output in outputs)
    softplus = nn.functional.softplus
    loss = softplus(-d_real).mean() + softplus(d_fake).mean()
    if not r1:
        return loss, {"critic_loss": loss}
    slope = r1_penalty(critic, real)
    loss = loss + r1 * slope
    return loss, {"critic_loss": loss, "r1": slope}


def fool_loss(output: Tensor) -> Tensor:
    """-E[log D(fake)], G's loss that does not saturate (Goodfellow 2014, section 3)."""
    return nn.functional.softplus(-output[:, 0]).mean()


def judge(critic: nn.Module, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """The critic's outputs [N, .] for real and fake cells, seen in one batch."""
    return critic(torch.cat((real, fake))).float().chunk(2)
