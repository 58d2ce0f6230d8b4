"""Recipes of params.yaml: what a training sees of real and synthetic cells."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from cytobalance.study.settings import Fraction, Group, Name, real

Share = Annotated[float, Field(ge=0, lt=1)]


class Augment(Group):
    """Random changes of each view; each amount is the largest, 0 leaves it out."""

    turn: real(0, 180) = 0.0  # degrees
    mirror: bool = False
    shift: Share = 0.0  # part of the side
    zoom: Share = 0.0
    shear: Share = 0.0
    stain: Share = 0.0  # part of each stain's optical density
    brightness: Share = 0.0
    cutout: Share = 0.0  # side of the hole, part of the image's

    @property
    def active(self) -> bool:
        """Whether any change is asked for."""
        return any(self.model_dump().values())


class Recipe(Group):
    """One way to balance a training, made of parts that combine."""

    # The GAN or oversampler whose cells it takes; null: real cells alone.
    synthetic: Name | None = None
    # Part of a class's views that is synthetic, for every class or class by class.
    # null pools all cells, and cuts classes to the target, as the papers do.
    share: Fraction | dict[Name, Fraction] | None = None
    # Weight of a synthetic cell in the loss; that of a real cell is 1.
    synthetic_weight: real(0, 1000, zero=False) = 1.0
    # Both kinds mixed, or all synthetic views before the first real one.
    order: Literal["mixed", "synthetic_first"] = "mixed"
    # How often a class is seen: as often as it has cells, all equally often, by the
    # root of its number of cells, or with a weight for each class's cells.
    sampling: (
        Literal["natural", "balanced", "sqrt"] | dict[Name, real(0, 1e6, zero=False)]
    ) = "natural"
    loss: Literal[
        "cross_entropy", "class_weights", "balanced_softmax", "logit_adjusted"
    ] = "cross_entropy"
    # tau of the loss `logit_adjusted` (Menon 2021).
    loss_adjustment: real(0, 100) = 1.0
    # tau of logit adjustment after the training; 0 is off (Menon 2021).
    post_adjustment: real(0, 100) = 0.0
    augment: Augment = Augment()

    @model_validator(mode="after")
    def _check_synthetic(self):
        for part in ("share", "synthetic_weight", "order"):
            default = type(self).model_fields[part].default
            if self.synthetic is None and getattr(self, part) != default:
                raise ValueError(f"{part} needs `synthetic`, a GAN or an oversampler")
        return self

    @property
    def pools(self) -> bool:
        """Whether real and synthetic cells are pooled, and cut to the target."""
        return self.synthetic is not None and self.share is None

    @property
    def maker(self) -> str:
        """Who makes its synthetic cells; `none` makes no cells."""
        return self.synthetic or "none"
