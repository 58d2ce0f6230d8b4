"""What part of images predict.py marks as unlike training, of several kinds.

Trains one sequential CNN on the cells of one source in a project with data/cells and
data/hold_out.csv, as `train_classifier` would, and looks at that source's test cells,
changed in several ways, at the other sources, and at images that are no cells. Needs a
project, and says so where it has none (`make bench`).

    PYTHONPATH=src python benchmarks/bench_unlike.py --project . --source pbc_simulated
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
import yaml
from PIL import Image, ImageDraw, ImageFont
from pydantic import TypeAdapter

from cytobalance.balance.settings import Recipe
from cytobalance.classify.cells import Cells
from cytobalance.classify.classifier import Classifier, build_classifier
from cytobalance.classify.settings import AnyClassifier
from cytobalance.prediction.gathering import find_all, look_at_colours
from cytobalance.prediction.judgement import LIKE
from cytobalance.prediction.nearness import learn_nearness

COUNT = 200  # images of each kind that is no cell
SIDE = 128  # of these, before they are shrunk


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--project", type=Path, default=Path())
    parser.add_argument("--source")
    options = parser.parse_args()
    cells = options.project / "data/cells/cells.csv"
    if not cells.exists():
        print(f"{cells} is missing; run this in a project that was reproduced")
        return
    table = pd.read_csv(cells, keep_default_na=False).set_index("cell_id")
    images = np.load(options.project / "data/cells/images.npy", mmap_mode="r")
    deal = pd.read_csv(options.project / "data/hold_out.csv").set_index("cell_id")
    table["part"], table["row"] = deal["part"], np.arange(len(table))
    source = options.source or table["source"].value_counts().index[0]
    own = table[table["source"] == source]
    values = yaml.safe_load((options.project / "params.yaml").read_text("utf-8"))
    parts = {
        part: take(own[own["part"] == part], own, images)
        for part in ("train", "validation", "test")
    }
    kinds = {"test cells": parts["test"].images.numpy()}
    for name, rows in table[table["source"] != source].groupby("source"):
        kinds[f"cells of {name}"] = images[rows["row"].to_numpy()]
    kinds |= change(kinds["test cells"]) | draw(images.shape[1])
    find_unlike = learn(parts, values, images.shape[1])
    print(f"trained on {len(parts['train'])} cells of {source}; marked in percent, by")
    print("features, colours, either:")
    for name, some in kinds.items():
        marked = list(find_unlike(some).values())
        shares = [100 * m.mean() for m in (*marked, np.any(marked, 0))]
        print(f"{name}, {len(some)}: " + " ".join(f"{s:.0f}" for s in shares))


def take(rows: pd.DataFrame, own: pd.DataFrame, images: np.ndarray) -> Cells:
    labels = sorted(own["label"].unique())
    codes = pd.Index(labels).get_indexer(rows["label"])
    return Cells(
        torch.from_numpy(images[rows["row"].to_numpy()]),
        torch.from_numpy(codes.astype(np.int64)),
        torch.ones(len(rows), dtype=torch.float64),
        torch.zeros(len(rows), dtype=torch.bool),
    )


def learn(parts: dict[str, Cells], values: dict, size: int):
    """How a classifier that was trained marks images: way -> bool [N]."""
    settings = TypeAdapter(AnyClassifier).validate_python(
        values["classifiers"]["sequential_cnn"]
    )
    classes = int(parts["train"].labels.max()) + 1
    device = torch.device("cpu")
    classifier: Classifier = build_classifier(settings, classes, size, device)
    classifier.fit(parts["train"], parts["validation"], Recipe(), seed=0)
    looks = {"features": classifier.features, "colours": look_at_colours}
    labels = parts["train"].labels.numpy()
    limits, near = {}, {}
    for way, look in looks.items():
        near[way] = learn_nearness(find_all(look, parts["train"]), labels)
        known = near[way].distance(find_all(look, parts["validation"]))
        limits[way] = np.quantile(known, LIKE, method="higher")

    def find_unlike(images: np.ndarray) -> dict[str, np.ndarray]:
        seen = torch.from_numpy(np.ascontiguousarray(images))
        return {
            way: near[way].distance(look(seen).numpy()) > limits[way]
            for way, look in looks.items()
        }

    return find_unlike


def change(cells: np.ndarray) -> dict[str, np.ndarray]:
    """Test cells as another smear, lamp or focus might show them."""
    red = np.array([0.9, 1, 1])
    return {
        "turned by a quarter": np.rot90(cells, axes=(1, 2)),
        "a tenth darker": (cells * 0.9).astype(np.uint8),
        "a quarter darker": (cells * 0.75).astype(np.uint8),
        "a tenth less red": (cells * red).astype(np.uint8),
        "out of focus": np.stack([cv2.GaussianBlur(c, (0, 0), 1.5) for c in cells]),
    }


def draw(size: int) -> dict[str, np.ndarray]:
    """Images that are no cells."""
    stream = np.random.default_rng(0)
    kinds = {
        "noise": stream.integers(0, 256, (COUNT, SIDE, SIDE, 3)).astype(np.uint8),
        "letters": np.stack([draw_letter(chr(65 + k % 26)) for k in range(COUNT)]),
        "landscapes": np.stack([draw_landscape(stream) for _ in range(COUNT)]),
        "empty fields": np.stack([draw_field(stream) for _ in range(COUNT)]),
    }
    area = cv2.INTER_AREA
    return {
        name: np.stack([cv2.resize(i, (size, size), interpolation=area) for i in some])
        for name, some in kinds.items()
    }


def draw_letter(letter: str) -> np.ndarray:
    picture = Image.new("RGB", (SIDE, SIDE), "white")
    font = ImageFont.load_default(110)
    ImageDraw.Draw(picture).text((20, 0), letter, fill="black", font=font)
    return np.asarray(picture)


def draw_landscape(stream: np.random.Generator) -> np.ndarray:
    """Sky, ground, a house and the sun: a photograph from the same computer."""
    down = np.linspace(0, 1, SIDE)[:, None, None]
    picture = np.array([120, 170, 230]) * (1 - down / 2) + np.zeros((SIDE, SIDE, 3))
    picture[int(SIDE * stream.uniform(0.4, 0.7)) :] = 60, 120, 50
    x, y = (int(value) for value in stream.integers(10, 70, 2))
    cv2.rectangle(picture, (x, y), (x + 40, y + 45), (150, 90, 70), -1)
    cv2.circle(picture, (int(stream.integers(90, 120)), 15), 9, (250, 230, 120), -1)
    return add_grain(picture, stream)


def draw_field(stream: np.random.Generator) -> np.ndarray:
    """The bare background of a smear."""
    shade = np.array([235, 215, 210]) + stream.normal(0, 6, 3)
    return add_grain(np.full((SIDE, SIDE, 3), shade), stream)


def add_grain(picture: np.ndarray, stream: np.random.Generator) -> np.ndarray:
    grain = stream.normal(0, 4, picture.shape)
    return np.clip(picture + grain, 0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
