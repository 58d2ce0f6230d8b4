"""What lies beside a trained classifier for those who use it: its validation cells.

Probabilities, doubts and thresholds of `predict` all follow from these few numbers when
it starts, so that another coverage, or a change of that code, trains nothing again.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cytobalance.prediction.nearness import ARRAYS, Nearness
from cytobalance.prediction.temperature import fit_temperature
from cytobalance.study.damage import damaged, reading
from cytobalance.study.runtime import StudyError, atomic_file

# In the folder of the classifier.
FILE = "reference.npz"
# How images are compared with those of training.
WAYS = ("features", "colours")
OF_CELLS = ("probability", "label", "training_cells")


@dataclass(frozen=True)
class Reference:
    """What the real cells tell of all trials together.

    probability: float64 [N, C], of the validation cells, before any temperature; label:
    int64 [N]; training_cells: int64 [C], real ones of each class; predictions: SHA-256
    of the training's predictions, by which the trials know it. Of each way to look at
    an image, `features` of the first trial where its kind has them, and `colours`:
    nearness of the training cells, and distance of the validation cells, float64 [N].
    """

    probability: np.ndarray
    label: np.ndarray
    training_cells: np.ndarray
    predictions: str
    nearness: dict[str, Nearness] = field(default_factory=dict)
    distance: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def temperature(self) -> float:
        """By which the probabilities of all trials together are scaled."""
        return fit_temperature(self.probability, self.label)


def write_reference(folder: Path, reference: Reference) -> None:
    """Write it into the classifier's folder, the same bytes each time."""
    arrays = {name: getattr(reference, name) for name in OF_CELLS}
    arrays["predictions"] = np.array(reference.predictions)
    for way, near in reference.nearness.items():
        arrays[f"{way}.distance"] = reference.distance[way]
        arrays |= {f"{way}.{name}": getattr(near, name) for name in ARRAYS}
    with atomic_file(folder / FILE) as partial, partial.open("wb") as file:
        np.savez(file, **arrays)


def read_reference(folder: Path, classes: int, predictions: str) -> Reference:
    """Read it back. Raises StudyError where it is missing, damaged, or of others.

    classes: how many; predictions: SHA-256 of those of the trials.
    """
    path = folder / FILE
    if not path.exists():
        raise StudyError(
            f"{folder} holds no {FILE}, which a classifier of an older version lacks; "
            "train it again with `dvc repro`"
        )
    with reading(path), np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
        known = {name: arrays[name] for name in OF_CELLS}
        known["predictions"] = str(arrays["predictions"])
        ways = [way for way in WAYS if f"{way}.distance" in arrays]
        known["distance"] = {way: arrays[f"{way}.distance"] for way in ways}
        known["nearness"] = {
            way: Nearness(**{name: arrays[f"{way}.{name}"] for name in ARRAYS})
            for way in ways
        }
    shape = len(known["label"]), classes
    if known["predictions"] != predictions or known["probability"].shape != shape:
        raise damaged(path, "is of another training than the trials beside it")
    return Reference(**known)
