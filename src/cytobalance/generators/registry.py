"""The GANs by name, and the generator file that a trained one leaves."""

from importlib import import_module
from pathlib import Path

import torch
from torch import nn

from cytobalance.study.damage import damaged, reading
from cytobalance.study.settings import GanGroup
from cytobalance.study.weights import read_weights


def build_gan(
    name: str, size: int, classes: int, settings: GanGroup, seed: int
) -> nn.Module:
    """A fresh model for images of `size` pixels; its weights are drawn from `seed`.

    A model is its networks and what teaches them: `students` holds each taught
    network with its steps an iteration, in order; `<student>_loss` gives the loss on
    one batch and the numbers worth logging, `critic_loss` and `generator_loss` among
    them. While one learns, the others are frozen. `generator(z, y)` makes the cells.
    """
    model = import_module(f"cytobalance.generators.gans.{name}").Model
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return model(size, classes, settings)


def save_generator(
    path: Path,
    generator: nn.Module,
    gan: str,
    size: int,
    classes: tuple[str, ...],
    settings: GanGroup,
) -> None:
    """Write weights with all that is needed to build the network again."""
    about = {
        "gan": gan,
        "size": size,
        "classes": list(classes),
        "settings": settings.model_dump_json(),
    }
    weights = {key: value.cpu() for key, value in generator.state_dict().items()}
    torch.save({"about": about, "weights": weights}, path)


def load_generator(
    path: Path, classes: tuple[str, ...], size: int
) -> tuple[nn.Module, GanGroup]:
    """A generator in evaluation mode, and the settings that it was trained with.

    Raises StudyError where it is missing, damaged or made for other classes or sizes.
    """
    with reading(path):
        state = read_weights(path)
        about = state["about"]
        settings = GanGroup.model_validate_json(about["settings"])
        if (about["classes"], about["size"]) != (list(classes), size):
            raise damaged(path, "makes other classes or sizes than params.yaml says")
        model = build_gan(about["gan"], size, len(classes), settings, seed=0)
        model.generator.load_state_dict(state["weights"])
    return model.generator.to(memory_format=torch.channels_last).eval(), settings
