"""The GANs by name, and the generator file that a trained one leaves."""

import pickle
from pathlib import Path

import torch
from torch import nn

from cytobalance.gan.c_wgan_gp import CWganGp
from cytobalance.gan.networks import Generator
from cytobalance.groups import GanGroup
from cytobalance.runtime import StudyError

MODELS: dict[str, type[nn.Module]] = {"c_wgan_gp": CWganGp}


def build_gan(
    name: str, size: int, classes: int, settings: GanGroup, seed: int
) -> nn.Module:
    """A fresh model for images of `size` pixels; its weights are drawn from `seed`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return MODELS[name](size, classes, settings)


def save_generator(path: Path, generator: Generator, classes: tuple[str, ...]) -> None:
    """Write weights with all that is needed to build the network again."""
    about = {
        "size": 4 * generator.start[1],
        "width": generator.start[0],
        "latent": generator.latent,
        "classes": list(classes),
    }
    weights = {key: value.cpu() for key, value in generator.state_dict().items()}
    torch.save({"about": about, "weights": weights}, path)


def load_generator(path: Path, classes: tuple[str, ...]) -> Generator:
    """Read a generator; StudyError where it is missing or made for other classes."""
    if not path.exists():
        raise StudyError(f"{path} is missing; run `dvc repro train_gan`")
    try:
        state = torch.load(path, weights_only=True)
        about = state["about"]
    except (OSError, RuntimeError, KeyError, pickle.UnpicklingError):
        raise StudyError(
            f"{path} is no generator file; delete it and run `dvc repro train_gan`"
        ) from None
    if about["classes"] != list(classes):
        raise StudyError(
            f"{path} makes other classes than merge.classes; run `dvc repro train_gan`"
        )
    network = Generator(about["size"], about["width"], about["latent"], len(classes))
    network.load_state_dict(state["weights"])
    return network.to(memory_format=torch.channels_last).eval()
