"""Settings of the generators: what the training engine needs, and each GAN's keys.

Apart from the networks, since params.yaml is read without PyTorch.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from cytobalance.study.settings import Betas, Decay, Group, Rate, Weight, whole


class GeneratorSettings(Group):
    """What the engine and its batches need of any generator."""

    width: whole(1, 2_048)
    latent: whole(1, 16_384)
    batch: whole(1, 65_536)
    iterations: whole(1, 100_000_000)
    learning_rate: Rate
    betas: Betas
    sampling: Literal["natural", "balanced"]
    mirror: bool
    augment: Annotated[
        tuple[Literal["colour", "translation", "cutout"], ...], Field(strict=False)
    ]
    ema: Decay
    warm_start: whole(0, 1_000_000)
    precision: Literal["fp32", "bf16"]


class Dcgan(GeneratorSettings):
    """A generator for each class, and a critic."""

    critic_steps: whole(1, 1_000)


class Cgan(Dcgan):
    """The generator of Table 3, which gets the class; R1 for the critic."""

    conditioning: Literal["onehot", "embedding", "batch_norm"]
    r1: Weight


class Acgan(Cgan):
    """A head of the critic teaches the class."""

    classifier_weight: Weight


class CwganGp(Dcgan):
    """The generator of Table 3, which gets the class; a Wasserstein loss."""

    conditioning: Literal["onehot", "embedding", "batch_norm"]
    penalty: Weight
    penalty_every: whole(1, 1_000_000)


class HazraGan(CwganGp):
    """C-WGAN-GP: a separate classifier teaches the class."""

    classifier_weight: Weight


class GanGroup(Acgan, HazraGan):
    """The group `gan`: every key, of which each GAN takes its part."""


# GAN -> its settings; one that is not here takes all keys of `gan`.
SETTINGS: dict[str, type[GeneratorSettings]] = {
    "acgan": Acgan,
    "c_wgan_gp": HazraGan,
    "cgan": Cgan,
    "cwgan_gp": CwganGp,
    "dcgan": Dcgan,
    "infogan": Acgan,
}


def settings_model(gan: str) -> type[GeneratorSettings]:
    """The settings that a GAN declares: the keys that may stand under its name."""
    return SETTINGS.get(gan, GanGroup)


def settings_of(
    gan: str, shared: Group, overrides: Mapping[str, Any]
) -> GeneratorSettings:
    """A GAN's settings: its keys of `shared` (the group `gan`), and over them its own.

    Raises pydantic's ValidationError where an override is illegal, or no key of it.
    """
    model = settings_model(gan)
    taken = shared.model_dump(include=set(model.model_fields))
    return model.model_validate({**taken, **overrides})
