"""The GANs by name, and the generator file that a trained one leaves."""

from importlib import import_module
from pathlib import Path

import torch
from torch import nn

from cytobalance.generators.protocol import Model
from cytobalance.generators.settings import GeneratorSettings, settings_model
from cytobalance.study.damage import damaged, reading
from cytobalance.study.weights import read_weights


def build_gan(
    name: str, size: int, classes: int, settings: GeneratorSettings, seed: int
) -> Model:
    """A fresh model for images of `size` pixels; its weights are drawn from `seed`."""
    model = import_module(f"cytobalance.generators.gans.{name}").Model
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return model(size, classes, settings)


def drop_teachers(model: Model) -> Model:
    """The model without the networks that only teach: enough for `sample`."""
    for student in model.students:
        if student != "generator":
            delattr(model, student)
    return model


def save_generator(
    path: Path,
    generator: nn.Module,
    gan: str,
    size: int,
    classes: tuple[str, ...],
    settings: GeneratorSettings,
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
) -> tuple[Model, GeneratorSettings]:
    """A model that can `sample`, and the settings that it was trained with.

    Raises StudyError where it is missing, damaged or made for other classes or sizes.
    """
    with reading(path):
        state = read_weights(path)
        about = state["about"]
        settings = settings_model(about["gan"]).model_validate_json(about["settings"])
        if (about["classes"], about["size"]) != (list(classes), size):
            raise damaged(path, "makes other classes or sizes than params.yaml says")
        model = build_gan(about["gan"], size, len(classes), settings, seed=0)
        model.generator.load_state_dict(state["weights"])
    model = drop_teachers(model).to(memory_format=torch.channels_last).eval()
    return model, settings
