"""Classify new cell images with a trained classifier; prints a CSV table."""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from cytobalance.classify.networks import load_network
from cytobalance.classify.training import predict_logits
from cytobalance.curation.decode import crop_centre, decode, shrink
from cytobalance.devices import make_deterministic, pick_device
from cytobalance.runtime import StudyError, run_stage
from cytobalance.sources.entry import is_image_name
from cytobalance.sources.members import UnreadableError


def main() -> None:
    """Print file, predicted class, confidence, probabilities (means over trials)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, type=Path)
    parser.add_argument(
        "--crop",
        type=read_crop,
        default=1.0,
        help="the `crop` of the study's source that the images are like",
    )
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE|FOLDER")
    options = parser.parse_args()
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
            found = [
                p for p in path.rglob("*") if p.is_file() and is_image_name(p.name)
            ]
            if not found:
                raise StudyError(f"{path} holds no image files; name another folder")
            paths += sorted(found)
        else:
            paths.append(path)
    return paths


def read_image(path: Path, crop: float | int, size: int) -> np.ndarray:
    """An image file as `ingest` takes it in: uint8 [size, size, 3]."""
    try:
        return shrink(crop_centre(decode(path.read_bytes()), crop), size)
    except FileNotFoundError:
        raise StudyError(f"{path} is missing; name image files or folders") from None
    except UnreadableError as error:
        raise StudyError(f"{path}: {error}; leave the file out") from None


def read_crop(text: str) -> float | int:
    """A part of the shorter side up to 1, or whole pixels from 2, as in params.yaml."""
    number = float(text)
    if not (0 < number <= 1 or (number >= 2 and number.is_integer())):
        raise StudyError(f"--crop {text}: give a part up to 1, or whole pixels from 2")
    return number if number <= 1 else int(number)


if __name__ == "__main__":
    run_stage(main)
