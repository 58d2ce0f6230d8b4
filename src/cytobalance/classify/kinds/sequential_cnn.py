"""The sequential CNN of Hazra 2022."""

from torch import Tensor, nn

from cytobalance.classify.network import NetworkClassifier
from cytobalance.classify.settings import SequentialCNN
from cytobalance.study.devices import check_step

BLOCKS = 4


class Blocks(nn.Module):
    """(Conv2D -> BatchNorm -> LeakyReLU -> MaxPool) x 4 -> dropout -> FC, Hazra 3.4.

    images: float [N, 3, S, S] in -1..1, S a multiple of 16; returns logits
    [N, classes]. Channels are width x 1, 2, 4, 8 (the paper is silent).
    """

    def __init__(self, classes: int, size: int, width: int, dropout: float):
        super().__init__()
        layers: list[nn.Module] = []
        last = 3
        for block in range(BLOCKS):
            channels = width << block
            # No bias: the normalisation takes it away. LeakyReLU rises everywhere,
            # so pooling before it gives the same numbers at a quarter of the work.
            layers += [
                nn.Conv2d(last, channels, 3, padding=1, bias=False),
                nn.BatchNorm2d(channels),
                nn.MaxPool2d(2),
                nn.LeakyReLU(0.01, inplace=True),
            ]
            last = channels
        self.trunk = nn.Sequential(*layers)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(last * (size >> BLOCKS) ** 2, classes)

    def features(self, images: Tensor) -> Tensor:
        """Channels of the last block, averaged over the image: [N, 8 x width]."""
        return self.trunk(images).mean((2, 3))

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.dropout(self.trunk(images).flatten(1)))


class Kind(NetworkClassifier):
    """The sequential CNN as a classifier; it sees images in -1..1 at their size."""

    settings: SequentialCNN

    def fit(self, train, validation, recipe, seed):
        keys = "the sequential CNN's batch, width"
        check_step(self.settings.batch, self.settings.width, self.size, keys)
        return super().fit(train, validation, recipe, seed)

    def build(self) -> nn.Module:
        return Blocks(
            self.classes, self.size, self.settings.width, self.settings.dropout
        )

    def head(self) -> nn.Module:
        return self.network.head

    def see(self, images: Tensor) -> Tensor:
        return images.div(127.5).sub_(1)

    def maps(self, seen: Tensor) -> Tensor:
        return self.network.trunk(seen)

    def find_features(self, seen: Tensor) -> Tensor:
        return self.network.features(seen)
