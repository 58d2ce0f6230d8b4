"""A classifier of two classes in a folder, images for it, and runs of predict.py."""

import io
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tiny_classifiers import tiny_cnn, untrained

import predict
from cytobalance.classify.classifier import save_classifier
from cytobalance.prediction.reference import Reference, write_reference
from cytobalance.study.runtime import run_stage

CLASSES = ["basophil", "monocyte"]
SIZE = 16
KEY = "heldout-plain-sequential_cnn"
PBC = {"crop": 0.5, "depth": 0, "boxes": False, "origin": "published"}
ABOUT = {
    "classes": CLASSES,
    "size": SIZE,
    "inputs": {"pbc": PBC},
    "trials": 2,
    "predictions": "abc",
}
SCORES = {
    "cells": 341,
    "groups": 221,
    "overall": {"balanced_accuracy": {"mean": 0.7012, "low": 0.62, "high": 0.761}},
    "calibration": {"ece": 0.0314},
}
RECORD = {
    "simulated": True,
    "protocol": "heldout",
    "trials": 2,
    "confidence": 0.95,
    "predictions": "abc",
    "ensemble": {"all": SCORES},
}


def write_model(folder: Path, **changes) -> None:
    """Two untrained trials, and validation cells of which each class has fifty."""
    about = ABOUT | changes
    for trial in range(2):
        classifier = untrained(tiny_cnn(), 2, SIZE, trial)
        save_classifier(folder / f"trial_{trial}.pt", classifier, about)
    write_reference(folder, make_reference())


def make_reference(cells: tuple[int, int] = (50, 50), **changes) -> Reference:
    """Of validation cells whose probabilities tell the classes half apart."""
    label = np.repeat([0, 1], cells)
    first = np.random.default_rng(0).beta(2, 2, len(label)) * 0.7 + 0.3 * (label == 0)
    probability = np.stack([first, 1 - first], 1)
    return replace(Reference(probability, label, np.array([400, 20]), "abc"), **changes)


def write_image(path: Path, seed: int = 0, side: int = 40) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)
    Image.fromarray(pixels).save(path)


def run(capsys, *words) -> tuple[int, pd.DataFrame, str]:
    """Exit code, the table on stdout, and stderr."""
    code = 0
    with pytest.MonkeyPatch.context() as patch:
        arguments = ["x", "--model", f"models/classifiers/{KEY}", *map(str, words)]
        patch.setattr(sys, "argv", arguments)
        try:
            run_stage(predict.main, alone=False)
        except SystemExit as ended:
            code = ended.code
    said = capsys.readouterr()
    table = pd.DataFrame()
    if said.out:
        table = pd.read_csv(io.StringIO(said.out), keep_default_na=False)
    return code, table, said.err
