"""Settings of the classifiers: common ones, and those of each kind."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from cytobalance.study.settings import Group, Name, Rate, names_of, real, whole

MOST_STEPS = 1_000_000  # of a classifier, in all epochs
MOST_SHOWN = 1_000_000_000  # cells, times they are shown


class Classifier(Group):
    """What every kind of classifier has."""

    # The recipes that it learns from: all, or a list with `plain`.
    balancers: Literal["all"] | names_of(Name) = "all"
    # Independent trainings, scores averaged.
    trials: whole(1, 100)
    # Per-recipe overrides of these settings: recipe -> key -> value.
    overrides: dict[Name, dict[str, Any]] = Field(default={})

    @property
    def deterministic(self) -> bool:
        """Whether every trial would be the same, so that one is enough."""
        return False


class Network(Classifier):
    """What every kind of network has: how it is trained."""

    batch: whole(1, 65_536)
    epochs: whole(1, 100_000)
    iterations: whole(1, MOST_STEPS)
    learning_rate: Rate
    weight_decay: real(0, 100)
    flip: bool
    precision: Literal["fp32", "bf16"]

    @model_validator(mode="after")
    def _check_steps(self):
        steps = self.epochs * self.iterations
        if steps > MOST_STEPS or steps * self.batch > MOST_SHOWN:
            raise ValueError(
                f"epochs x iterations is {steps:,} steps, and x batch "
                f"{steps * self.batch:,} cells; at most {MOST_STEPS:,} and "
                f"{MOST_SHOWN:,} are legal"
            )
        return self


class SequentialCNN(Network):
    """Our sequential CNN (Hazra 3.4)."""

    kind: Literal["sequential_cnn"]
    width: whole(1, 2_048)
    dropout: Annotated[float, Field(ge=0, lt=1)]


class Timm(Network):
    """Any network of timm, by its name there."""

    kind: Literal["timm"]
    network: Annotated[str, Field(pattern=r"^[a-z0-9_.]+$")]
    # First weights: drawn by chance, or as published, trained on ImageNet.
    weights: Literal["none", "imagenet"] = "none"
    # Pixels a side that it sees, where cells are enlarged for it; null: image.size.
    side: whole(16, 1_024) | None = None


class Estimator(Classifier):
    """Any classifier of scikit-learn, by its name there, on the pixels."""

    kind: Literal["scikit_learn"]
    estimator: Annotated[str, Field(pattern=r"^[A-Za-z]+$")]
    # Arguments of its constructor.
    arguments: dict[str, Any] = Field(default={})
    # Where cells are drawn (recipes with unequal draws or `augment`): draws, as a
    # multiple of the training cells.
    rounds: whole(1, 1_000) = 1

    @property
    def deterministic(self) -> bool:
        """No random numbers in fitting; what is drawn by a recipe is the same then."""
        return self.estimator in SEEDLESS


# Classifiers of scikit-learn whose fit, as set by default, draws no random numbers.
SEEDLESS = {
    *("BernoulliNB", "CategoricalNB", "ComplementNB", "GaussianNB", "MultinomialNB"),
    *("GaussianProcessClassifier", "KNeighborsClassifier", "LabelPropagation"),
    *("LabelSpreading", "LinearDiscriminantAnalysis", "LogisticRegression"),
    *("NearestCentroid", "QuadraticDiscriminantAnalysis"),
    "RadiusNeighborsClassifier",
}

AnyClassifier = Annotated[SequentialCNN | Timm | Estimator, Field(discriminator="kind")]
