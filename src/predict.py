"""Classify new cell images with a trained classifier; prints a CSV table."""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image, UnidentifiedImageError

from cytobalance.classify.networks import load_network
from cytobalance.classify.training import predict_logits
from cytobalance.devices import make_deterministic, pick_device
from cytobalance.errors import StudyError
from cytobalance.runtime import run_stage

SUFFIXES = {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff"}


def main() -> None:
    """Print file, predicted class, confidence, probabilities (means over trials)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, type=Path)
    parser.add_argument(
        "--crop",
        type=float,
        default=1.0,
        help="centre part of the shorter side to keep, as in the study's sources",
    )
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE|FOLDER")
    options = parser.parse_args()
    if not 0 < options.crop <= 1:
        raise StudyError(f"--crop {options.crop}: give a part above 0 and at most 1")
    trials = sorted(options.model.glob("trial_*.pt"))
    if not trials:
        raise StudyError(
            f"{options.model} holds no trained classifier (trial_0.pt, ...); "
            "give a folder below models/classifiers"
        )
    make_deterministic()
    device = pick_device()
    networks = [load_network(path, device) for path in trials]
    about = networks[0][1]

    paths = find_images(options.images)
    images = np.stack([read_image(p, options.crop, about["size"]) for p in paths])
    chances = torch.stack(
        [
            predict_logits(network, torch.from_numpy(images), "fp32").softmax(1)
            for network, _ in networks
        ]
    ).mean(0)
    table = pd.DataFrame(
        {
            "file": [str(path) for path in paths],
            "predicted": [about["classes"][k] for k in chances.argmax(1).tolist()],
            "confidence": chances.amax(1).cpu().numpy(),
        }
    )
    for k, label in enumerate(about["classes"]):
        table[f"p_{label}"] = chances[:, k].cpu().numpy()
    table.to_csv(sys.stdout, index=False, lineterminator="\n", float_format="%.4f")


def find_images(given: list[Path]) -> list[Path]:
    """The files named, and the image files of the folders named, in order."""
    paths = []
    for path in given:
        if path.is_dir():
            found = [p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES]
            if not found:
                raise StudyError(
                    f"{path} holds no images; legal: {' '.join(sorted(SUFFIXES))}"
                )
            paths += sorted(found)
        else:
            paths.append(path)
    return paths


def read_image(path: Path, crop: float, size: int) -> np.ndarray:
    """Centre square of an image file as uint8 [size, size, 3], antialiased."""
    try:
        with Image.open(path) as opened:
            image = opened.convert("RGB")
    except FileNotFoundError:
        raise StudyError(f"{path} is missing; name image files or folders") from None
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise StudyError(f"{path} is no readable image ({error})") from None
    side = min(image.size) * crop
    left, top = ((length - side) / 2 for length in image.size)
    box = (left, top, left + side, top + side)
    # The box in the resize keeps fractions of pixels, and BOX averages areas.
    return np.asarray(image.resize((size, size), Image.Resampling.BOX, box=box))


if __name__ == "__main__":
    run_stage(main)
