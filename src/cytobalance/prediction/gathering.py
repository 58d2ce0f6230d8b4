"""What a training leaves for `predict`, gathered from its real cells."""

from collections.abc import Callable

import numpy as np
import torch

from cytobalance.classify.cells import Cells
from cytobalance.classify.classifier import Classifier
from cytobalance.evaluate.predictions import Predictions
from cytobalance.prediction.nearness import find_colours, learn_nearness
from cytobalance.prediction.reference import Reference

# Cells copied at a time.
BATCH = 512


def gather_reference(
    first: Classifier, parts: dict[str, Cells], validation: Predictions, digest: str
) -> Reference:
    """Of the real training and validation cells; test cells have no part in it.

    first: the first trial; parts: cells by part; validation: predictions of all trials
    for the validation cells; digest: SHA-256 of the predictions.
    """
    together = validation.of_origin("real").ensemble
    train, checked = parts["train"], parts["validation"]
    labels = train.labels.cpu()[~train.synthetic].numpy()
    nearness, distance = {}, {}
    looks = {"features": first.features, "colours": look_at_colours}
    for way, look in looks.items():
        seen, tested = find_all(look, train), find_all(look, checked)
        if seen is not None and tested is not None:
            nearness[way] = learn_nearness(seen, labels)
            distance[way] = nearness[way].distance(tested)
    return Reference(
        together.probability[0],
        together.label.astype(np.int64),
        np.bincount(labels, minlength=len(together.classes)),
        digest,
        nearness,
        distance,
    )


def look_at_colours(images: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(find_colours(images.cpu().numpy()))


def find_all(
    look: Callable[[torch.Tensor], torch.Tensor | None], cells: Cells
) -> np.ndarray | None:
    """What `look` gives of the real cells, float [N, F].

    None where it gives nothing, or fewer than two cells are real.
    """
    rows = (~cells.synthetic).nonzero().squeeze(1)
    if len(rows) < 2:
        return None
    found = []
    for some in rows.split(BATCH):
        seen = look(cells.images[some.to(cells.images.device)])
        if seen is None:
            return None
        found.append(seen.numpy())
    return np.concatenate(found)
