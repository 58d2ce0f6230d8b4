"""What a training leaves for `predict`, gathered from its real cells."""

import numpy as np

from cytobalance.classify.cells import Cells
from cytobalance.classify.classifier import Classifier
from cytobalance.evaluate.predictions import Predictions
from cytobalance.prediction.nearness import learn_nearness
from cytobalance.prediction.reference import Reference

# Cells copied at a time.
BATCH = 2_048


def gather_reference(
    first: Classifier, parts: dict[str, Cells], validation: Predictions, digest: str
) -> Reference:
    """Of the real training and validation cells; test cells have no part in it.

    first: the first trial; parts: cells by part; validation: predictions of all trials
    for the validation cells; digest: SHA-256 of the predictions.
    """
    together = validation.of_origin("real").ensemble
    train = parts["train"]
    labels = train.labels.cpu()[~train.synthetic].numpy()
    known = {
        "probability": together.probability[0],
        "label": together.label.astype(np.int64),
        "training_cells": np.bincount(labels, minlength=len(together.classes)),
        "predictions": digest,
    }
    features = find_features(first, train)
    checked = find_features(first, parts["validation"])
    if features is None or checked is None:
        return Reference(**known)
    nearness = learn_nearness(features, labels)
    return Reference(**known, nearness=nearness, distance=nearness.distance(checked))


def find_features(classifier: Classifier, cells: Cells) -> np.ndarray | None:
    """Features of the real cells, float32 [N, F].

    None where its kind has none, or fewer than two cells are real.
    """
    rows = (~cells.synthetic).nonzero().squeeze(1)
    if len(rows) < 2:
        return None
    found = []
    for some in rows.split(BATCH):
        features = classifier.features(cells.images[some.to(cells.images.device)])
        if features is None:
            return None
        found.append(features.numpy())
    return np.concatenate(found)
