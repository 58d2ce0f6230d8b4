"""How many images a minute predict.py names: simulated JPEGs, a sequential CNN.

As a user runs it, start-up included; with `--page` its thumbnails and page too. Two
untrained trials of the default study's network at 32 px, which take as long as trained
ones.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import yaml
from PIL import Image
from pydantic import TypeAdapter

from cytobalance.classify.classifier import build_classifier, save_classifier
from cytobalance.classify.settings import AnyClassifier
from cytobalance.prediction.nearness import learn_nearness
from cytobalance.prediction.reference import Reference, write_reference
from cytobalance.simulator.cell import render_cell
from cytobalance.simulator.optics import draw_style
from cytobalance.study.params import read_study
from cytobalance.taxonomy import TYPES

TOP = Path(__file__).parents[1]
SIZE = 32
CLASSES = [f"class_{k}" for k in range(12)]
VALIDATION = 600  # cells, as of some thousand of training
DRAWN = 100  # cells that are rendered; the others are these, turned


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--side", type=int, default=360)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_images(folder / "images", options.images, options.side)
        write_model(folder / "model")
        for extra in ((), ("--page", str(folder / "named.html"))):
            seconds, cpu = measure(folder, extra)
            print(
                f"{' '.join(extra[:1]) or 'table alone'}: {options.images} JPEGs of "
                f"{options.side} px in {seconds:.1f} s ({cpu:.1f} CPU s): "
                f"{60 * options.images / seconds:,.0f} a minute"
            )


def measure(folder: Path, extra: tuple[str, ...]) -> tuple[float, float]:
    """Seconds by the clock, and of CPU, of one run."""
    words = ("--model", folder / "model", "--output", folder / "named.csv", *extra)
    command = [sys.executable, str(TOP / "tools/predict.py"), *map(str, words)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run([*command, str(folder / "images")], check=True, capture_output=True)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return seconds, cpu


def write_images(folder: Path, count: int, side: int) -> None:
    folder.mkdir()
    style = draw_style(read_study(TOP / "params.yaml"), "pbc_simulated", "P001")
    cells = [
        render_cell(
            TYPES[k % len(TYPES)], style, (side, side), np.random.default_rng(k)
        )
        for k in range(DRAWN)
    ]
    for k in range(count):
        view = np.rot90(cells[k % DRAWN], k // DRAWN)
        picture = Image.fromarray(np.ascontiguousarray(view))
        picture.save(folder / f"{k:05}.jpg", quality=90)


def write_model(folder: Path) -> None:
    values = yaml.safe_load((TOP / "params.yaml").read_text(encoding="utf-8"))
    settings = TypeAdapter(AnyClassifier).validate_python(
        values["classifiers"]["sequential_cnn"]
    )
    facts = {"crop": 0.6, "depth": 0, "boxes": False, "origin": "simulated"}
    about = {"classes": CLASSES, "size": SIZE, "inputs": {"pbc_simulated": facts}}
    about |= {"trials": settings.trials, "predictions": "none"}
    for trial in range(settings.trials):
        classifier = build_classifier(settings, len(CLASSES), SIZE, torch.device("cpu"))
        first = classifier.build().state_dict()
        offset = {"logit_offset": torch.zeros(len(CLASSES))}
        classifier.load_state(first | offset)
        save_classifier(folder / f"trial_{trial}.pt", classifier, about)
    stream = np.random.default_rng(0)
    label = stream.integers(len(CLASSES), size=VALIDATION)
    probability = stream.dirichlet(np.ones(len(CLASSES)), VALIDATION)
    near, distance = {}, {}
    for way, length in (("features", 128), ("colours", 9)):
        seen = stream.normal(size=(4 * VALIDATION, length))
        near[way] = learn_nearness(seen, np.resize(label, len(seen)))
        distance[way] = near[way].distance(seen[:VALIDATION])
    counts = np.bincount(label, minlength=len(CLASSES))
    reference = Reference(probability, label, counts, "none", near, distance)
    write_reference(folder, reference)


if __name__ == "__main__":
    main()
