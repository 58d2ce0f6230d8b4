"""The default study made tiny: the whole graph in seconds, its scores meaningless."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent

CHANGES = {
    "image": {"size": 16},
    "simulator": {"scale": 0.006, "cells_per_patient": 2},
    "gan": {"width": 4, "latent": 8, "batch": 16, "iterations": 4, "precision": "fp32"},
    "generate": {"target": 40, "batch": 16},
    "classifier": {"width": 4, "batch": 16, "epochs": 2, "iterations": 4},
    "assess": {"cells": 20},
    "evaluate": {"resamples": 20},
}


def write_tiny_study(folder: Path, **lists: list[str]) -> None:
    """Code, graph and a tiny params.yaml in `folder`; `lists` replace its matrices."""
    values = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    for group, change in CHANGES.items():
        values[group].update(change)
    values.update(lists)
    text = yaml.safe_dump(values, sort_keys=False)
    (folder / "params.yaml").write_text(text, encoding="utf-8")
    shutil.copy(ROOT / "dvc.yaml", folder)
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src", folder / "src", ignore=ignore)
    (folder / "data/expert").mkdir(parents=True)
    run("python", "src/simulate_expert.py", folder=folder)


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
