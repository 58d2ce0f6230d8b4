"""The penalties of WGAN-GP and R1, with the critic's slope as a forward pass.

A critic of convolutions, LeakyReLU, average pooling and linear layers is piecewise
linear in its input, so grad D(x) is the transposed network applied to ones, with the
LeakyReLU masks of x held. Autograd's double backward gives the same numbers, and
besides sends gradients of zeros through the whole forward pass.
"""

import itertools
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrize import is_parametrized

from cytobalance.generators.networks import ResidualBlock

Pullback = Callable[[Tensor], Tensor]


def gradient_penalty(critic: nn.Module, real: Tensor, fake: Tensor, mix: Tensor):
    """Mean of (|grad D(x)| - 1)^2 at points between real and fake cells.

    real, fake: [N, 3, S, S], planes of a label behind them are no part of x; mix:
    [N, 1, 1, 1] in [0, 1]. The norm is never taken in less than fp32.
    Source: Gulrajani 2017, equation 3; Hazra 2022, equation 4 (without lambda).
    """
    slope = _image_slope(critic, torch.lerp(fake, real, mix))
    return (slope.norm(dim=1) - 1).square().mean()


def r1_penalty(critic: nn.Module, real: Tensor) -> Tensor:
    """Mean of |grad D(x)|^2 / 2 at real cells, as for `gradient_penalty`.

    Source: Mescheder 2018, equation 9 (without gamma).
    """
    return _image_slope(critic, real).square().sum(1).mean() / 2


def _image_slope(critic: nn.Module, x: Tensor) -> Tensor:
    """Slope of D in the three colours of each image, flat, in fp32 or better."""
    slope = input_slope(critic, x)[:, :3]
    return slope.to(torch.promote_types(slope.dtype, torch.float32)).flatten(1)


def input_slope(critic: nn.Module, x: Tensor) -> Tensor:
    """Gradient of the sum of `critic(x)[:, 0]` with respect to x, of x's shape.

    The first output tells real from fake. Differentiable in the critic's weights
    alone. `critic` is built of the layers that `_pull_back` knows, as they come,
    without normalisation over the batch. TypeError otherwise: the slope would be
    another function's.
    """
    with torch.no_grad():
        y, pullback = _pull_back(critic, x)
    start = torch.zeros_like(y)
    start[:, 0] = 1
    return pullback(start)


def _pull_back(layer: nn.Module, x: Tensor) -> tuple[Tensor, Pullback]:
    """The layer's output at x, and the map of a gradient of it to one of x.

    By the layer's declared type. One that computes something else than that type,
    by an override, a hook or an option, is refused.
    """
    kind = next((k for k in _SLOPES if isinstance(layer, k)), None)
    if kind is None or _is_overridden(layer, kind) or _is_hooked(layer):
        raise TypeError(
            f"the gradient penalty knows no slope of {type(layer).__name__}; build the "
            "critic of Conv2d, Linear, LeakyReLU, AvgPool2d, Flatten, Sequential and "
            "ResidualBlock, without overrides, hooks or parametrizations"
        )
    return _SLOPES[kind](layer, x)


def _is_overridden(layer: nn.Module, kind: type[nn.Module]) -> bool:
    """Whether the layer, or its class below `kind`, computes by a method of its own."""
    classes = itertools.takewhile(lambda place: place is not kind, type(layer).mro())
    methods = {"__call__", "forward", "_conv_forward"}
    return any(methods & vars(place).keys() for place in (layer, *classes))


def _is_hooked(layer: nn.Module) -> bool:
    hooked = layer._forward_hooks or layer._forward_pre_hooks
    return bool(hooked) or is_parametrized(layer)


def _refuse_options(layer: nn.Module, plain: bool) -> None:
    if not plain:
        raise TypeError(f"the gradient penalty knows no slope of {layer}")


def _leaky_relu(layer: nn.LeakyReLU, x: Tensor) -> tuple[Tensor, Pullback]:
    _refuse_options(layer, not layer.inplace)  # x would be gone
    return layer(x), lambda g: torch.ops.aten.leaky_relu_backward(
        g, x, layer.negative_slope, False
    )


def _convolution(layer: nn.Conv2d, x: Tensor) -> tuple[Tensor, Pullback]:
    plain = layer.padding_mode == "zeros" and not isinstance(layer.padding, str)
    _refuse_options(layer, plain)
    y = layer(x)
    # Side that a strided convolution leaves over at the border.
    rest = [
        side - ((small - 1) * step - 2 * pad + gap * (kernel - 1) + 1)
        for side, small, step, pad, gap, kernel in zip(
            x.shape[2:],
            y.shape[2:],
            layer.stride,
            layer.padding,
            layer.dilation,
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
        groups=layer.groups,
        dilation=layer.dilation,
    )


def _linear(layer: nn.Linear, x: Tensor) -> tuple[Tensor, Pullback]:
    return layer(x), lambda g: functional.linear(g, layer.weight.T)


def _average_pool(layer: nn.AvgPool2d, x: Tensor) -> tuple[Tensor, Pullback]:
    side = layer.kernel_size
    whole = isinstance(side, int) and not any(n % side for n in x.shape[2:])
    usual = layer.stride == side and not layer.padding and not layer.divisor_override
    _refuse_options(layer, whole and usual)
    spread = partial(functional.interpolate, scale_factor=side, mode="nearest")
    return layer(x), lambda g: spread(g) / side**2


def _flatten(layer: nn.Flatten, x: Tensor) -> tuple[Tensor, Pullback]:
    return layer(x), lambda g: g.view_as(x)


def _residual_block(layer: ResidualBlock, x: Tensor) -> tuple[Tensor, Pullback]:
    _refuse_options(layer, not layer.norms)
    y, pullback = _pull_back(layer.body, x)
    return x + y, lambda g: g + pullback(g)


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


_SLOPES: dict[type[nn.Module], Callable[..., tuple[Tensor, Pullback]]] = {
    nn.LeakyReLU: _leaky_relu,
    nn.Conv2d: _convolution,
    nn.Linear: _linear,
    nn.AvgPool2d: _average_pool,
    nn.Flatten: _flatten,
    nn.Sequential: _chain,
    ResidualBlock: _residual_block,
}
