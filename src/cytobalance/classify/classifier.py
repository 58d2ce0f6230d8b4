"""What every classifier does, whatever kind it is of; trained ones on disk."""

from abc import ABC, abstractmethod
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter
from torch import Tensor

from cytobalance.balance.settings import Recipe
from cytobalance.classify.cells import Cells
from cytobalance.classify.settings import AnyClassifier
from cytobalance.classify.settings import Classifier as Settings
from cytobalance.study.damage import reading
from cytobalance.study.runtime import atomic_file
from cytobalance.study.weights import read_weights

Curve = list[dict[str, float]]


class Classifier(ABC):
    """One classifier of one trial. A file in `kinds` holds each kind, as `Kind`.

    settings: those of its kind; classes: how many; size: pixels a side of its images,
    uint8 [N, size, size, 3]. What shapes them further is the classifier's affair.
    """

    def __init__(
        self, settings: Settings, classes: int, size: int, device: torch.device
    ):
        self.settings, self.classes, self.size = settings, classes, size
        self.device = device

    @abstractmethod
    def fit(
        self, train: Cells, validation: Cells, recipe: Recipe, seed: int
    ) -> tuple[Curve, Tensor]:
        """Learn from `train`, as often as its weights say and as the recipe has it.

        Returns the learning curve, a row an epoch, and int64 [views]: the row of
        `train` that each view of the training showed. All random numbers come from
        `seed`. Raises StudyError where it can't learn.
        """

    @abstractmethod
    def logits(self, images: Tensor) -> Tensor:
        """float32 [N, classes], on the CPU; their softmax are the probabilities."""

    @abstractmethod
    def features(self, images: Tensor) -> Tensor | None:
        """float32 [N, F], on the CPU; None where this kind has none."""

    @abstractmethod
    def state(self) -> dict[str, Tensor]:
        """What it learned, as tensors on the CPU."""

    @abstractmethod
    def load_state(self, state: dict[str, Tensor]) -> None:
        """Take what `state` gave."""

    def chances(self, images: Tensor) -> Tensor:
        """Probabilities, float32 [N, classes], on the CPU."""
        return self.logits(images).softmax(1)


def build_classifier(
    settings: Settings, classes: int, size: int, device: torch.device
) -> Classifier:
    """An untrained classifier of the settings' kind."""
    module = import_module(f"cytobalance.classify.kinds.{settings.kind}")
    return module.Kind(settings, classes, size, device)


def save_classifier(path: Path, classifier: Classifier, about: dict[str, Any]) -> None:
    """Write what it learned and `about`, the same bytes each time.

    about: plain values; `classes` and `size` among them. Its settings join them, so
    that the file rebuilds itself.
    """
    about = {**about, "settings": classifier.settings.model_dump(mode="json")}
    with atomic_file(path) as partial:
        torch.save({"about": about, "state": classifier.state()}, partial)


def load_classifier(
    path: Path, device: torch.device
) -> tuple[Classifier, dict[str, Any]]:
    """A trained classifier on `device`, and `about` of its file.

    Raises StudyError where the file is missing or no classifier of ours.
    """
    with reading(path):
        saved = read_weights(path)
        about = saved["about"]
        settings = TypeAdapter(AnyClassifier).validate_python(about["settings"])
        classes = len(about["classes"])
        classifier = build_classifier(settings, classes, about["size"], device)
        classifier.load_state(saved["state"])
    return classifier, about
