"""Peak memory and time of the scikit-learn classifiers of `studies/hazra2022.yaml`.

Each learns, in a process of its own, from cells of 32 px as rows of 3,072 pixels:
class means with noise, no real cells. `--cells 120000` is the size of Hazra's balanced
set; the other settings are the study's.
"""

import argparse
import multiprocessing
import resource
import time
from pathlib import Path

import numpy as np
import torch
import yaml

from cytobalance.balance.settings import Recipe
from cytobalance.classify.cells import Cells
from cytobalance.classify.classifier import build_classifier
from cytobalance.classify.settings import Estimator

CLASSES, SIZE = 12, 32
STUDY = Path(__file__).parents[1] / "studies" / "hazra2022.yaml"
# At full size pixels alone would need 24 GB; here they stand for features too.
PIXELS = {"features": None}


def main() -> None:
    """Print a line a classifier: seconds, and the most memory that it held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=12_000)
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    print(f"{options.cells} cells x {3 * SIZE**2} pixels")
    for name, settings in yaml.safe_load(STUDY.read_text())["classifiers"].items():
        if settings["kind"] == "scikit_learn":
            process = context.Process(
                target=measure, args=(name, settings | PIXELS, options.cells)
            )
            process.start()
            process.join()


def measure(name: str, settings: dict, cells: int) -> None:
    """Train one classifier and print what it took."""
    kind = Estimator.model_validate(settings)
    train, validation = draw(cells), draw(1_000)
    before = peak()
    begin, used = time.monotonic(), time.process_time()
    classifier = build_classifier(kind, CLASSES, SIZE, torch.device("cpu"))
    curve, _ = classifier.fit(train, validation, Recipe(), 1)
    print(
        f"{name}: {time.monotonic() - begin:.0f} s, "
        f"{time.process_time() - used:.0f} CPU s, at most {peak():.2f} GB, "
        f"{before:.2f} before it; validation accuracy "
        f"{curve[0]['validation_accuracy']:.3f}",
        flush=True,
    )


def draw(count: int) -> Cells:
    """Cells of 12 classes: a mean a class, blurred noise on it."""
    means = np.random.default_rng(0).uniform(90, 160, (CLASSES, 4, 4, 3))
    stream = np.random.default_rng(count)
    labels = stream.integers(0, CLASSES, count)
    images = np.empty((count, SIZE, SIZE, 3), np.uint8)
    for k, label in enumerate(labels):
        small = means[label] + stream.normal(0, 60, (4, 4, 3))
        big = small.repeat(8, 0).repeat(8, 1) + stream.normal(0, 10, (SIZE, SIZE, 3))
        images[k] = big.clip(0, 255)
    return Cells(
        torch.from_numpy(images),
        torch.from_numpy(labels),
        torch.ones(count, dtype=torch.float64),
        torch.zeros(count, dtype=torch.bool),
    )


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


if __name__ == "__main__":
    main()
