"""Tables 3 to 5 of Hazra 2022, with image size and width as numbers.

At size 128 and width 64 every layer has the paper's shape. Blocks are residual and
pre-activated, with two 3x3 layers each (transposed convolutions in the generator).
"""

import torch
from torch import Tensor, nn

# The paper is silent; DCGAN's and Gungor's value.
SLOPE = 0.2


class ResidualBlock(nn.Module):
    """x + layer(act(layer(act(x)))), shape kept; `layer` makes a 3x3 layer."""

    def __init__(self, width: int, layer: type[nn.Module]):
        super().__init__()
        self.body = nn.Sequential(
            nn.LeakyReLU(SLOPE),
            layer(width, width, 3, padding=1),
            nn.LeakyReLU(SLOPE),
            layer(width, width, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """x: [N, width, H, W]; same shape out."""
        return x + self.body(x)


def _blocks(count: int, width: int, layer: type[nn.Module]) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(width, layer) for _ in range(count)))


def _double(width: int, out: int) -> nn.ConvTranspose2d:
    """5x5 transposed convolution of stride 2 that doubles the side exactly."""
    return nn.ConvTranspose2d(width, out, 5, stride=2, padding=2, output_padding=1)


class Generator(nn.Module):
    """Table 3: latent vector and label to an image in [-1, 1].

    The table prints 64 channels for the last layer; an image has 3, so it ends in 3
    and tanh.
    """

    def __init__(self, size: int, width: int, latent: int, classes: int):
        super().__init__()
        self.classes = classes
        self.latent = latent
        self.start = (width, size // 4, size // 4)
        self.project = nn.Linear(latent + classes, width * (size // 4) ** 2)
        self.grow = nn.Sequential(
            _blocks(2, width, nn.ConvTranspose2d),
            _double(width, width),
            _blocks(4, width, nn.ConvTranspose2d),
            _double(width, width),
            _blocks(2, width, nn.ConvTranspose2d),
            nn.LeakyReLU(SLOPE),
            nn.ConvTranspose2d(width, 3, 5, padding=2),
            nn.Tanh(),
        )

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """z: float [N, latent], y: int64 [N]; float [N, 3, size, size]."""
        label = nn.functional.one_hot(y, self.classes).to(z.dtype)
        x = self.project(torch.cat((z, label), 1))
        x = x.view(-1, *self.start).contiguous(memory_format=torch.channels_last)
        return self.grow(x)


class Critic(nn.Sequential):
    """Table 4 with one output, Table 5 with one output a class; no normalisation.

    Takes float [N, 3, size, size] in [-1, 1], gives float [N, outputs].
    """

    def __init__(self, size: int, width: int, outputs: int):
        super().__init__(
            nn.Conv2d(3, width, 5, stride=2, padding=2),
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
