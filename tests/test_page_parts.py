"""Parts of the page: calibration, views, pictures, runs, and looks of many recipes."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from cytobalance.draw.canvas import Canvas
from cytobalance.draw.html import data_uri
from cytobalance.draw.style import balancer_lines
from cytobalance.report.blocks import compress_picture, encode_png, shrink_picture
from cytobalance.report.calibration_tables import (
    tabulate_calibration,
    tabulate_temperature,
)
from cytobalance.report.checklist_results import tell_recalibration
from cytobalance.report.dataset_tables import tabulate_effort
from cytobalance.report.run_metrics import list_runs


def record_of(confidence: list[float | None], accuracy: float) -> dict:
    bins = {"count": [10, 0, 30], "confidence": confidence}
    calibration = {"ece": 0.125, "brier": 0.25, "log_loss": 0.5, "bins": bins}
    score = {"mean": accuracy, "sd": 0.0, "low": 0.5, "high": 1.0}
    overall = {"accuracy": score, "balanced_accuracy": score}
    classes = {"monoblast": {"support": 4, "recall": [0.75, 0.5, 0.9]}}
    return {
        "test": {
            "all": {
                "calibration": calibration,
                "overall": overall,
                "classes": classes,
            }
        },
        "trials": 2,
        "cells": {"train": {"real": [100, 10], "synthetic": [0, 40]}},
        "views": {"real": [3.0, 2.0], "synthetic": [None, 2.0]},
    }


def test_calibration_tells_who_is_too_sure():
    records = {
        "plain": record_of([0.6, None, 0.8], 0.7),
        "weighted": record_of([0.4, None, 0.8], 0.75),
    }
    plain, weighted = tabulate_calibration(records).rows
    # 10 cells at 60 % and 30 at 80 %: 75 % on the mean.
    assert plain[1:] == ("0.125", "75.0 %", "70.0 %", "+5.0", "0.250", "0.500")
    assert weighted[2:5] == ("70.0 %", "75.0 %", "−5.0")


def test_scaling_and_sets_stand_beside_each_recipe():
    plain = record_of([0.6, None, 0.8], 0.7)
    assert tabulate_temperature({"plain": plain}) is None  # no real test cells
    classes = {
        "a": {"reached": [0.9, 0.8, 0.95], "undecided": False},
        "b": {"reached": [0.85, 0.8, 0.95], "undecided": False},
        "few": {"reached": [1.0, 0.8, 1.0], "undecided": True},
        "untested": {"reached": None, "undecided": False},
    }
    plain["sets"] = {"sure": 0.5, "sure_right": None, "classes": classes}
    before, after = {"ece": 0.04, "log_loss": 0.3}, {"ece": 0.01, "log_loss": 0.25}
    plain["temperature"] = {"temperature": 1.234, "before": before, "after": after}
    (row,) = tabulate_temperature({"plain": plain}).rows
    assert row[1:] == (
        *("1.23", "0.040 → 0.010", "0.300 → 0.250"),
        *("85.0 % to 90.0 %", "50.0 %", ""),
    )
    told = tell_recalibration(SimpleNamespace(shown={"plain": plain}), ())
    assert told.endswith("before and after: plain 0.040 and 0.010.")


def test_views_of_synthetic_cells_are_a_share_of_all():
    (row,) = tabulate_effort({"gan": record_of([0.6, None, 0.8], 0.7)}).rows
    # 100 x 3 + 10 x 2 real ones, 40 x 2 synthetic ones.
    assert row == ("gan", "110", "40", "400", "20.0 %", "2")


def test_charts_lose_nothing_and_sheets_are_narrowed():
    stream = np.random.default_rng(0)
    cells = stream.integers(0, 256, (40, 1600, 3)).astype(np.uint8)
    png = encode_png(cells)
    chart = compress_picture(png)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(chart))), cells)
    assert data_uri(chart).startswith("data:image/webp;base64,")
    assert data_uri(png).startswith("data:image/png;base64,")
    assert Image.open(io.BytesIO(shrink_picture(png))).size == (1200, 30)
    assert shrink_picture(png) == shrink_picture(png)


def test_lines_of_twelve_recipes_are_told_apart():
    names = ("plain", *(f"recipe{i}" for i in range(12)))
    looks = balancer_lines(names)
    assert len({tuple(look.values()) for look in looks.values()}) == len(names)


@pytest.mark.parametrize("title", ["Short", "A long title of a study, " * 6])
def test_a_sheets_title_stays_on_the_sheet(title):
    canvas = Canvas(600, 300, title, True)
    heading = next(t for t in canvas.figure.texts if t.get_text() == title)
    assert heading.get_window_extent().x1 <= 600


def test_a_run_has_the_numbers_of_the_protocol_that_is_shown():
    record = record_of([0.6, None, 0.8], 0.8123456)
    limits = {"value": 0.0512, "joint_low": 0.01, "joint_high": 0.1}
    gain = {"balanced_accuracy": limits, "trials": 2, "deterministic": False}
    results = SimpleNamespace(
        protocol="heldout",
        simulated=True,
        rare=["monoblast"],
        gains={"svm": {"weighted": gain}},
        records={
            ("heldout", "plain", "svm"): record,
            ("heldout", "weighted", "svm"): record,
            ("paper", "weighted", "svm"): None,
        },
    )
    scores = {"score": 0.812, "rare": 0.75, "simulated": True}
    assert list_runs(results) == {
        ("svm", "plain"): scores,
        ("svm", "weighted"): scores | {"gain": 0.051, "verdict": "helped"},
    }
