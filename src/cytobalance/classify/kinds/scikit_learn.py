"""Any classifier of scikit-learn, by its name there, on the pixels."""

import io
import json
import zipfile
from inspect import signature
from typing import Any

import numpy as np
import skops.io
import torch
from sklearn.base import ClassifierMixin
from sklearn.metrics import log_loss
from sklearn.utils import all_estimators
from torch import Tensor

from cytobalance.balance.settings import Recipe
from cytobalance.classify.augmentation import augment_views
from cytobalance.classify.cells import Cells, draw_views, named_generator
from cytobalance.classify.classifier import Classifier, Curve
from cytobalance.classify.losses import logit_offset
from cytobalance.classify.settings import Estimator
from cytobalance.study.runtime import StudyError, derive_seed

# A file's date would change its bytes.
DATE = (1980, 1, 1, 0, 0, 0)
# The least probability that has a logarithm here.
LEAST = 1e-12


class Kind(Classifier):
    """A classifier of scikit-learn; it sees pixels in 0..1, one row an image.

    Cells that are drawn unequally often, and those that are augmented, are drawn and
    changed once, `rounds` times as many as there are; others are taken as they are.
    """

    settings: Estimator

    def fit(
        self, train: Cells, validation: Cells, recipe: Recipe, seed: int
    ) -> tuple[Curve, Tensor]:
        estimator = self._build(seed)
        drawn = recipe.augment.active or len(train.weights.unique()) > 1
        rows = torch.arange(len(train))
        if drawn:
            count = self.settings.rounds * len(train)
            stream = named_generator(seed, "order")
            rows = draw_views(train, count, recipe.order, stream)
        images = train.images.cpu()[rows]
        if recipe.augment.active:
            images = _augment(images, recipe, named_generator(seed, "augment"))
        prior = train.prior(self.classes)
        labels = train.labels.cpu()[rows]
        weights = torch.where(train.synthetic[rows], recipe.synthetic_weight, 1.0)
        if recipe.loss == "class_weights":
            weights = weights / (self.classes * prior[labels])
        arguments = {}
        if (weights != weights[0]).any():
            if "sample_weight" not in signature(estimator.fit).parameters:
                raise StudyError(
                    f"{self.settings.estimator} takes no weights of cells; leave "
                    "recipes with class_weights or synthetic_weight out of its "
                    "`balancers`"
                )
            arguments["sample_weight"] = weights.numpy()
        estimator.fit(_to_rows(images), labels.numpy(), **arguments)
        self.estimator = estimator
        self.offset = logit_offset(prior, recipe.post_adjustment)
        scores = {
            **self._score(
                Cells(images, labels, weights, train.synthetic[rows]), "train"
            ),
            **self._score(validation, "validation"),
        }
        return [{"epoch": 1, **scores}], rows

    def logits(self, images: Tensor) -> Tensor:
        seen = self.estimator.predict_proba(_to_rows(images.cpu()))
        chances = torch.full((len(images), self.classes), LEAST, dtype=torch.float64)
        # A class without a training cell is none of the estimator's.
        columns = torch.from_numpy(self.estimator.classes_.astype(np.int64))
        chances[:, columns] = torch.from_numpy(seen).double().clamp_min(LEAST)
        return chances.log().float() - self.offset

    def features(self, images: Tensor) -> None:
        return None

    def state(self) -> dict[str, Tensor]:
        packed = np.frombuffer(pack_estimator(self.estimator), np.uint8)
        return {
            "estimator": torch.from_numpy(packed.copy()),
            "logit_offset": self.offset,
        }

    def load_state(self, state: dict[str, Tensor]) -> None:
        self.estimator = unpack_estimator(state["estimator"].numpy().tobytes())
        self.offset = state["logit_offset"]

    def _build(self, seed: int) -> Any:
        name = self.settings.estimator
        kinds = estimator_names()
        if name not in kinds:
            raise StudyError(
                f"scikit-learn has no classifier `{name}` that gives probabilities; "
                f"legal: {', '.join(kinds)}"
            )
        arguments = dict(self.settings.arguments)
        if "random_state" in signature(kinds[name]).parameters:
            arguments["random_state"] = derive_seed(seed, "estimator") % 2**32
        try:
            return kinds[name](**arguments)
        except TypeError as error:
            raise StudyError(f"{name} does not take these arguments: {error}") from None

    def _score(self, cells: Cells, name: str) -> dict[str, float]:
        logits, labels = self.logits(cells.images), cells.labels.cpu()
        right = (logits.argmax(1) == labels).double().mean().item()
        chances = logits.double().softmax(1).numpy()
        loss = log_loss(labels.numpy(), chances, labels=range(self.classes))
        return {f"{name}_loss": float(loss), f"{name}_accuracy": right}


def _to_rows(images: Tensor) -> np.ndarray:
    """uint8 [N, S, S, 3] -> float32 [N, S * S * 3] in 0..1."""
    return images.flatten(1).float().div_(255).numpy()


def _augment(images: Tensor, recipe: Recipe, stream: torch.Generator) -> Tensor:
    """uint8 [N, S, S, 3], each image changed once; the same form."""
    parts = [
        augment_views(batch.permute(0, 3, 1, 2).float(), recipe.augment, stream)
        for batch in images.split(512)
    ]
    return torch.cat(parts).round_().to(torch.uint8).permute(0, 2, 3, 1)


def estimator_names() -> dict[str, type[ClassifierMixin]]:
    """Every classifier of scikit-learn that gives probabilities, by its class name."""
    found = dict(all_estimators(type_filter="classifier"))
    return {
        name: kind for name, kind in found.items() if hasattr(kind, "predict_proba")
    }


def pack_estimator(estimator: Any) -> bytes:
    """A trained estimator in the format of skops, the same bytes for the same one.

    skops names objects by their place in memory: they are numbered anew.
    """
    numbers: dict[str, int] = {}

    def number(name: str) -> int:
        return numbers.setdefault(name, len(numbers))

    def renumber(node: Any) -> Any:
        if isinstance(node, list):
            return [renumber(item) for item in node]
        if not isinstance(node, dict):
            return node
        node = {key: renumber(value) for key, value in node.items()}
        if isinstance(node.get("__id__"), int):
            node["__id__"] = number(str(node["__id__"]))
        if isinstance(node.get("file"), str):
            place, _, ending = node["file"].partition(".")
            node["file"] = f"{number(place)}.{ending}"
        return node

    made = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(skops.io.dumps(estimator))) as old,
        zipfile.ZipFile(made, "w") as new,
    ):
        schema = renumber(json.loads(old.read("schema.json")))
        parts = {"schema.json": json.dumps(schema).encode()}
        for name in old.namelist():
            if name != "schema.json":
                place, _, ending = name.partition(".")
                parts[f"{number(place)}.{ending}"] = old.read(name)
        for name in sorted(parts):
            new.writestr(zipfile.ZipInfo(name, DATE), parts[name])
    return made.getvalue()


def unpack_estimator(data: bytes) -> Any:
    """The estimator that `pack_estimator` packed; runs no code from outside sklearn.

    Raises ValueError where the bytes name anything else.
    """
    names = skops.io.get_untrusted_types(data=data)
    if foreign := [name for name in names if not name.startswith("sklearn.")]:
        raise ValueError(f"holds {foreign[0]}, which is not of scikit-learn")
    return skops.io.loads(data, trusted=names)
