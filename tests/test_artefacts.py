"""Collapse within a class, an upsampling grid, and features that no study trained."""

import io
import json
import zipfile

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from cytobalance.assess.artefacts import grid_energy, mean_distance
from cytobalance.assess.assessment import assess_gan
from cytobalance.assess.features import load_imagenet, view_by_imagenet
from cytobalance.assess.memorisation import search_copies
from cytobalance.assess.selection import ClassCells
from cytobalance.report.gans import gather_gans

CPU = torch.device("cpu")
SIDE = 32


def blobs(count: int, seed: int, tone: int = 90) -> np.ndarray:
    """Cells: dark discs of any place and size on a bright field, softly seen."""
    stream = np.random.default_rng(seed)
    cells = np.full((count, SIDE, SIDE, 3), 210, np.uint8)
    for cell in cells:
        x, y = (int(at) for at in stream.integers(12, 20, 2))
        radius = int(stream.integers(5, 11))
        colour = [int(value) for value in stream.integers(tone - 40, tone + 40, 3)]
        cv2.circle(cell, (x, y), radius, colour, -1)
        cell[:] = cv2.GaussianBlur(cell, (0, 0), 1)
    noise = stream.normal(0, 4, cells.shape)
    return (cells + noise).clip(0, 255).astype(np.uint8)


def with_grid(cells: np.ndarray, period: int, height: float = 8.0) -> np.ndarray:
    """The same cells, every `period`-th pixel brighter, in both directions."""
    bright = np.arange(SIDE) % period == 0
    grid = height * (bright[:, None] & bright)[None, :, :, None]
    return (cells + grid).clip(0, 255).astype(np.uint8)


def test_mean_distance_by_hand():
    corners = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]])
    assert mean_distance(corners) == pytest.approx((3 + 4 + 5) / 3)
    assert mean_distance(np.ones((4, 2))) == 0


@pytest.mark.parametrize("period", [2, 4])
def test_a_planted_grid_is_seen_wherever_it_begins(period):
    cells = blobs(60, 1)
    plain = grid_energy(cells)
    assert 0.7 < plain < 1.4
    planted = with_grid(cells, period)
    assert grid_energy(planted) > 3 * plain
    moved = grid_energy(np.roll(planted, (1, 1), (1, 2)))
    assert moved == pytest.approx(grid_energy(planted), rel=0.1)


def test_a_pattern_of_another_period_is_no_upsampling_grid():
    cells = blobs(60, 1)
    assert grid_energy(with_grid(cells, 3)) < 1.3 * grid_energy(cells)


def test_flat_images_have_no_grid():
    assert grid_energy(np.full((3, SIDE, SIDE, 3), 77, np.uint8)) == pytest.approx(1)


class ToneClassifier:
    """Sees the mean colour of a cell; names it dark or bright."""

    def features(self, images):
        return images.float().mean((1, 2))

    def logits(self, images):
        tone = images.float().mean((1, 2, 3))
        return torch.stack((170 - tone, tone - 170), 1)


def assess_cells(synthetic, features="cells", held_out=None):
    cells = {
        label: ClassCells(
            blobs(60, 10 + k, tone),
            blobs(60, 10 + k, tone),
            synthetic(k, tone),
            blobs(40, 30 + k, tone) if held_out is None else held_out,
        )
        for k, (label, tone) in enumerate({"basophil": 60, "monocyte": 130}.items())
    }
    searches = {
        label: search_copies(own.synthetic, own.training, own.held_out, CPU)
        for label, own in cells.items()
    }
    return assess_gan(cells, searches, ToneClassifier(), features, CPU)


@pytest.mark.parametrize("features", ["cells", "imagenet"])
def test_cells_all_alike_have_no_spread_and_real_ones_all_of_it(features):
    def collapsed(k, tone):
        return np.repeat(blobs(1, 50 + k, tone), 40, 0)

    def perfect(k, tone):
        return blobs(40, 50 + k, tone)

    scores = {f: assess_cells(f, features)["overall"] for f in (collapsed, perfect)}
    assert scores[collapsed]["spread"] == pytest.approx(0, abs=1e-3)
    for found in (scores[perfect], scores[perfect]["floor"]):
        assert found["spread"] == pytest.approx(1, abs=0.2)
        assert found["grid"] == pytest.approx(1, abs=0.25)


def test_a_grid_is_told_beside_the_floor_of_real_cells():
    scores = assess_cells(lambda k, tone: with_grid(blobs(40, 50 + k, tone), 2))
    overall = scores["overall"]
    assert overall["grid"] > 2
    assert overall["floor"]["grid"] == pytest.approx(1, abs=0.25)
    assert {own["grid"] > 2 for own in scores["classes"].values()} == {True}


def test_too_few_cells_have_no_spread_and_none_have_no_grid():
    def few(k, tone):
        return blobs((0, 4)[k], 50 + k, tone)

    scores = assess_cells(few)
    found = [(c["spread"], c["grid"] is None) for c in scores["classes"].values()]
    assert found == [(None, True), (None, False)]
    notes = "\n".join(scores["notes"])
    assert "spread: null below 5 real or synthetic cells: overall, bas" in notes
    assert "grid: null without synthetic cells: basophil" in notes
    saw_all = assess_cells(lambda k, tone: blobs(9, k), held_out=blobs(0, 1))
    assert saw_all["overall"]["floor"]["grid"] is None


def test_imagenet_features_are_named_in_scores_and_on_the_page():
    scores = assess_cells(lambda k, tone: blobs(40, 50 + k, tone), "imagenet")
    overall = scores["overall"]
    for name in ("kid_mean", "precision", "recall", "density", "coverage"):
        assert overall[name] is not None
    assert overall["coverage"] > 0.5 and overall["lpips"] is None
    assert overall["label_accuracy"] is not None  # our classifier's
    notes = "\n".join(scores["notes"])
    assert "features: EfficientNet-Lite0's, trained on ImageNet" in notes
    assert "lpips: null; assess.features is imagenet" in notes
    for own in scores["classes"].values():
        own |= {"tstr_recall": None, "trtr_recall": None}
    about = {"protocol": "heldout", "features": "imagenet", **scores}
    metrics = json.loads(json.dumps({"heldout-x": about}, default=float))
    (gan,) = gather_gans(metrics, {}, "paper").trained
    row = gan.overall.rows[0]
    assert row[:2] == ("features of distances", "EfficientNet-Lite0's (ImageNet)")


def test_imagenet_features_hardly_depend_on_the_size_of_the_images():
    network, cells = load_imagenet(), blobs(30, 1)
    view = view_by_imagenet(network, cells)
    assert view.features.shape == (30, 1280) and view.logits.shape == (30, 1000)
    larger = np.stack([cv2.resize(cell, (64, 64)) for cell in cells])
    again = view_by_imagenet(network, larger).features
    moved = np.linalg.norm(view.features - again, axis=1).mean()
    assert moved < 0.7 * mean_distance(view.features)


def test_real_cells_have_no_grid(real_data):
    """Two halves of PBC's cells: JPEG's blocks are gone once cells are made small."""
    cells = []
    with zipfile.ZipFile(real_data / "PBC_dataset_normal_DIB.zip") as archive:
        names = [n for n in archive.namelist() if n.endswith(".jpg")]
        for name in names[:: len(names) // 120]:
            cell = np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("RGB"))
            cells.append(cv2.resize(cell, (64, 64), interpolation=cv2.INTER_AREA))
    first, second = np.stack(cells[::2]), np.stack(cells[1::2])
    assert grid_energy(first) / grid_energy(second) == pytest.approx(1, abs=0.25)
    assert 0.5 < grid_energy(first) < 2
    network = load_imagenet()
    views = [view_by_imagenet(network, half).features for half in (first, second)]
    assert mean_distance(views[0]) / mean_distance(views[1]) == pytest.approx(
        1, abs=0.15
    )
