"""The gradient penalty of WGAN-GP, without the work whose result is known to be 0."""

import torch
from torch import Tensor, nn

SLOPE = 0.2


class _FixedMaskBackward(torch.autograd.Function):
    """LeakyReLU whose backward keeps the mask as a constant.

    Its second derivative is zero almost everywhere, yet autograd's own version
    sends a gradient of zeros through the whole forward graph in a double backward.
    """

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x > 0)
        return nn.functional.leaky_relu(x, SLOPE)

    @staticmethod
    def backward(ctx, grad: Tensor) -> Tensor:
        (positive,) = ctx.saved_tensors
        return torch.where(positive, grad, grad * SLOPE)


class LeakyReLU(nn.Module):
    """LeakyReLU with slope 0.2 and a cheap, exact double backward."""

    def forward(self, x: Tensor) -> Tensor:
        """Same shape and dtype as `x`."""
        return _FixedMaskBackward.apply(x)


def gradient_penalty(critic: nn.Module, real: Tensor, fake: Tensor, mix: Tensor):
    """Mean of (|grad D(x)| - 1)^2 at points between real and fake cells.

    real, fake: [N, 3, S, S]; mix: [N, 1, 1, 1] in [0, 1]. The norm is taken in fp32.
    Source: Gulrajani 2017, equation 3; Hazra 2022, equation 4 (without lambda).
    """
    between = torch.lerp(fake, real, mix).requires_grad_(True)
    (slope,) = torch.autograd.grad(
        critic(between).float().sum(), between, create_graph=True
    )
    norm = slope.float().flatten(1).norm(dim=1)
    return (norm - 1).square().mean()
