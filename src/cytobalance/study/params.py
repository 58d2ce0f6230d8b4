"""Read params.yaml, once and strictly: a whole study."""

import re
from datetime import date
from pathlib import Path
from typing import get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError, model_validator

from cytobalance.study.runtime import StudyError
from cytobalance.study.settings import (
    MOST_DRAWN,
    Assess,
    Balancer,
    Classifier,
    ClassifierGroup,
    Dedup,
    Evaluate,
    Gan,
    GanGroup,
    Generate,
    Group,
    HoldOut,
    ImageGroup,
    Ingest,
    Merge,
    Name,
    Overrides,
    Oversample,
    Oversampler,
    Protocol,
    Relabel,
    Simulator,
    Source,
    StudyGroup,
    names_of,
)
from cytobalance.taxonomy import TYPES

# What YAML makes of text without quotes.
NO_TEXT = (bool, int, float, date)


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
    gans: names_of(Gan)
    oversamplers: names_of(Oversampler)
    balancers: names_of(Balancer)
    classifiers: names_of(Classifier)
    gan: GanGroup
    gan_overrides: dict[Name, Overrides]
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

    @property
    def source_names(self) -> tuple[str, ...]:
        """Names of the sources, in the order of params.yaml."""
        return tuple(self.sources)

    @property
    def gan_settings(self) -> dict[str, GanGroup]:
        """The settings of each GAN: `gan`, and over it its own in `gan_overrides`."""
        shared = self.gan.model_dump()
        return {
            gan: GanGroup.model_validate(shared | self.gan_overrides[gan])
            for gan in self.gans
        }

    @model_validator(mode="after")
    def _check_gans(self):
        if set(self.gan_overrides) != set(self.gans):
            raise ValueError(
                "gan_overrides: must name exactly the gans, with {} for one that takes "
                "all of `gan`: " + ", ".join(self.gans)
            )
        for gan in self.gans:
            try:
                GanGroup.model_validate(self.gan.model_dump() | self.gan_overrides[gan])
            except ValidationError as error:
                raise ValueError(
                    _explain(error, place=("gan_overrides", gan))
                ) from None
        return self

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
        latent = max(own.latent for own in self.gan_settings.values())
        if self.generate.target * latent > MOST_DRAWN:
            raise ValueError(
                f"generate.target times gan.latent: at most {MOST_DRAWN:,} numbers, "
                "which are drawn at once"
            )
        if self.oversample.neighbours.size > self.image.size:
            raise ValueError("oversample.neighbours.size: at most image.size")
        return self


class _Loader(yaml.SafeLoader):
    """YAML 1.2 floats: `1e-05` (as `dvc exp run -S` writes it) is a number.

    A key that stands twice is refused, where YAML would take the last in silence; and
    so is one without quotes that YAML takes for a number, a truth value or nothing.
    """

    def construct_mapping(self, node, deep=False):
        for key, _ in node.value:
            if key.tag.rpartition(":")[2] not in ("str", "merge"):
                raise StudyError(
                    f"key `{key.value}` in line {key.start_mark.line + 1} is no text "
                    f"in YAML; put it in quotes: '{key.value}'"
                )
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.YAMLError(f"key `{key}` stands twice, {node.start_mark}")
        return super().construct_mapping(node, deep)


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
    if keys[:1] == ("gan_overrides",):
        return GanGroup
    kind = Study
    for key in keys:
        if get_origin(kind) is dict:
            kind = get_args(kind)[1]
        else:
            kind = kind.model_fields[key].annotation
        if type(None) in get_args(kind):  # an optional group
            kind = get_args(kind)[0]
    return kind


def _explain(error: ValidationError, place: tuple[str, ...] = ()) -> str:
    """One line: each faulty key with its group, what is wrong, what is legal.

    place: the keys above the model that found the error.
    """
    parts = []
    for item in error.errors():
        # A union's alternatives stand in the place as `constrained-float`.
        keys = [*place, *map(str, item["loc"])]
        key = ".".join(part for part in keys if not part.startswith("constrained-"))
        if item["type"] == "extra_forbidden":
            legal = ", ".join(_group_at((*place, *item["loc"][:-1])).model_fields)
            parts.append(f"{key}: unknown key; legal keys here: {legal}")
        elif item["type"] == "missing":
            parts.append(f"{key}: missing")
        else:
            message = item["msg"].removeprefix("Value error, ")
            if item["type"] == "string_type" and isinstance(item["input"], NO_TEXT):
                message += "; put it in quotes"
            given = "" if isinstance(item["input"], dict | BaseModel) else item["input"]
            parts.append(
                f"{key}: {message}" + (f" (got {_show(given)})" if given != "" else "")
            )
    return "; ".join(part.removeprefix(": ") for part in parts)


def _show(value: object) -> str:
    """A value as an error shows it, cut to a length that fits a line."""
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        return "a number of thousands of digits"
    return text if len(text) <= 80 else f"{text[:77]}..."


def read_study(path: Path | str = "params.yaml") -> Study:
    """Read one study from its params file.

    Raises StudyError naming key, group and legal values where anything is off.
    """
    path = Path(path)
    if not path.exists():
        raise StudyError(f"{path} is missing; run from the project's top folder")
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except StudyError as error:
        raise StudyError(f"{path}: {error}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # UTF-8, dates
        raise StudyError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise StudyError(f"{path}: must hold groups of settings, see the shipped file")
    try:
        return Study.model_validate(values)
    except ValidationError as error:
        raise StudyError(f"{path}: {_explain(error)}") from None
