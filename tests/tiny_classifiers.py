"""Classifiers so small that a test trains one in a moment."""

import torch

from cytobalance.classify.classifier import build_classifier
from cytobalance.classify.network import NetworkClassifier
from cytobalance.classify.settings import SequentialCNN

CPU = torch.device("cpu")
TINY = {
    "kind": "sequential_cnn",
    "balancers": "all",
    "width": 4,
    "dropout": 0.2,
    "batch": 16,
    "epochs": 3,
    "iterations": 12,
    "learning_rate": 0.01,
    "weight_decay": 0.01,
    "flip": True,
    "precision": "fp32",
    "trials": 2,
}


def tiny_cnn(**changes) -> SequentialCNN:
    """Settings of a sequential CNN of width 4 that trains 36 steps of 16 cells."""
    return SequentialCNN.model_validate(TINY | changes)


def untrained(
    settings: SequentialCNN, classes: int, size: int, seed: int = 0
) -> NetworkClassifier:
    """A classifier with the first weights of `seed`, which has learned nothing."""
    classifier = build_classifier(settings, classes, size, CPU)
    torch.manual_seed(seed)
    first = classifier.build().state_dict()
    classifier.load_state(first | {"logit_offset": torch.zeros(classes)})
    return classifier
