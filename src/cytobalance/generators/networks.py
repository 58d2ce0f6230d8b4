"""Tables 3 to 5 of Hazra 2022, with image size and width as numbers.

At size 128 and width 64 every layer has the paper's shape. Blocks are residual and
pre-activated, with two 3x3 layers each (transposed convolutions in the generator).
"""

import torch
from torch import Tensor, distributed, nn

# The paper is silent; DCGAN's and Gungor's value.
SLOPE = 0.2
# Length of a learnt label where it replaces the one-hot label.
EMBEDDING = 32
# First values of G keep z's variance on its way up, and the last layer halves it, so
# that tanh isn't at its ends.
UPWARD, LAST = 2**0.5, 0.5
# Part of its variance-keeping first values that the end of a block in D and C has.
BRANCH = 0.25


class ProcessSum(torch.autograd.Function):
    """Sum of a tensor over all processes; so is its gradient."""

    @staticmethod
    def forward(ctx, values: Tensor) -> Tensor:
        total = values.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx, slope: Tensor) -> Tensor:
        return ProcessSum.apply(slope)


class JoinedNorm(nn.BatchNorm2d):
    """Batch norm over the joined batch of all processes, on CPU and GPU alike."""

    def forward(self, x: Tensor) -> Tensor:
        """x: [N, width, H, W], N as large in every process; same shape out."""
        processes = distributed.get_world_size() if distributed.is_initialized() else 1
        if not self.training or processes == 1:
            return super().forward(x)
        wide = x.float()
        moments = torch.stack((wide.mean((0, 2, 3)), wide.square().mean((0, 2, 3))))
        mean, square = ProcessSum.apply(moments) / processes
        variance = (square - mean.square()).clamp_min(0)  # rounding
        with torch.no_grad():
            count = processes * x.numel() / x.shape[1]
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
            self.num_batches_tracked.add_(1)
        mean, scale = (m[:, None, None] for m in (mean, (variance + self.eps).rsqrt()))
        return ((wide - mean) * scale).to(x.dtype)


class ConditionalNorm(nn.Module):
    """Batch norm whose scale and shift are learnt for each class (de Vries 2017)."""

    def __init__(self, width: int, classes: int):
        super().__init__()
        self.norm = JoinedNorm(width, affine=False)
        self.scale = nn.Embedding.from_pretrained(torch.ones(classes, width), False)
        self.shift = nn.Embedding.from_pretrained(torch.zeros(classes, width), False)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """x: [N, width, H, W], y: int64 [N]; same shape as x out."""
        scale, shift = self.scale(y)[..., None, None], self.shift(y)[..., None, None]
        return self.norm(x) * scale + shift


class ResidualBlock(nn.Module):
    """x + layer(act(layer(act(x)))), shape kept; `layer` makes a 3x3 layer.

    classes: where not 0, a norm conditioned on the class stands before each `act`.
    """

    def __init__(self, width: int, layer: type[nn.Module], classes: int = 0):
        super().__init__()
        self.body = nn.Sequential(
            nn.LeakyReLU(SLOPE),
            layer(width, width, 3, padding=1),
            nn.LeakyReLU(SLOPE),
            layer(width, width, 3, padding=1),
        )
        norms = 2 if classes else 0
        self.norms = nn.ModuleList(
            ConditionalNorm(width, classes) for _ in range(norms)
        )

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """x: [N, width, H, W]; same shape out. y: int64 [N], read by the norms."""
        if not self.norms:
            return x + self.body(x)
        first, second = self.norms
        return x + self.body[2:](second(self.body[:2](first(x, y)), y))


def _blocks(
    count: int, width: int, layer: type[nn.Module], classes: int = 0
) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(width, layer, classes) for _ in range(count)))


def _double(width: int) -> nn.ConvTranspose2d:
    """5x5 transposed convolution of stride 2 that doubles the side exactly.

    Of its kernel, even pixels get three rows and columns and odd ones two: from
    PyTorch's values it starts with a grid, which a short training never loses. Here it
    starts as the binomial filter, of which all pixels get as much (ours; the paper is
    silent), after channels turned by a random rotation.
    """
    layer = nn.ConvTranspose2d(width, width, 5, 2, padding=2, output_padding=1)
    channels = nn.init.orthogonal_(torch.empty(width, width), UPWARD)
    row = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 8
    layer.weight.data = channels[:, :, None, None] * torch.outer(row, row)
    nn.init.zeros_(layer.bias)
    return layer


class Generator(nn.Module):
    """Table 3: latent vector and label to an image in [-1, 1].

    The table prints 64 channels for the last layer; an image has 3, so it ends in 3
    and tanh. conditioning: how the label enters; `onehot` as published, `embedding`
    (a learnt vector instead) or `batch_norm` (besides, a norm for each class in every
    block).
    """

    def __init__(
        self,
        size: int,
        width: int,
        latent: int,
        classes: int,
        conditioning: str = "onehot",
    ):
        super().__init__()
        self.latent = latent
        self.start = (width, size // 4, size // 4)
        if conditioning == "embedding":
            self.label, told = nn.Embedding(classes, EMBEDDING), EMBEDDING
        else:
            self.label, told = OneHot(classes), classes
        self.project = nn.Linear(latent + told, width * (size // 4) ** 2)
        nn.init.normal_(self.project.weight, std=UPWARD * (latent + told) ** -0.5)
        layer = nn.ConvTranspose2d
        normed = classes if conditioning == "batch_norm" else 0
        last = layer(width, 3, 5, padding=2)
        nn.init.kaiming_normal_(last.weight, SLOPE, mode="fan_out")
        last.weight.data *= LAST
        self.grow = nn.Sequential(
            _blocks(2, width, layer, normed),
            _double(width),
            _blocks(4, width, layer, normed),
            _double(width),
            _blocks(2, width, layer, normed),
            nn.LeakyReLU(SLOPE),
            last,
            nn.Tanh(),
        )

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """z: float [N, latent], y: int64 [N]; float [N, 3, size, size]."""
        x = self.project(torch.cat((z, self.label(y).to(z.dtype)), 1))
        x = x.view(-1, *self.start).contiguous(memory_format=torch.channels_last)
        for part in self.grow:
            for layer in part if isinstance(part, nn.Sequential) else (part,):
                x = layer(x, y) if isinstance(layer, ResidualBlock) else layer(x)
        return x


class OneHot(nn.Module):
    """Class index int64 [N] to [N, classes], 1 at the class and 0 elsewhere."""

    def __init__(self, classes: int):
        super().__init__()
        self.classes = classes

    def forward(self, y: Tensor) -> Tensor:
        return nn.functional.one_hot(y, self.classes)


class Critic(nn.Sequential):
    """Table 4 with one output, Table 5 with one output a class; no normalisation.

    Takes float [N, 3 + labels, size, size] in [-1, 1], gives float [N, outputs].
    labels: classes of a critic that is told the label (`with_label`), else 0. First
    values keep the variance on its way (He 2015), where PyTorch's lose it; the paper is
    silent. A classifier of the default study's cells had a cross-entropy of 1.29 after
    200 steps instead of 1.50 (one training each).
    """

    def __init__(self, size: int, width: int, outputs: int, labels: int = 0):
        super().__init__(
            nn.Conv2d(3 + labels, width, 5, stride=2, padding=2),
            _blocks(2, width, nn.Conv2d),
            nn.AvgPool2d(2),
            _blocks(4, width, nn.Conv2d),
            nn.AvgPool2d(2),
            _blocks(4, width, nn.Conv2d),
            nn.AvgPool2d(2),
            nn.LeakyReLU(SLOPE),
            nn.Flatten(),
            nn.Linear(width * (size // 16) ** 2, 128),
            nn.LeakyReLU(SLOPE),
            nn.Linear(128, outputs),
        )
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(layer.weight, SLOPE)
                nn.init.zeros_(layer.bias)
        for block in self.modules():
            if isinstance(block, ResidualBlock):  # ten sums, each with its variance
                block.body[-1].weight.data *= BRANCH


def with_label(images: Tensor, y: Tensor, classes: int) -> Tensor:
    """Images [N, 3, S, S] with a plane a class behind them: [N, 3 + classes, S, S].

    The plane of class `y` (int64 [N]) is 1, the others are 0 (Mirza 2014).
    """
    planes = nn.functional.one_hot(y, classes).to(images.dtype)[..., None, None]
    joined = torch.cat((images, planes.expand(-1, -1, *images.shape[2:])), 1)
    return joined.contiguous(memory_format=torch.channels_last)
