"""Read params.yaml, once and strictly, into frozen models that know what is legal."""

import re
from pathlib import Path
from typing import Annotated, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cytobalance.errors import StudyError
from cytobalance.taxonomy import TYPES

Fraction = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]
Number = Annotated[int, Field(ge=1)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
# YAML gives lists; strict models want tuples, which stay frozen.
Betas = Annotated[tuple[float, float], Field(strict=False)]


def names_of(legal):
    """A block list of distinct values of `legal`, as a tuple."""
    return Annotated[tuple[legal, ...], Field(strict=False, min_length=1)]


Protocol = Literal["paper", "heldout"]
Gan = Literal["c_wgan_gp"]
Oversampler = Literal["plain", "weighted", "augmented", "smote", "adasyn"]
Balancer = Gan | Oversampler
Classifier = Literal["sequential_cnn"]
# The readers of sources/listing.py. Those without codes of their own need `codes`.
Layout = Literal["bloodmnist", "cnmc", "eone", "folder", "lmu", "mll", "pbc", "table"]
UNCODED = ("cnmc", "folder", "table")
SIMULATED = ("eone", "lmu", "pbc")


class Group(BaseModel):
    """A group of params.yaml: unknown keys and mistyped values are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class StudyGroup(Group):
    title: str
    seed: Count


class ImageGroup(Group):
    size: Annotated[int, Field(ge=16, le=512, multiple_of=16)]


class Source(Group):
    """One source of images: which reader, and where its archive comes from."""

    layout: Layout
    origin: Literal["simulated", "published"]
    archive: str | None = None  # file or folder name in data/incoming
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    url: str | None = None
    # Centre square kept: a part of the shorter side up to 1, or whole pixels from 2.
    crop: Annotated[float, Field(gt=0, le=1)] | Annotated[int, Field(ge=2)] = 1.0
    # Raw label -> type, beside the layout's own; null leaves a label out by rule.
    codes: dict[str, Name | None] = {}

    @model_validator(mode="after")
    def _check_origin(self):
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

    exact_copies: Count
    near_copies: Count
    mislabelled: Count
    cross_class: Count
    unreadable: Count


class Simulator(Group):
    """Simulated smears: how many cells and patients, and which faults."""

    scale: Annotated[float, Field(gt=0, le=1)]  # of Hazra's Table 1
    true_counts: Annotated[tuple[str, ...], Field(strict=False)]  # types not scaled
    cells_per_patient: Number
    patient_variation: Annotated[float, Field(ge=0, le=3)]
    faults: Faults


class Relabel(Group):
    maps: Annotated[tuple[str, ...], Field(strict=False)]
    rule: Literal["majority", "unanimous", "original"]


class Dedup(Group):
    near: bool
    hash_distance: Annotated[int, Field(ge=0, le=16)]
    max_shift: Annotated[float, Field(ge=0, le=0.25)]
    field_shift: Annotated[float, Field(ge=0, le=0.25)]
    max_difference: Positive
    min_correlation: Fraction
    conflicts: Literal["drop", "keep_first"]
    decisions: Annotated[tuple[str, ...], Field(strict=False)]


class Merge(Group):
    classes: dict[Name, Annotated[tuple[str, ...], Field(strict=False, min_length=1)]]

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
    thin: dict[Name, Number]

    @model_validator(mode="after")
    def _check_sum(self):
        if abs(self.train + self.test + self.validation - 1) > 1e-9:
            raise ValueError("train + test + validation must be 1")
        return self


class GanGroup(Group):
    width: Number
    latent: Number
    batch: Number
    iterations: Number
    critic_steps: Number
    learning_rate: Positive
    betas: Betas
    penalty: NonNegative
    classifier_weight: NonNegative
    sampling: Literal["natural", "balanced"]
    mirror: bool
    ema: Annotated[float, Field(ge=0, lt=1)]
    precision: Literal["fp32", "bf16"]
    save_minutes: Positive


class Generate(Group):
    target: Number
    batch: Number


class Augmentation(Group):
    """Gungor 2023's random changes of a minority cell."""

    rotation: Annotated[float, Field(ge=0, le=180)]
    shift: Annotated[float, Field(ge=0, lt=1)]
    shear: Annotated[float, Field(ge=0, lt=1)]
    zoom: Annotated[float, Field(ge=0, lt=1)]
    flip: bool


class Neighbours(Group):
    """SMOTE and ADASYN: neighbours are sought on small copies of the cells."""

    count: Number
    size: Number


class Oversample(Group):
    augmentation: Augmentation
    neighbours: Neighbours


class ClassifierGroup(Group):
    width: Number
    dropout: Annotated[float, Field(ge=0, lt=1)]
    batch: Number
    epochs: Number
    iterations: Number
    learning_rate: Positive
    weight_decay: NonNegative
    flip: bool
    precision: Literal["fp32", "bf16"]
    trials: Number


class Assess(Group):
    features: Literal["cells", "inception"]
    cells: Number


class Evaluate(Group):
    confidence: Fraction
    resamples: Number
    calibration_bins: Number


class Study(Group):
    """One study, whole."""

    study: StudyGroup
    image: ImageGroup
    sources: dict[Name, Source]
    ingest: Ingest = Ingest()
    simulator: Simulator | None = None
    relabel: Relabel
    dedup: Dedup
    merge: Merge
    hold_out: HoldOut
    protocols: names_of(Protocol)
    gans: Annotated[tuple[Gan, ...], Field(strict=False)]
    oversamplers: names_of(Oversampler)
    balancers: names_of(Balancer)
    classifiers: names_of(Classifier)
    gan: GanGroup
    generate: Generate
    oversample: Oversample
    classifier: ClassifierGroup
    assess: Assess
    evaluate: Evaluate

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of their index."""
        return tuple(self.merge.classes)

    @property
    def simulated(self) -> bool:
        """Whether any cell of the study is simulated."""
        return any(s.origin == "simulated" for s in self.sources.values())

    @model_validator(mode="after")
    def _check_whole(self):
        if not self.sources:
            raise ValueError("sources: name at least one source")
        if self.simulated and self.simulator is None:
            raise ValueError("simulator: needed, since a source is simulated")
        coded = {t for s in self.sources.values() for t in s.codes.values() if t}
        merged = {t for types in self.merge.classes.values() for t in types}
        for name in sorted(merged - coded - set(TYPES)):
            raise ValueError(
                f"merge.classes: unknown type `{name}`; legal: "
                + ", ".join((*TYPES, *sorted(coded)))
            )
        for name in sorted(coded - merged - set(TYPES)):
            raise ValueError(
                f"sources: codes name the type `{name}`, which is neither one of the "
                "19 nor in merge.classes; add it there"
            )
        for label in self.hold_out.thin:
            if label not in self.merge.classes:
                raise ValueError(
                    f"hold_out.thin: `{label}` is no class of merge.classes; legal: "
                    + ", ".join(self.merge.classes)
                )
        makers = (*self.gans, *self.oversamplers)
        for group, legal in (
            ("protocols", None),
            ("gans", None),
            ("oversamplers", None),
            ("balancers", makers),
            ("classifiers", None),
        ):
            values = getattr(self, group)
            if len(set(values)) < len(values):
                raise ValueError(f"{group}: a value stands twice")
            if legal is not None and set(values) != set(legal):
                raise ValueError(
                    f"{group}: must hold exactly the gans and oversamplers: "
                    + ", ".join(legal)
                )
        if "plain" not in self.oversamplers:
            raise ValueError(
                "oversamplers: `plain` is needed, everything is compared with it"
            )
        if self.oversample.neighbours.size > self.image.size:
            raise ValueError("oversample.neighbours.size: at most image.size")
        return self


class _Loader(yaml.SafeLoader):
    """YAML 1.2 floats: `1e-05` (as `dvc exp run -S` writes it) is a number."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^[-+]?(\d[\d_]*\.[\d_]*([eE][-+]?\d+)?|\d[\d_]*[eE][-+]?\d+"
        r"|\.\d[\d_]*([eE][-+]?\d+)?|\.inf|\.nan)$",
        re.IGNORECASE,
    ),
    list("-+0123456789."),
)


def _group_at(keys: tuple) -> type[Group]:
    """The model of a group: `("sources", "pbc")` -> Source."""
    kind = Study
    for key in keys:
        if get_origin(kind) is dict:
            kind = get_args(kind)[1]
        else:
            kind = kind.model_fields[key].annotation
        if type(None) in get_args(kind):  # an optional group
            kind = get_args(kind)[0]
    return kind


def _explain(error: ValidationError) -> str:
    """One line: each faulty key with its group, what is wrong, what is legal."""
    parts = []
    for item in error.errors():
        key = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            legal = ", ".join(_group_at(item["loc"][:-1]).model_fields)
            parts.append(f"{key}: unknown key; legal keys here: {legal}")
        elif item["type"] == "missing":
            parts.append(f"{key}: missing")
        else:
            message = item["msg"].removeprefix("Value error, ")
            given = "" if isinstance(item["input"], dict | BaseModel) else item["input"]
            parts.append(
                f"{key}: {message}" + (f" (got {given!r})" if given != "" else "")
            )
    return "; ".join(part.removeprefix(": ") for part in parts)


def read_study(path: Path | str = "params.yaml") -> Study:
    """Read one study from its params file.

    Raises StudyError naming key, group and legal values where anything is off.
    """
    path = Path(path)
    if not path.exists():
        raise StudyError(f"{path} is missing; run from the project's top folder")
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except yaml.YAMLError as error:
        raise StudyError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise StudyError(f"{path}: must hold groups of settings, see the shipped file")
    try:
        return Study.model_validate(values)
    except ValidationError as error:
        raise StudyError(f"{path}: {_explain(error)}") from None
