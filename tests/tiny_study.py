"""The default study made tiny: the whole graph in seconds, its scores meaningless."""

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from cytobalance.simulator.expert import write_expert_map
from cytobalance.study.params import read_study
from cytobalance.study.stages import describe_stages

ROOT = Path(__file__).parent.parent

CHANGES = {
    "image": {"size": 16},
    "simulator": {"scale": 0.006, "cells_per_patient": 2},
    "gan": {"width": 4, "latent": 8, "batch": 16, "iterations": 4, "warm_start": 2},
    "generate": {"target": 40, "batch": 16},
    "assess": {"cells": 20},
    "evaluate": {"resamples": 20},
}
TINY_CNN = {"width": 4, "batch": 16, "epochs": 2, "iterations": 4}


def tiny_values() -> dict:
    """The shipped params.yaml, made tiny."""
    values = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    for group, change in CHANGES.items():
        values[group].update(change)
    values["classifiers"]["sequential_cnn"].update(TINY_CNN)
    # Whatever classes a test makes of the cells.
    values["balancers"]["weighted_augmented_gan"]["share"] = 0.25
    return values


def write_tiny_study(folder: Path, **groups: dict | list) -> None:
    """Code, graph and a tiny params.yaml in `folder`; `groups` replace its groups."""
    _write_project(folder, tiny_values() | groups)
    with contextlib.chdir(folder):
        write_expert_map(read_study())


def write_folder_study(folder: Path) -> None:
    """The same of two classes of noise, 12 images each, in data/incoming/lab."""
    values = tiny_values()
    lab = {"layout": "folder", "origin": "published", "archive": "lab"}
    types = ("monocyte", "basophil")
    values["sources"] = {"lab": {**lab, "codes": {name: name for name in types}}}
    values["simulator"] = None
    values["relabel"]["maps"] = []
    values["merge"]["classes"] = {name: [name] for name in types}
    _write_project(folder, values)
    for number, name in enumerate(12 * types):
        write_noise(folder / f"data/incoming/lab/{name}/{number}.png", number)


def write_noise(path: Path, seed: int) -> None:
    """A PNG of 32 x 32 pixels of coloured noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (32, 32, 3), np.uint8)
    Image.fromarray(pixels).save(path)


def _write_project(folder: Path, values: dict) -> None:
    text = yaml.safe_dump(values, sort_keys=False)
    (folder / "params.yaml").write_text(text, encoding="utf-8")
    write_stages(folder)
    for name in ("dvc.yaml", ".dvcignore", ".gitignore"):
        shutil.copy(ROOT / name, folder)
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("src", "tools"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    (folder / "data/expert").mkdir(parents=True)
    shutil.copy(ROOT / "data/expert/README.md", folder / "data/expert")


def write_stages(folder: Path) -> None:
    """What `check` writes, by the code of this project."""
    (folder / "stages").mkdir(exist_ok=True)
    for name, text in describe_stages(read_study(folder / "params.yaml")).items():
        (folder / "stages" / f"{name}.yaml").write_text(text, encoding="utf-8")


def commit(folder: Path, message: str) -> None:
    """Commit all that Git sees in `folder`."""
    author = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    run("git", "add", "--all", folder=folder)
    run("git", *author, "commit", "--quiet", "-m", message, folder=folder)


def run(program: str, *arguments: str, folder: Path) -> str:
    """Run a program of the test's own environment; its output, or an error with it."""
    programs = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    done = subprocess.run(
        [program, *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
