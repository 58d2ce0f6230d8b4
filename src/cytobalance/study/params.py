"""Read params.yaml, once and strictly: a whole study."""

from pathlib import Path

import yaml
from pydantic import Field, ValidationError, model_validator

from cytobalance.balance.settings import BASELINE, Recipe
from cytobalance.classify.settings import AnyClassifier, Classifier
from cytobalance.generators.settings import (
    GanGroup,
    GeneratorSettings,
    settings_model,
    settings_of,
)
from cytobalance.report.settings import Card
from cytobalance.study.checks import (
    check_classifiers,
    check_recipes,
    choose_balancers,
    override,
)
from cytobalance.study.explain import explain
from cytobalance.study.runtime import StudyError
from cytobalance.study.settings import (
    MOST_DRAWN,
    OVERSAMPLERS,
    Assess,
    Dedup,
    Evaluate,
    Gan,
    Generate,
    Group,
    HoldOut,
    ImageGroup,
    Ingest,
    Merge,
    Name,
    Overrides,
    Oversample,
    Protocol,
    Relabel,
    Simulator,
    Source,
    StudyGroup,
    check_protocols,
    names_of,
)
from cytobalance.study.strict_yaml import load_yaml
from cytobalance.taxonomy import TYPES


class Study(Group):
    """One study, whole."""

    study: StudyGroup
    card: Card = Card()
    image: ImageGroup
    sources: dict[Name, Source]
    ingest: Ingest = Ingest()
    simulator: Simulator | None = None
    relabel: Relabel
    dedup: Dedup
    merge: Merge
    hold_out: HoldOut
    protocols: names_of(Protocol)
    gan_overrides: dict[Gan, Overrides] = Field(alias="gans")
    gan: GanGroup
    recipes: dict[Name, Recipe] = Field(alias="balancers")
    classifier_settings: dict[Name, AnyClassifier] = Field(
        alias="classifiers", min_length=1
    )
    generate: Generate
    oversample: Oversample
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
    def gans(self) -> tuple[str, ...]:
        """Names of the GANs."""
        return tuple(self.gan_overrides)

    @property
    def balancers(self) -> tuple[str, ...]:
        """Names of the recipes."""
        return tuple(self.recipes)

    @property
    def classifiers(self) -> tuple[str, ...]:
        """Names of the classifiers."""
        return tuple(self.classifier_settings)

    @property
    def oversamplers(self) -> tuple[str, ...]:
        """Who else makes the cells of a recipe; `none` makes none."""
        makers = {recipe.maker for recipe in self.recipes.values()}
        return tuple(name for name in OVERSAMPLERS if name in makers)

    @property
    def gan_balancers(self) -> tuple[str, ...]:
        """Names of the recipes that take a GAN's cells."""
        recipes = self.recipes.items()
        return tuple(name for name, recipe in recipes if recipe.synthetic in self.gans)

    @property
    def gan_settings(self) -> dict[str, GeneratorSettings]:
        """Each GAN's settings: its keys of `gan`, overridden by its entry in `gans`."""
        return {
            gan: settings_of(gan, self.gan, overrides)
            for gan, overrides in self.gan_overrides.items()
        }

    @property
    def shown_protocol(self) -> str:
        """The protocol whose scores the page shows in full."""
        return "heldout" if "heldout" in self.protocols else self.protocols[0]

    @property
    def trainings(self) -> dict[str, Classifier]:
        """`balancer-classifier` -> settings, overrides included, of all trainings."""
        return {
            f"{balancer}-{name}": override(settings, balancer)
            for name, settings in self.classifier_settings.items()
            for balancer in choose_balancers(settings, self.balancers)
        }

    @property
    def training_names(self) -> tuple[str, ...]:
        """`balancer-classifier` of all that are trained, by recipe, then classifier."""
        places = {name: k for k, name in enumerate(self.balancers)}
        return tuple(
            sorted(self.trainings, key=lambda name: places[name.split("-")[0]])
        )

    @property
    def assess_settings(self) -> Classifier | None:
        """Settings of the classifier that assesses GANs' cells."""
        return self.trainings.get(f"{BASELINE}-{self.assess.classifier}")

    @model_validator(mode="after")
    def _check_gans(self):
        for gan, overrides in self.gan_overrides.items():
            try:
                settings_of(gan, self.gan, overrides)
            except ValidationError as error:
                model, place = settings_model(gan), ("gans", gan)
                line = explain(error, model, self.gan.model_dump() | overrides, place)
                raise ValueError(line) from None
        return self

    @model_validator(mode="after")
    def _check_recipes(self):
        check_recipes(self.recipes, self.gans, self.classes)
        return self

    @model_validator(mode="after")
    def _check_classifiers(self):
        check_classifiers(self.classifier_settings, self.recipes)
        judge = self.assess_settings
        if self.gans and (judge is None or judge.kind == "scikit_learn"):
            raise ValueError(
                "assess.classifier: must name a network of `classifiers`, whose "
                "features compare cells"
            )
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
        check_protocols(self.protocols, self.hold_out, self.source_names)
        latent = max((gan.latent for gan in self.gan_settings.values()), default=0)
        if self.generate.target * latent > MOST_DRAWN:
            raise ValueError(
                f"generate.target times gan.latent: at most {MOST_DRAWN:,} numbers, "
                "which are drawn at once"
            )
        if self.oversample.neighbours.size > self.image.size:
            raise ValueError("oversample.neighbours.size: at most image.size")
        return self


def read_study(path: Path | str = "params.yaml") -> Study:
    """Read one study from its params file.

    Raises StudyError naming key, group and legal values where anything is off.
    """
    path = Path(path)
    if not path.exists():
        raise StudyError(f"{path} is missing; run from the project's top folder")
    try:
        values = load_yaml(path.read_text(encoding="utf-8"))
    except StudyError as error:
        raise StudyError(f"{path}: {error}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # UTF-8, dates
        raise StudyError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise StudyError(f"{path}: must hold groups of settings, see the shipped file")
    try:
        return Study.model_validate(values)
    except ValidationError as error:
        raise StudyError(f"{path}: {explain(error, Study, values)}") from None
