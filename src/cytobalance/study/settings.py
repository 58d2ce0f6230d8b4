"""The groups of params.yaml as frozen models that know what is legal."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from cytobalance.taxonomy import TYPES


def whole(least: int, most: int):
    """A whole number in its legal range, which the error names."""

    def check(value: int) -> int:
        if not least <= value <= most:
            raise ValueError(f"must be a whole number from {least:,} to {most:,}")
        return value

    return Annotated[int, AfterValidator(check)]


def real(least: float, most: float, zero: bool = True):
    """A number in its legal range, which the error names; zero: whether it may be 0."""

    def check(value: float) -> float:
        if not least <= value <= most or (not zero and value == 0):
            start = f"from {least:g}" if zero else "above 0 and"
            raise ValueError(f"must be a number {start} up to {most:g}")
        return value

    return Annotated[float, AfterValidator(check)]


# Bounds are generous: ten times and more what the papers took. What a study of legal
# numbers needs of disk and memory is weighed before work starts (room.py).
MOST_CELLS = 1_000_000  # of a class
MOST_DRAWN = 1_000_000_000  # numbers in the latent vectors of a class
Rate = real(0, 10, zero=False)  # of learning
Weight = real(0, 1e6)  # of a part of a loss
Fraction = Annotated[float, Field(gt=0, lt=1)]
Seed = whole(0, 2**63 - 1)
Decay = Annotated[float, Field(ge=0, lt=1)]
# YAML gives lists; strict models want tuples, which stay frozen.
Betas = Annotated[tuple[Decay, Decay], Field(strict=False)]


def _check_name(name: str) -> str:
    # Names stand in files' names, which some disks do not tell apart by case; `-` joins
    # them there.
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ValueError(
            "a name must be small letters, digits and underscores, a letter first"
        )
    return name


# Of a source, class, recipe or classifier.
Name = Annotated[str, AfterValidator(_check_name)]


def _check_file(name: str) -> str:
    if name in ("", ".", "..") or set(name) & set("/\\") or not name.isprintable():
        raise ValueError("must be the plain name of a file or folder, no path")
    return name


# A plain file name, never a path.
File = Annotated[str, AfterValidator(_check_file)]


def names_of(legal):
    """A block list of distinct values of `legal`, as a tuple."""
    return Annotated[tuple[legal, ...], Field(strict=False, min_length=1)]


Protocol = Literal["paper", "heldout", "source_out"]
# A GAN is a file of its name.
MODELS = Path(__file__).parent.parent / "generators/gans"
Gan = Literal[tuple(sorted(path.stem for path in MODELS.glob("[a-z]*.py")))]
# `none` makes no cells.
OVERSAMPLERS = ("none", "augmented", "smote", "adasyn")
# The readers of sources/listing.py. Those without built-in codes need `codes`.
Layout = Literal["bloodmnist", "cnmc", "eone", "folder", "lmu", "mll", "pbc", "table"]
UNCODED = ("cnmc", "folder", "table")
SIMULATED = ("cnmc", "eone", "lmu", "pbc")


class Group(BaseModel):
    """A group of params.yaml: unknown keys and mistyped values are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class StudyGroup(Group):
    title: str
    seed: Seed
    # The paper that the study rebuilds, whose numbers the page shows beside ours.
    paper: Literal["hazra2022", "gungor2023"] | None = None


class ImageGroup(Group):
    size: Annotated[int, Field(ge=16, le=512, multiple_of=16)]


class Source(Group):
    """One source of images: which reader, and where its archive comes from."""

    layout: Layout
    origin: Literal["simulated", "published"]
    archive: File | None = None  # in data/incoming
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    url: str | None = None
    licence: Annotated[str, Field(min_length=1)] | None = None  # of its images
    # Centre square kept: a part of the shorter side up to 1, or whole pixels from 2.
    crop: (
        Annotated[float, Field(gt=0, le=1)] | Annotated[int, Field(ge=2, le=100_000)]
    ) = 1.0
    # Raw label -> type, besides those of the layout; null leaves a label out by rule.
    codes: dict[str, Name | None] = {}
    # Layout `folder`: folder above the classes -> published part; others are pooled.
    parts: dict[str, Literal["train", "validation", "test"]] = {}

    @model_validator(mode="after")
    def _check_origin(self):
        if self.parts and self.layout != "folder":
            raise ValueError("`parts` is for layout `folder` alone")
        if self.origin == "published" and not self.archive:
            raise ValueError("a published source needs `archive`, its file name")
        if self.origin == "simulated" and (self.archive or self.sha256 or self.url):
            raise ValueError("a simulated source has no `archive`, `sha256` or `url`")
        if self.origin == "simulated" and self.layout not in SIMULATED:
            raise ValueError(
                f"layout `{self.layout}` can't be simulated; legal: "
                + ", ".join(SIMULATED)
            )
        if self.layout in UNCODED and not self.codes:
            raise ValueError(
                f"layout `{self.layout}` needs `codes`: each raw label and its type"
            )
        return self


class Ingest(Group):
    """What becomes of files that can't be read rightly."""

    strict: bool = False  # an error instead of a row in rejected.csv


class Faults(Group):
    """How many faults the simulator plants, over all sources."""

    exact_copies: whole(0, 10_000)
    near_copies: whole(0, 10_000)
    mislabelled: whole(0, 10_000)
    cross_class: whole(0, 10_000)
    unreadable: whole(0, 10_000)


class Simulator(Group):
    """Simulated smears: how many cells and patients, and which faults."""

    seed: Seed
    scale: Annotated[float, Field(gt=0, le=1)]  # of Hazra's Table 1, of C-NMC's counts
    # Types that are not scaled.
    true_counts: Annotated[tuple[Literal[TYPES], ...], Field(strict=False)]
    cells_per_patient: whole(1, 100_000)
    patient_variation: Annotated[float, Field(ge=0, le=3)]
    faults: Faults


class Relabel(Group):
    maps: Annotated[tuple[File, ...], Field(strict=False)]
    rule: Literal["majority", "unanimous", "original"]


class Dedup(Group):
    near: bool
    turned: bool
    related: bool
    hash_distance: Annotated[int, Field(ge=0, le=16)]
    max_shift: Annotated[float, Field(ge=0, le=0.25)]
    field_shift: Annotated[float, Field(ge=0, le=0.25)]
    max_difference: real(0, 255, zero=False)
    min_correlation: Fraction
    conflicts: Literal["drop", "keep_first"]
    decisions: Annotated[tuple[File, ...], Field(strict=False)]


class Merge(Group):
    classes: Annotated[dict[Name, names_of(str)], Field(min_length=2)]

    @model_validator(mode="after")
    def _check_types(self):
        owner: dict[str, str] = {}
        for label, types in self.classes.items():
            for name in types:
                if name in owner:
                    raise ValueError(
                        f"type `{name}` stands in {owner[name]} and in {label}; "
                        "a type belongs to one class"
                    )
                owner[name] = label
        return self


class HoldOut(Group):
    train: Fraction
    test: Fraction
    validation: Fraction
    # What becomes of a split that a source was published with.
    published: Literal["keep", "ignore"] = "keep"
    thin: dict[Name, whole(1, MOST_CELLS)]
    left_out_source: Name | None = None  # tested on under `source_out`

    @model_validator(mode="after")
    def _check_sum(self):
        if abs(self.train + self.test + self.validation - 1) > 1e-9:
            raise ValueError("train + test + validation must be 1")
        return self


def check_protocols(
    protocols: Sequence[str], hold_out: HoldOut, sources: Sequence[str]
) -> None:
    """ValueError where a protocol lacks what it needs. sources: their names."""
    if len(set(protocols)) < len(protocols):
        raise ValueError("protocols: a value stands twice")
    place, left_out = "hold_out.left_out_source", hold_out.left_out_source
    names = ", ".join(sources)
    if left_out is not None and left_out not in sources:
        raise ValueError(f"{place}: `{left_out}` is no source; legal: null, {names}")
    if "source_out" not in protocols:
        return
    if left_out is None:
        raise ValueError(
            f"{place}: needed, since `source_out` is in protocols; legal: {names}"
        )
    if len(sources) < 2:
        raise ValueError(
            "protocols: `source_out` needs two sources, one to train on and one to "
            "test on; take it out"
        )
    if "heldout" not in protocols:
        raise ValueError("protocols: `source_out` is set beside `heldout`; add that")


# What one GAN sets otherwise than `gan` does: key -> value.
Overrides = dict[str, Any]


class Generate(Group):
    target: whole(1, MOST_CELLS)
    batch: whole(1, 65_536)


class Augmentation(Group):
    """Gungor 2023's random changes of a minority cell."""

    rotation: Annotated[float, Field(ge=0, le=180)]
    shift: Annotated[float, Field(ge=0, lt=1)]
    shear: Annotated[float, Field(ge=0, lt=1)]
    zoom: Annotated[float, Field(ge=0, lt=1)]
    flip: bool


class Neighbours(Group):
    """SMOTE and ADASYN: neighbours are sought on small copies of the cells."""

    count: whole(1, 1_000)
    size: whole(1, 512)


class Oversample(Group):
    augmentation: Augmentation
    neighbours: Neighbours


class Assess(Group):
    # Learned from `plain`: its features compare cells, and TSTR trains such a one.
    classifier: Name
    features: Literal["cells", "imagenet", "inception"]
    weights: str | None
    cells: whole(1, 100_000)


class Evaluate(Group):
    confidence: Fraction
    resamples: whole(20, 100_000)
    calibration_bins: whole(1, 1_000)
    specificity: Fraction
    coverage: Fraction
    differential_cells: whole(1, 1_000_000)
