"""A fake study that rebuilds a paper, taken to its page; a page of hostile names."""

import json
import sys
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from cell_sets import picks_of
from fake_study import write_cells, write_params, write_predictions

import evaluate
import report
from cytobalance.assess.cell_sheet import draw_gan_sheet
from cytobalance.report.gans import MEASURES
from cytobalance.report.page import Page
from cytobalance.study.runtime import run_stage

PROTOCOLS = ("paper", "heldout")
SHIPPED = Path(__file__).parents[1] / "params.yaml"
CENSUS = {
    "files": {"total": 870, "kept": 870, "rejected": 0},
    **{key: {} for key in ("class_by_source", "published_types", "types")},
    **{"rejected": {}, "relabelled": 0, "groups": 87, "imbalance": 20.0},
    "warnings": [],
    "related": {"note": "not sought"},
}
UNMEASURED = {"balanced_accuracy": None, "chance": None, "cells": {}, "left_out": {}}
SHORTCUTS = {"source": {}, "border": UNMEASURED}
EVIL = '<img src=x onerror="alert(1)">'


def run_in(folder: Path, main, *words: str) -> None:
    """Run a stage's `main` in `folder`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["stage", *words])
        run_stage(main)


def report_study(folder: Path) -> None:
    """Two recipes and two classifiers of Hazra's tables under both protocols."""
    shipped = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    recipes = {name: shipped["balancers"][name] for name in ("plain", "c_wgan_gp")}
    bayes = {"kind": "scikit_learn", "estimator": "GaussianNB", "trials": 1}
    classifiers = shipped["classifiers"] | {"naive_bayes": bayes}
    about = shipped["study"] | {"paper": "hazra2022"}
    settings = shipped["evaluate"] | {"resamples": 20}
    groups = {"study": about, "balancers": recipes, "classifiers": classifiers}
    write_params(folder, **groups, evaluate=settings)
    cells = write_cells(folder)
    for protocol in PROTOCOLS:
        write_gan(folder, f"{protocol}-c_wgan_gp", fid=31.25, label_f1=0.4375)
        for recipe in recipes:
            for name in classifiers:
                write_predictions(folder, cells, protocol, recipe, name)
                words = ["--protocol", protocol, "--balancer", recipe]
                run_in(folder, evaluate.main, *words, "--classifier", name)
    (folder / "metrics/dataset.json").write_text(json.dumps(CENSUS))
    (folder / "metrics/shortcuts.json").write_text(json.dumps(SHORTCUTS))
    run_in(folder, report.main)


def write_gan(folder: Path, key: str, **overall: float) -> None:
    """Measures and sheets of one GAN."""
    images = np.zeros((8, 16, 16, 3), np.uint8)
    for end in ("", "-closest", "-training"):
        picks = {"monoblast": picks_of(images, images, 20, 9)}
        draw_gan_sheet(picks, folder / f"plots/gan/{key}{end}.png", "GAN", True)
    found = {"protocol": key.split("-")[0], "features": "imagenet", "notes": []}
    found |= {"overall": overall, "classes": {"monoblast": dict.fromkeys(MEASURES)}}
    path = folder / f"metrics/gan/{key}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found))


def capture_page(folder: Path) -> Page:
    """What the stage `report` would render; the page on disk stays as it is."""
    pages = []
    before = (folder / "plots/report.html").read_bytes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "render", lambda page: pages.append(page) or "")
        run_in(folder, report.main)
    (folder / "plots/report.html").write_bytes(before)
    return pages[0]


def poison(value):
    """Page data whose every text is EVIL, but the keys of pictures and columns."""
    if isinstance(value, str):
        return EVIL
    if isinstance(value, tuple):
        return tuple(poison(part) for part in value)
    if isinstance(value, dict):
        return {key: poison(part) for key, part in value.items()}
    if is_dataclass(value):
        parts = {f.name: poison(getattr(value, f.name)) for f in fields(value)}
        return replace(value, **parts)
    return value
