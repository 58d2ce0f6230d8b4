"""The classifiers' networks, and trained ones on disk that rebuild themselves."""

from collections import OrderedDict
from pathlib import Path

import torch
from torch import Tensor, nn

from cytobalance.study.damage import reading
from cytobalance.study.runtime import atomic_file, derive_seed
from cytobalance.study.weights import read_weights

BLOCKS = 4


class SequentialCNN(nn.Module):
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


NETWORKS = {"sequential_cnn": SequentialCNN}


def build_network(classifier: str, settings: dict) -> nn.Module:
    """A new network; settings: its constructor's arguments."""
    return NETWORKS[classifier](**settings)


def seed_network(classifier: str, settings: dict, seed: int) -> nn.Module:
    """An untrained network, its first weights from a stream of their own."""
    torch.manual_seed(derive_seed(seed, "weights"))
    network = build_network(classifier, settings)
    return network.to(memory_format=torch.channels_last)


def save_network(path: Path, network: nn.Module, about: dict) -> None:
    """Write weights and `about` (classifier, settings, classes), same bytes each time.

    about: plain values only, so that the file can be read without running code.
    """
    weights = OrderedDict(
        (name, value.detach().cpu().contiguous().clone())
        for name, value in network.state_dict().items()
    )
    with atomic_file(path) as partial:
        torch.save({"about": about, "weights": weights}, partial)


def load_network(path: Path, device: torch.device) -> tuple[nn.Module, dict]:
    """A trained network in evaluation mode on `device`, and what is told about it.

    Raises StudyError where the file is missing or no classifier of ours.
    """
    with reading(path):
        saved = read_weights(path)
        about = saved["about"]
        network = build_network(about["classifier"], about["settings"])
        network.load_state_dict(saved["weights"])
    network = network.to(device, memory_format=torch.channels_last)
    return network.eval().requires_grad_(False), about
