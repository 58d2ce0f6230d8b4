"""Classifier training against the common loop: DataLoader over PNG files, same network.

The common loop reads, decodes and mirrors each image in DataLoader workers, in plain
PyTorch: contiguous tensors, torch.optim.AdamW, loss read at every step. Both train on
the device that `pick_device` names.
"""

import argparse
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from cytobalance.balance.settings import Recipe
from cytobalance.classify.cells import Cells
from cytobalance.classify.classifier import build_classifier
from cytobalance.classify.settings import SequentialCNN
from cytobalance.study.devices import make_deterministic, pick_device

CLASSES = 12
ROUNDS = 3


class PngFiles(Dataset):
    """Images of a folder as the tutorials read them: PIL, ToTensor, random flip."""

    def __init__(self, folder: Path, labels: np.ndarray):
        from torchvision import transforms

        self.paths = [folder / f"{k}.png" for k in range(len(labels))]
        self.labels = labels
        self.change = transforms.Compose(
            [
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize([0.5] * 3, [0.5] * 3),
            ]
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, row: int):
        from PIL import Image

        image = Image.open(self.paths[row]).convert("RGB")
        return self.change(image), int(self.labels[row])


def main() -> None:
    """Print images a second of both, the best of several rounds, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    device = pick_device()
    stream = np.random.default_rng(0)
    count = options.batch * options.steps
    labels = stream.integers(CLASSES, size=count)
    images = make_images(labels, options.size, stream)
    best = {"common loop": float("inf"), "ours": float("inf")}
    with tempfile.TemporaryDirectory() as scratch:
        for k, image in enumerate(images):
            cv2.imwrite(f"{scratch}/{k}.png", image)
        for _ in range(ROUNDS):
            for name in best:
                start = time.perf_counter()
                if name == "ours":
                    run_ours(images, labels, options, device)
                else:
                    run_common(Path(scratch), labels, options, device)
                if device.type == "cuda":
                    torch.cuda.synchronize()
                best[name] = min(best[name], time.perf_counter() - start)
    print(
        f"{count} images of {options.size} px, width {options.width}, batch "
        f"{options.batch}, {options.precision}, on {device.type}"
    )
    for name, seconds in best.items():
        print(f"{name:12} {count / seconds:8.0f} images/s")
    print(
        f"ratio {best['common loop'] / best['ours']:.2f}  (wanted: 2 on CPU, 3 on GPU)"
    )


def make_images(labels: np.ndarray, size: int, stream) -> np.ndarray:
    """Smooth coloured noise, which PNG packs about as well as a smear."""
    images = np.empty((len(labels), size, size, 3), np.uint8)
    for k, label in enumerate(labels):
        coarse = stream.normal(110 + 8 * label, 30, size=(8, 8, 3)).clip(0, 255)
        smooth = cv2.resize(coarse.astype(np.uint8), (size, size)).astype(int)
        images[k] = (smooth + stream.integers(-4, 5, smooth.shape)).clip(0, 255)
    return images


def choose_settings(options) -> SequentialCNN:
    """Of the network and its training, in both loops."""
    return SequentialCNN(
        kind="sequential_cnn",
        width=options.width,
        dropout=0.5,
        batch=options.batch,
        epochs=1,
        iterations=options.steps,
        learning_rate=1e-3,
        weight_decay=0.01,
        flip=True,
        precision=options.precision,
        trials=1,
    )


def run_ours(images, labels, options, device) -> None:
    """The stage's own loop, from images in memory, its validation included."""
    make_deterministic()
    cells = Cells(
        torch.from_numpy(images).to(device),
        torch.from_numpy(labels).to(device),
        torch.ones(len(labels), dtype=torch.float64),
        torch.zeros(len(labels), dtype=torch.bool),
    )
    few = Cells(*(part[:64] for part in vars(cells).values()))
    classifier = build_classifier(
        choose_settings(options), CLASSES, options.size, device
    )
    classifier.fit(cells, few, Recipe(), seed=1)


def run_common(folder: Path, labels, options, device) -> None:
    """One epoch of the loop that most tutorials print."""
    settings = choose_settings(options)
    network = build_classifier(settings, CLASSES, options.size, device).build()
    network = network.to(device)
    torch.use_deterministic_algorithms(False)
    loader = DataLoader(
        PngFiles(folder, labels),
        options.batch,
        shuffle=True,
        num_workers=options.workers,
    )
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
    loss_of = nn.CrossEntropyLoss()
    total = 0.0
    network.train()
    for images, wanted in loader:
        images, wanted = images.to(device), wanted.to(device)
        with torch.autocast(
            device.type, torch.bfloat16, enabled=options.precision == "bf16"
        ):
            loss = loss_of(network(images), wanted)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        total += loss.item()


if __name__ == "__main__":
    main()
