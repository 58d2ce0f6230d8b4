"""All trials of a trained classifier as one, and the input that they expect."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from cytobalance.classify.classifier import Classifier, load_classifier
from cytobalance.study.runtime import StudyError

# What a model file holds beside its settings and what was learned.
FACTS = {"classes", "size", "inputs", "trials", "predictions"}


def load_ensemble(
    folder: Path, device: torch.device
) -> tuple[list[Classifier], dict[str, Any]]:
    """The classifiers of all trials in `folder`, and `about` of their files.

    Raises StudyError where there are none, one is missing, they belong to different
    trainings, or are of a version that did not keep what shapes their input.
    """
    paths = sorted(folder.glob("trial_*.pt"))
    if not paths:
        raise StudyError(
            f"{folder} holds no trained classifier (trial_0.pt, ...); "
            "give a folder below models/classifiers"
        )
    loaded = [load_classifier(path, device) for path in paths]
    about = loaded[0][1]
    if not about.keys() >= FACTS:
        raise StudyError(
            f"{paths[0]} is of an older version and does not tell how its images were "
            "cropped; train it again with `dvc repro`"
        )
    if any(other != about for _, other in loaded) or len(loaded) != about["trials"]:
        raise StudyError(
            f"{folder} does not hold the {about['trials']} trials of one training; "
            "train it again with `dvc repro`"
        )
    return [classifier for classifier, _ in loaded], about


def choose_input(inputs: dict[str, dict[str, Any]], like: str | None) -> dict[str, Any]:
    """The facts by which new images are read: of `like`, or those that all share.

    inputs: source -> facts (`cytobalance.study.inputs`). 16-bit samples of sources
    that had none fit any depth. Raises StudyError, naming the sources, where `like` is
    none of them, or is missing and they differ.
    """
    if like is not None and like not in inputs:
        raise StudyError(
            f"--like {like}: no source of this classifier; legal: {', '.join(inputs)}"
        )
    if like is not None:
        return inputs[like]
    shared = {(facts["crop"], facts["boxes"]) for facts in inputs.values()}
    depths = {facts["depth"] for facts in inputs.values() if facts["depth"]}
    if len(shared) > 1 or len(depths) > 1:
        sources = ", ".join(f"{name} ({describe(f)})" for name, f in inputs.items())
        raise StudyError(
            "this classifier's sources were read differently; name the one that your "
            f"images are like by --like SOURCE, one of: {sources}"
        )
    return {**next(iter(inputs.values())), "depth": max(depths, default=0)}


def describe(facts: dict[str, Any]) -> str:
    """How images of a source are read, in a few words."""
    crop = facts["crop"]
    part = f"{crop} px" if isinstance(crop, int) else f"{100 * crop:g} % of the side"
    words = ["whole centre square" if crop == 1 else f"centre square of {part}"]
    if facts["boxes"]:
        words.append("of a cell cut out by its box")
    if facts["depth"]:
        words.append(f"16-bit files of {facts['depth']} bits")
    return ", ".join(words)


def mean_probability(trials: list[Classifier], images: np.ndarray) -> np.ndarray:
    """Mean over trials of the probabilities, float32 [N, C].

    images: uint8 [N, S, S, 3]; N may be 0.
    """
    if not len(images):
        return np.empty((0, trials[0].classes), np.float32)
    batch = torch.from_numpy(images)
    return torch.stack([trial.chances(batch) for trial in trials]).mean(0).numpy()
