"""Settings of the classifiers: common ones, and those of each kind."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from cytobalance.balance.settings import Recipe, Share
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

    def refusal(self, recipe: Recipe) -> str:
        """What of a recipe it can't take, and what to do; empty where it takes all."""
        return ""


class Network(Classifier):
    """What every kind of network has: how it is trained."""

    batch: whole(1, 65_536)
    epochs: whole(0, 100_000)
    iterations: whole(1, MOST_STEPS)
    learning_rate: Rate
    # A first phase, in which the last layer alone learns; its epochs and its rate, null
    # for learning_rate. With `epochs: 0` the layers before it stay frozen.
    head_epochs: whole(0, 100_000) = 0
    head_learning_rate: Rate | None = None
    # The rate over each phase's steps: up and down again (Smith 2018), or constant.
    schedule: Literal["one_cycle", "constant"] = "one_cycle"
    # Part of a phase's steps in which the rate rises.
    warm_up: Share = 0.3
    # A phase ends after so many epochs without a better one; 0: never before its end.
    patience: whole(0, 100_000) = 0
    weight_decay: real(0, 100)
    flip: bool
    precision: Literal["fp32", "bf16"]

    @model_validator(mode="after")
    def _check_steps(self):
        epochs = self.head_epochs + self.epochs
        if not epochs:
            raise ValueError("epochs and head_epochs are both 0: nothing would learn")
        steps = epochs * self.iterations
        if steps > MOST_STEPS or steps * self.batch > MOST_SHOWN:
            raise ValueError(
                f"all epochs x iterations is {steps:,} steps, and x batch "
                f"{steps * self.batch:,} cells; at most {MOST_STEPS:,} and "
                f"{MOST_SHOWN:,} are legal"
            )
        return self

    def refusal(self, recipe: Recipe) -> str:
        again = recipe.head_retraining
        if again and again >= self.head_epochs + self.epochs:
            return (
                f"head_retraining {again}, which leaves no epoch to learn before; it "
                "must be below the classifier's epochs"
            )
        return ""


class SequentialCNN(Network):
    """Our sequential CNN (Hazra 3.4)."""

    kind: Literal["sequential_cnn"]
    width: whole(1, 2_048)
    dropout: Annotated[float, Field(ge=0, lt=1)]


TimmName = Annotated[str, Field(pattern=r"^[a-z0-9_.]+$")]


class Pretrained(Group):
    """First weights of a network of timm, and the side of what it sees."""

    # `imagenet`: trained there, from a package or by timm's download; or the path of
    # a file that timm publishes, with its SHA-256.
    weights: str = "imagenet"
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    # Pixels a side that it sees; null: image.size, or the network's least where that
    # is larger.
    side: whole(16, 1_024) | None = None

    @model_validator(mode="after")
    def _check_file(self):
        if (self.weights in ("none", "imagenet")) != (self.sha256 is None):
            raise ValueError(
                "weights: `none`, `imagenet`, or the path of a file with its `sha256`"
            )
        return self


class Timm(Network, Pretrained):
    """Any network of timm, by its name there."""

    kind: Literal["timm"]
    network: TimmName
    # First weights; `none`: drawn by chance.
    weights: str = "none"


Arguments = dict[str, Any]
EstimatorName = Annotated[str, Field(pattern=r"^[A-Za-z]+$")]


class Features(Pretrained):
    """Features of a network of timm, trained elsewhere, in place of pixels."""

    network: TimmName

    @model_validator(mode="after")
    def _check_weights(self):
        if self.weights == "none":
            raise ValueError("features of an untrained network; take `imagenet`")
        return self


class Estimator(Classifier):
    """Any classifier of scikit-learn, by its name there."""

    kind: Literal["scikit_learn"]
    # What it sees; null: the pixels, in 0..1.
    features: Features | None = None
    # scikit-learn's transformers that come before it, in order: name -> arguments.
    transforms: dict[EstimatorName, Arguments] = Field(default={})
    estimator: EstimatorName
    # Arguments of its constructor; {Name: arguments} is an estimator of scikit-learn.
    arguments: Arguments = Field(default={})
    # Where cells are drawn (recipes with unequal draws or `augment`): draws, as a
    # multiple of the training cells.
    rounds: whole(1, 1_000) = 1

    @property
    def deterministic(self) -> bool:
        """No random numbers in fitting; what is drawn by a recipe is the same then."""
        return self.estimator in SEEDLESS and set(self.transforms) <= SEEDLESS

    def refusal(self, recipe: Recipe) -> str:
        if not recipe.network_parts:
            return ""
        return (
            f"{recipe.network_parts[0]}, which scikit-learn's classifiers can't take; "
            "leave it out"
        )


# Of scikit-learn, those whose fit, as set by default, draws no random numbers.
SEEDLESS = {
    *("BernoulliNB", "CategoricalNB", "ComplementNB", "GaussianNB", "MultinomialNB"),
    *("GaussianProcessClassifier", "KNeighborsClassifier", "LabelPropagation"),
    *("LabelSpreading", "LinearDiscriminantAnalysis", "LogisticRegression"),
    *("NearestCentroid", "QuadraticDiscriminantAnalysis"),
    *("RadiusNeighborsClassifier", "MinMaxScaler", "Normalizer", "RobustScaler"),
    "StandardScaler",
}

AnyClassifier = Annotated[SequentialCNN | Timm | Estimator, Field(discriminator="kind")]
