"""Recipes of params.yaml: what a training sees of real and synthetic cells."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from cytobalance.study.settings import Decay, Fraction, Group, Name, real, whole

# The recipe that everything is compared with: real cells as they are.
BASELINE = "plain"

Share = Annotated[float, Field(ge=0, lt=1)]
# Losses that weigh cells, as every kind of classifier can, and those of logits.
NETWORK_LOSSES = ("focal", "balanced_softmax", "logit_adjusted", "ldam")
LOSSES = ("cross_entropy", "class_weights", "effective_number", *NETWORK_LOSSES)


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


class Mix(Group):
    """Each view mixed with a second cell, its partner, and so are their losses."""

    # Whole images (Zhang 2018), or a square of the partner pasted in (Yun 2019).
    how: Literal["mixup", "cutmix"]
    # Partners drawn as views are, or every class equally often (Galdran 2021 for mixup,
    # Park 2022 for CutMix).
    partner: Literal["views", "even"] = "views"
    # The partner's part is drawn from Beta(alpha, alpha), that of an `even` one from
    # Beta(alpha, 1).
    alpha: real(0, 100, zero=False) = 1.0


class Recipe(Group):
    """One way to balance a training, made of parts that combine."""

    # The GAN or oversampler whose cells it takes; null: real cells alone.
    synthetic: Name | None = None
    # Part of a class's views that is synthetic, for every class or class by class.
    # null pools all cells, and cuts classes to the target, as the papers do.
    share: Fraction | Annotated[dict[Name, Fraction], Field(min_length=1)] | None = None
    # Weight of a synthetic cell in the loss; that of a real cell is 1.
    synthetic_weight: real(0, 1000, zero=False) = 1.0
    # Both kinds mixed, or all synthetic views before the first real one.
    order: Literal["mixed", "synthetic_first"] = "mixed"
    # How often a class is seen: as often as it has cells, all equally often, by the
    # root of its number of cells, or with a weight for each class's cells.
    sampling: (
        Literal["natural", "balanced", "sqrt"] | dict[Name, real(0, 1e6, zero=False)]
    ) = "natural"
    # How often a source of real cells is seen within its class: as it has cells, all
    # sources equally often, or by the root of their number of cells.
    sources: Literal["natural", "balanced", "sqrt"] = "natural"
    loss: Literal[LOSSES] = "cross_entropy"
    # tau of the loss `logit_adjusted` (Menon 2021).
    loss_adjustment: real(0, 100) = 1.0
    # beta of `effective_number` (Cui 2019): a class gains little beyond 1 / (1 - beta)
    # cells. gamma of `focal` (Lin 2017).
    loss_beta: Fraction = 0.999
    loss_gamma: real(0, 100) = 2.0
    # Part of the training before the loss begins, with cross-entropy until then: 0.8 of
    # Cao's (2019) deferred re-weighting. `ldam` has its margins from the start, and
    # from here on the weights of `effective_number` too; 0 leaves those out.
    loss_from: Share = 0.0
    # tau of logit adjustment after the training; 0 is off (Menon 2021).
    post_adjustment: real(0, 100) = 0.0
    augment: Augment = Augment()
    mix: Mix | None = None
    # The last so many of the epochs train a new last layer alone, with every class
    # drawn equally often (cRT, Kang 2020).
    head_retraining: whole(0, 100_000) = 0
    # Decay of a moving average of the weights, which then answers; 0 is off.
    ema: Decay = 0.0

    @model_validator(mode="after")
    def _check_synthetic(self):
        for part in ("share", "synthetic_weight", "order"):
            default = type(self).model_fields[part].default
            if self.synthetic is None and getattr(self, part) != default:
                raise ValueError(f"{part} needs `synthetic`, a GAN or an oversampler")
        return self

    @model_validator(mode="after")
    def _check_loss(self):
        users = {
            "loss_adjustment": ("logit_adjusted",),
            "loss_beta": ("effective_number", *["ldam"] * (self.loss_from > 0)),
            "loss_gamma": ("focal",),
            "loss_from": [loss for loss in LOSSES if loss != "cross_entropy"],
        }
        for part, losses in users.items():
            default = type(self).model_fields[part].default
            if self.loss not in losses and getattr(self, part) != default:
                raise ValueError(f"{part} needs the loss {' or '.join(losses)}")
        if self.head_retraining and self.post_adjustment:
            raise ValueError(
                "head_retraining ends with even draws, which leave post_adjustment "
                "nothing to adjust; leave one of them out"
            )
        return self

    @property
    def early(self) -> "Recipe":
        """The loss before `loss_from`, of a recipe with no other part."""
        return Recipe(loss="ldam") if self.loss == "ldam" else Recipe()

    @property
    def weighs(self) -> bool:
        """Whether its loss weighs cells by their class."""
        deferred = self.loss == "ldam" and self.loss_from > 0
        return self.loss in ("class_weights", "effective_number") or deferred

    @property
    def network_parts(self) -> tuple[str, ...]:
        """The parts that only a network's training has, as params.yaml names them."""
        parts = {
            f"the loss {self.loss}": self.loss in NETWORK_LOSSES,
            **{part: getattr(self, part) for part in ("loss_from", "mix", "ema")},
            "head_retraining": self.head_retraining,
        }
        return tuple(name for name, value in parts.items() if value)

    @property
    def pools(self) -> bool:
        """Whether real and synthetic cells are pooled, and cut to the target."""
        return self.synthetic is not None and self.share is None

    @property
    def maker(self) -> str:
        """Who makes its synthetic cells; `none` makes no cells."""
        return self.synthetic or "none"
