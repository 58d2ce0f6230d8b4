"""Any classifier of scikit-learn, by its name there, on pixels or on features."""

import numpy as np
import torch
from sklearn.metrics import log_loss
from torch import Tensor

from cytobalance.balance.settings import Recipe
from cytobalance.classify.augmentation import augment_views
from cytobalance.classify.cells import Cells, draw_views, named_generator, to_float
from cytobalance.classify.classifier import Classifier, Curve
from cytobalance.classify.estimators import (
    build_pipeline,
    pack_estimator,
    unpack_estimator,
    weight_argument,
)
from cytobalance.classify.losses import class_factors, logit_offset
from cytobalance.classify.pretrained import imagenet_network
from cytobalance.classify.settings import Estimator
from cytobalance.classify.sight import create_network, describe_sight, sight_of
from cytobalance.study.runtime import StudyError, derive_seed

# The least probability that has a logarithm here.
LEAST = 1e-12
# Images at a time, and rows of what an estimator sees.
BATCH, ROWS = 512, 8_192
# What a file's tensors of the network that gives features begin with.
NETWORK = "network."


class Kind(Classifier):
    """A classifier of scikit-learn; it sees one row an image.

    Cells that are drawn unequally often, and those that are augmented, are drawn and
    changed once, `rounds` times as many as there are; others are taken as they are.
    """

    settings: Estimator

    def __init__(self, settings, classes, size, device):
        super().__init__(settings, classes, size, device)
        self.network: torch.nn.Module | None = None  # that gives features

    def fit(
        self, train: Cells, validation: Cells, recipe: Recipe, seed: int
    ) -> tuple[Curve, Tensor]:
        self.estimator = build_pipeline(
            self.settings, derive_seed(seed, "estimator") % 2**32
        )
        self._take_network()
        rows, images = self._draw(train, recipe, seed)
        prior = train.prior(self.classes)
        labels = train.labels.cpu()[rows]
        factors = class_factors(recipe, prior, len(train))
        made = torch.where(train.synthetic[rows], recipe.synthetic_weight, 1.0)
        weights = made * factors[labels]
        arguments = {}
        if (weights != weights[0]).any():
            name = weight_argument(self.estimator)
            if name is None:
                raise StudyError(refuse_weights(self.settings.estimator))
            arguments[name] = weights.numpy()
        seen = self._to_rows(images)
        self.estimator.fit(seen, labels.numpy(), **arguments)
        self.offset = logit_offset(prior, recipe.post_adjustment)
        scores = {
            **self._score(self._logits_of(seen), labels, "train"),
            **self._score(
                self.logits(validation.images), validation.labels, "validation"
            ),
        }
        return [{"epoch": 1, **scores}], rows

    def logits(self, images: Tensor) -> Tensor:
        return self._logits_of(self._to_rows(images.cpu()))

    def features(self, images: Tensor) -> None:
        return None

    def state(self) -> dict[str, Tensor]:
        packed = np.frombuffer(pack_estimator(self.estimator), np.uint8)
        state = {
            "estimator": torch.from_numpy(packed.copy()),
            "logit_offset": self.offset,
        }
        if self.network is not None:
            weights = self.network.state_dict()
            state |= {NETWORK + k: v.cpu().clone() for k, v in weights.items()}
        return state

    def load_state(self, state: dict[str, Tensor]) -> None:
        self.estimator = unpack_estimator(state["estimator"].numpy().tobytes())
        self.offset = state["logit_offset"]
        if self.settings.features:
            network = create_network(self.settings.features.network, 0)
            network.load_state_dict(
                {
                    name.removeprefix(NETWORK): value
                    for name, value in state.items()
                    if name.startswith(NETWORK)
                }
            )
            self._keep(network)

    def _take_network(self) -> None:
        """The network that gives features, if any; says how it sees the cells."""
        wanted = self.settings.features
        if wanted is None:
            return
        self._keep(imagenet_network(wanted.network, wanted.weights, wanted.sha256, 0))
        print(describe_sight(wanted.network, self.sight, self.size))

    def _keep(self, network: torch.nn.Module) -> None:
        wanted = self.settings.features
        self.sight = sight_of(wanted.network, network, self.size, wanted.side)
        self.network = network.to(self.device).eval()

    def _draw(self, train: Cells, recipe: Recipe, seed: int) -> tuple[Tensor, Tensor]:
        """Rows of the cells that it sees, and those as images uint8."""
        images = train.images.cpu()
        if not recipe.augment.active and len(train.weights.unique()) == 1:
            return torch.arange(len(train)), images
        count = self.settings.rounds * len(train)
        rows = draw_views(train, count, recipe.order, named_generator(seed, "order"))
        images = images[rows]
        if recipe.augment.active:
            images = _augment(images, recipe, named_generator(seed, "augment"))
        return rows, images

    @torch.inference_mode()
    def _to_rows(self, images: Tensor) -> np.ndarray:
        """uint8 [N, S, S, 3] -> float32 [N, F]: pixels in 0..1, or features."""
        if self.network is None:
            return images.flatten(1).float().div_(255).numpy()
        parts = [
            self.network(self.sight.apply(to_float(batch.to(self.device)))).cpu()
            for batch in images.split(BATCH)
        ]
        return torch.cat(parts).numpy()

    def _logits_of(self, seen: np.ndarray) -> Tensor:
        # By parts, since estimators make several copies of what they predict.
        parts = (seen[k : k + ROWS] for k in range(0, max(len(seen), 1), ROWS))
        found = np.concatenate([self.estimator.predict_proba(part) for part in parts])
        found = torch.from_numpy(found).double()
        chances = torch.full((len(seen), self.classes), LEAST, dtype=torch.float64)
        # A class without a training cell is none of the estimator's.
        columns = torch.from_numpy(self.estimator.classes_.astype(np.int64))
        chances[:, columns] = found.clamp_min(LEAST)
        return chances.log().float() - self.offset

    def _score(self, logits: Tensor, labels: Tensor, name: str) -> dict[str, float]:
        labels = labels.cpu()
        right = (logits.argmax(1) == labels).double().mean().item()
        chances = logits.double().softmax(1).numpy()
        loss = log_loss(labels.numpy(), chances, labels=range(self.classes))
        return {f"{name}_loss": float(loss), f"{name}_accuracy": right}


def refuse_weights(name: str) -> str:
    """That an estimator can't take a recipe which weighs cells, and what to do."""
    return (
        f"{name} takes no weights of cells; leave recipes with class_weights, "
        "effective_number or synthetic_weight out of its `balancers`"
    )


def _augment(images: Tensor, recipe: Recipe, stream: torch.Generator) -> Tensor:
    """uint8 [N, S, S, 3], each image changed once; the same form."""
    parts = [
        augment_views(to_float(batch), recipe.augment, stream)
        for batch in images.split(BATCH)
    ]
    return torch.cat(parts).round_().to(torch.uint8).permute(0, 2, 3, 1)
