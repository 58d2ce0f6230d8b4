"""How a network of timm sees cells: their side, mean and deviation."""

from dataclasses import dataclass

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional

from cytobalance.study.runtime import StudyError

MOST = 1_024  # pixels a side
STEP = 16


@dataclass(frozen=True)
class Sight:
    """What is done to images before a network sees them."""

    side: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def apply(self, images: Tensor) -> Tensor:
        """Images float [N, 3, S, S] in 0..255 -> [N, 3, side, side], scaled."""
        if images.shape[-1] != self.side:
            images = functional.interpolate(
                images, (self.side, self.side), mode="bilinear", antialias=True
            )
        mean, deviation = (
            torch.tensor(values).view(1, 3, 1, 1).to(images) * 255
            for values in (self.mean, self.deviation)
        )
        return (images - mean) / deviation


def create_network(name: str, classes: int) -> nn.Module:
    """An untrained network of timm; classes: outputs, 0 for its features.

    Raises StudyError where timm has none of that name.
    """
    try:
        return timm.create_model(name, num_classes=classes)
    except RuntimeError as error:
        raise StudyError(
            f"timm has no network `{name}` ({error}); legal are the names that "
            "timm.list_models() prints"
        ) from None


def sight_of(name: str, network: nn.Module, size: int, side: int | None) -> Sight:
    """How `network` sees images of `size` pixels a side.

    side: what params.yaml asks for; None is `size`, or the least that the network can
    work on where that is larger. Raises StudyError where `side` is none it can.
    """
    facts = network.pretrained_cfg
    least = _least_side(network, side or size)
    if side and side != least:
        raise StudyError(
            f"{name} can't see images of {side} pixels a side; set `side` to {least}, "
            "or leave it out"
        )
    return Sight(least, facts["mean"], facts["std"])


def describe_sight(name: str, sight: Sight, size: int) -> str:
    """One line on what becomes of cells of `size` pixels."""
    if sight.side == size:
        return f"{name} sees cells at their {size} pixels a side"
    how = "enlarged" if sight.side > size else "reduced"
    return f"{name} sees cells {how} from {size} to {sight.side} pixels a side"


@torch.no_grad()
def _least_side(network: nn.Module, size: int) -> int:
    """The first of `size`, `size` + 16, ... that the network works on.

    timm doesn't state it; a network that takes one side alone states that.
    """
    facts = network.pretrained_cfg
    if facts.get("fixed_input_size"):
        return facts["input_size"][-1]
    network.eval()
    for side in range(size, MOST + 1, STEP):
        try:
            network(torch.zeros(1, 3, side, side))
        except (AssertionError, RuntimeError, ValueError):
            continue
        return side
    raise StudyError(f"this network sees no images of {size} to {MOST} pixels a side")
