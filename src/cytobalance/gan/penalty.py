"""The gradient penalty of WGAN-GP, with the critic's slope as a forward pass.

A critic of convolutions, LeakyReLU, average pooling and linear layers is piecewise
linear in its input, so grad D(x) is the transposed network applied to ones, with the
LeakyReLU masks of x held. Autograd's double backward gives the same numbers, and
besides sends gradients of zeros through the whole forward pass.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

Pullback = Callable[[Tensor], Tensor]


def gradient_penalty(critic: nn.Module, real: Tensor, fake: Tensor, mix: Tensor):
    """Mean of (|grad D(x)| - 1)^2 at points between real and fake cells.

    real, fake: [N, 3, S, S]; mix: [N, 1, 1, 1] in [0, 1]. The norm is never taken in
    less than fp32.
    Source: Gulrajani 2017, equation 3; Hazra 2022, equation 4 (without lambda).
    """
    slope = input_slope(critic, torch.lerp(fake, real, mix))
    precise = torch.promote_types(slope.dtype, torch.float32)
    norm = slope.to(precise).flatten(1).norm(dim=1)
    return (norm - 1).square().mean()


def input_slope(critic: nn.Module, x: Tensor) -> Tensor:
    """Gradient of the sum of `critic(x)` with respect to x, of x's shape.

    Differentiable in the critic's weights alone. `critic` is built of the layers that
    `_pull_back` knows, without normalisation over the batch; TypeError otherwise.
    """
    with torch.no_grad():
        y, pullback = _pull_back(critic, x)
    return pullback(torch.ones_like(y))


def _pull_back(layer: nn.Module, x: Tensor) -> tuple[Tensor, Pullback]:
    """The layer's output at x, and the map of a gradient of it to one of x."""
    match layer:
        case nn.LeakyReLU():
            mask = x > 0
            return layer(x), lambda g: torch.where(mask, g, g * layer.negative_slope)
        case nn.Conv2d():
            y = layer(x)
            # Side that a strided convolution leaves over at the border.
            rest = [
                side - ((small - 1) * step - 2 * pad + kernel)
                for side, small, step, pad, kernel in zip(
                    x.shape[2:],
                    y.shape[2:],
                    layer.stride,
                    layer.padding,
                    layer.kernel_size,
                    strict=True,
                )
            ]
            return y, partial(
                functional.conv_transpose2d,
                weight=layer.weight,
                stride=layer.stride,
                padding=layer.padding,
                output_padding=rest,
            )
        case nn.Linear():
            return layer(x), lambda g: functional.linear(g, layer.weight.T)
        case nn.AvgPool2d():
            side = layer.kernel_size
            spread = partial(functional.interpolate, scale_factor=side, mode="nearest")
            return layer(x), lambda g: spread(g) / side**2
        case nn.Flatten():
            return layer(x), lambda g: g.view_as(x)
        case nn.Sequential():
            return _chain(layer, x)
        case _ if hasattr(layer, "body"):  # a residual block
            y, pullback = _pull_back(layer.body, x)
            return x + y, lambda g: g + pullback(g)
        case _:
            raise TypeError(f"no slope is known for {type(layer).__name__}")


def _chain(layers: nn.Sequential, x: Tensor) -> tuple[Tensor, Pullback]:
    pullbacks = []
    for layer in layers:
        x, pullback = _pull_back(layer, x)
        pullbacks.append(pullback)

    def pull_back(gradient: Tensor) -> Tensor:
        for pullback in reversed(pullbacks):
            gradient = pullback(gradient)
        return gradient

    return x, pull_back
