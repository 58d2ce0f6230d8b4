"""What each score of a GAN means: collapse, copies, wrong labels, and known values."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.linalg
import scipy.signal
import torch
import yaml
from cell_sets import write_cells
from tiny_classifiers import tiny_cnn, untrained

import assess
import draw_gan
from cytobalance.assess import features as features_module
from cytobalance.assess.assessment import assess_gan
from cytobalance.assess.distributions import (
    compare_distributions,
    density_coverage,
    frechet_distance,
    inception_score,
    kernel_distance,
    precision_recall,
)
from cytobalance.assess.likeness import (
    Selection,
    measure_likeness,
    nearest_cells,
    oriented_cells,
    structural_similarity,
)
from cytobalance.assess.memorisation import closest_pairs, search_copies
from cytobalance.assess.selection import ClassCells
from cytobalance.assess.training_log import read_drawings, spread_evenly
from cytobalance.balance.hold_out import hold_out_cells
from cytobalance.classify.classifier import save_classifier
from cytobalance.study.params import read_study
from cytobalance.study.runtime import StudyError, run_stage
from cytobalance.study.tables import write_table

PARAMS = Path(__file__).parents[1] / "params.yaml"
CPU = torch.device("cpu")
SIZE = 16


def clouds(count: int, seed: int, shift: float = 0.0) -> np.ndarray:
    """Features of five equal clusters, float64 [count, 6]."""
    stream = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(5, 6)) * 8
    own = centres[np.arange(count) % 5]
    return own + stream.normal(size=(count, 6)) + shift


def images_of(count: int, seed: int, tone: int = 120, side: int = SIZE) -> np.ndarray:
    stream = np.random.default_rng(seed)
    images = stream.normal(tone, 30, size=(count, side, side, 3))
    return images.clip(0, 255).astype(np.uint8)


# Distributions


def test_a_set_has_no_distance_from_itself():
    real = clouds(200, 1)
    found = compare_distributions(real, real.copy())
    assert found["fid"] == pytest.approx(0, abs=1e-6)
    # Unbiased for two different draws; of a set and itself it is a little below 0.
    shifted = compare_distributions(real, clouds(200, 2, shift=1.0))
    assert found["kid_mean"] < 0 < shifted["kid_mean"]
    assert found["precision"] == found["recall"] == found["coverage"] == 1
    assert found["density"] == pytest.approx(1.2)  # 5 neighbours and the cell itself


def test_a_collapsed_gan_is_precise_without_recall_or_coverage():
    real = clouds(300, 1)
    one = real[0] + np.random.default_rng(2).normal(size=(300, 6)) * 0.1
    found = compare_distributions(real, one)
    assert found["precision"] > 0.95
    assert found["recall"] < 0.05
    assert found["coverage"] < 0.2
    good = compare_distributions(real, clouds(300, 3))
    assert good["recall"] > 0.8 and good["coverage"] > 0.8
    assert good["fid"] < found["fid"] and good["kid_mean"] < found["kid_mean"]


def test_cells_unlike_any_real_one_are_neither_precise_nor_dense():
    found = compare_distributions(clouds(200, 1), clouds(200, 2, shift=40.0))
    assert found["precision"] == found["recall"] == 0
    assert found["density"] == found["coverage"] == 0


def test_frechet_distance_is_the_formula():
    real, synthetic = clouds(120, 1), clouds(90, 2, shift=0.5)
    covariance = [np.cov(x, rowvar=False) for x in (real, synthetic)]
    root = scipy.linalg.sqrtm(covariance[0] @ covariance[1]).real
    gap = real.mean(0) - synthetic.mean(0)
    wanted = gap @ gap + np.trace(covariance[0] + covariance[1] - 2 * root)
    assert frechet_distance(real, synthetic) == pytest.approx(wanted, rel=1e-3)


def test_kernel_distance_is_the_unbiased_estimate():
    real, synthetic = clouds(400, 1), clouds(400, 2, shift=1.0)

    def kernel(x, y):
        return (x @ y.T / x.shape[1] + 1) ** 3

    count = len(real)
    within = sum(
        (kernel(x, x).sum() - np.trace(kernel(x, x))) / (count * (count - 1))
        for x in (real, synthetic)
    )
    wanted = within - 2 * kernel(real, synthetic).mean()
    mean, deviation = kernel_distance(real, synthetic)
    # The mean of 100 subsets, so near the whole by its own standard error.
    assert abs(mean - wanted) < 4 * deviation / 10
    assert deviation > 0


def test_precision_recall_density_and_coverage_by_hand():
    real, synthetic = clouds(150, 1), clouds(130, 2, shift=0.8)

    def distances(x, y):
        return np.linalg.norm(x[:, None] - y[None], axis=2)

    def inside(centres, points, neighbours):
        radius = np.sort(distances(centres, centres), axis=1)[:, neighbours]
        return distances(points, centres) <= radius

    precision, recall = precision_recall(real, synthetic)
    assert precision == pytest.approx(
        inside(real, synthetic, 3).any(1).mean(), rel=1e-3
    )
    assert recall == pytest.approx(inside(synthetic, real, 3).any(1).mean(), rel=1e-3)
    within = inside(real, synthetic, 5)
    density, coverage = density_coverage(real, synthetic)
    assert density == pytest.approx(within.sum(1).mean() / 5, rel=1e-3)
    assert coverage == pytest.approx(within.any(0).mean(), rel=1e-3)
    assert 0 < recall < 1 and 0 < coverage < 1


def test_inception_score_runs_from_one_to_the_number_of_classes():
    sure = np.eye(4)[np.arange(400) % 4] * 50
    assert inception_score(sure)[0] == pytest.approx(4, rel=0.05)
    assert inception_score(np.ones((400, 4)))[0] == pytest.approx(1)
    stream = np.random.default_rng(1)
    logits = stream.normal(size=(400, 4)) * 2
    order = np.random.RandomState(2020).permutation(400)
    chances = np.exp(logits[order])
    chances /= chances.sum(1, keepdims=True)
    parts = []
    for part in np.split(chances, 10):
        gain = (part * np.log(part / part.mean(0))).sum(1).mean()
        parts.append(np.exp(gain))
    mean, deviation = inception_score(logits)
    assert mean == pytest.approx(np.mean(parts), rel=1e-3)
    assert deviation == pytest.approx(np.std(parts), rel=1e-3)


@pytest.mark.parametrize(
    ("cells", "classes", "best"), [(20, 10, 10), (100, 12, 12), (40, 1008, 40)]
)
def test_a_perfect_set_of_few_cells_gets_the_full_inception_score(cells, classes, best):
    sure = np.eye(classes)[np.arange(cells) % classes] * 50
    mean, deviation = inception_score(sure)
    assert mean == pytest.approx(best, rel=0.01)
    assert deviation is None  # one part alone


def test_inception_score_takes_more_parts_where_they_are_large_enough():
    logits = np.random.default_rng(3).normal(size=(100, 4))
    assert inception_score(logits[:79])[1] is None
    assert inception_score(logits[:80])[1] > 0


def test_too_few_cells_give_no_number():
    found = compare_distributions(clouds(19, 1), clouds(300, 2))
    assert set(found.values()) == {None}
    wide = np.random.default_rng(1).normal(size=(30, 40))
    found = compare_distributions(wide, wide + 1)
    assert found["fid"] is None
    assert all(value is not None for name, value in found.items() if name != "fid")


def test_the_least_cells_that_are_compared_give_every_number():
    found = compare_distributions(clouds(20, 1), clouds(20, 2))
    assert all(np.isfinite(value) for value in found.values())
    one = np.repeat(clouds(1, 1), 20, axis=0)  # a GAN that makes one cell alone
    found = compare_distributions(clouds(20, 2), one)
    assert all(np.isfinite(value) for value in found.values())
    assert found["recall"] == 0


# Single cells


def test_ssim_of_flat_images_is_the_formula():
    one, other = (torch.full((1, 3, 16, 16), v).double() for v in (0.2, 0.6))
    wanted = (2 * 0.2 * 0.6 + 0.01**2) / (0.2**2 + 0.6**2 + 0.01**2)
    assert structural_similarity(one, other).item() == pytest.approx(wanted)
    assert structural_similarity(one, one).item() == pytest.approx(1)


def test_ssim_against_wang_2004_written_out():
    one, other = (images_of(1, seed, side=24)[0] / 255 for seed in (1, 2))
    other = 0.6 * one + 0.4 * other
    line = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    window = np.outer(line, line) / line.sum() ** 2

    def smooth(x):
        return scipy.signal.convolve2d(x, window, mode="valid")

    found = []
    for x, y in zip(one.transpose(2, 0, 1), other.transpose(2, 0, 1), strict=True):
        mx, my = smooth(x), smooth(y)
        vx, vy = smooth(x * x) - mx**2, smooth(y * y) - my**2
        shared = smooth(x * y) - mx * my
        top = (2 * mx * my + 1e-4) * (2 * shared + 9e-4)
        found.append((top / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4))).mean())
    pair = (torch.from_numpy(x.transpose(2, 0, 1)[None]) for x in (one, other))
    assert structural_similarity(*pair).item() == pytest.approx(np.mean(found))


def test_pairs_have_known_values():
    real = np.full((2, SIZE, SIZE, 3), 100, np.uint8)
    found = measure_likeness(np.stack([real[0], real[0] + 51]), real, CPU)
    assert found["psnr"].tolist() == pytest.approx([100, -20 * np.log10(0.2)])
    assert found["l1"].tolist() == pytest.approx([0, 20])
    assert found["l2"].tolist() == pytest.approx([0, 4])
    assert found["ssim"][0] == pytest.approx(1)


def test_the_nearest_cell_is_the_nearest():
    images, among = images_of(5, 1), images_of(40, 2)
    among[7] = images[3]
    nearest = nearest_cells(images, among, 2, CPU)
    gap = images[:, None, None].astype(float) - eight_of(among)[None]
    wanted = np.sqrt((gap**2).mean((3, 4, 5))).min(1)
    assert np.allclose(nearest.distance, np.sort(wanted, axis=1)[:, :2])
    assert (nearest.row == np.argsort(wanted, axis=1)[:, :2]).all()
    assert nearest.distance[3, 0] == 0 and nearest.row[3, 0] == 7


def eight_of(images):
    """All orientations of cells: [8, N, S, S, 3]."""
    turned = [np.rot90(images, k, (1, 2)) for k in range(4)]
    return np.stack([*turned, *(x[:, :, ::-1] for x in turned)])


def test_the_nearest_cell_is_found_however_turned_and_in_whatever_chunk():
    among = images_of(600, 2)
    images = eight_of(among[599:])[:, 0].copy()
    few = Selection(among, np.arange(50, 600))
    nearest = nearest_cells(images, few, 2, CPU)
    assert (nearest.row[:, 0] == 549).all() and (nearest.row[:, 1] != 549).all()
    assert (nearest.distance[:, 0] == 0).all() and (nearest.distance[:, 1] > 0).all()
    assert np.array_equal(oriented_cells(few, nearest), images)


def test_copies_are_found_and_new_or_blurred_cells_are_not():
    training, held_out = images_of(80, 1), images_of(60, 2)
    stream = np.random.default_rng(3)
    noise = stream.integers(-4, 5, size=training.shape)
    copies = (training.astype(int) + noise).clip(0, 255).astype(np.uint8)
    fresh = images_of(200, 4)
    mean = training.mean(0) + stream.normal(size=(50, *training.shape[1:]))
    blurred = mean.clip(0, 255).astype(np.uint8)
    found = search_copies(copies, training, held_out, CPU)
    assert found.share > 0.98 and 0.5 < found.level < 1
    assert search_copies(fresh, training, held_out, CPU).share < 0.15
    # Nearer to all of them than real cells are, but a copy of none.
    assert nearest_cells(blurred, training, 1, CPU).distance.mean() < 33
    assert search_copies(blurred, training, held_out, CPU).share < 0.15
    mirrored = np.rot90(copies, 3, (1, 2))[:, :, ::-1].copy()
    assert search_copies(mirrored, training, held_out, CPU).share > 0.98


def test_too_few_cells_fix_no_level_of_copies():
    training, held_out, made = (images_of(25, seed) for seed in (1, 2, 3))
    assert search_copies(made, training, held_out[:19], CPU).share is None
    assert search_copies(made, training[:2], held_out, CPU).share is None
    alone = search_copies(made, training[:1], held_out[:0], CPU)
    assert alone.synthetic.row.max() == 0 and alone.held_out is None
    assert search_copies(made[:0], training, held_out, CPU) is None


def test_the_closest_pair_is_the_copy_beside_its_original_turned_alike():
    training, made = images_of(30, 1), images_of(12, 2)
    made[5] = np.rot90(training[17])
    made[5, 0, 0] += 1
    found = search_copies(made, training, images_of(20, 3), CPU)
    first, second = closest_pairs(made, training, found.synthetic, 2)
    assert np.array_equal(first.cell, made[5])
    assert np.array_equal(first.training, np.rot90(training[17]))
    assert first.ratio < 0.1 < found.level and second.ratio > 0.5
    assert first.distance == pytest.approx(np.sqrt(3 / made[5].size))
    assert len(closest_pairs(made, training, found.synthetic, 40)) == 12


# The whole


CLASSES = ("basophil", "monocyte", "platelet")
TONES = (60, 130, 200)


class ToneClassifier:
    """Names a cell by its mean grey; stands for a perfect classifier."""

    def features(self, images):
        return images.float().mean((1, 2)) / 127.5 - 1

    def logits(self, images):
        tones = torch.tensor(TONES)
        return -(images.float().mean((1, 2, 3))[:, None] - tones).abs()


@pytest.fixture(scope="module")
def cells():
    return {
        label: ClassCells(
            images_of(60, 10 + k, TONES[k]),
            images_of(60, 10 + k, TONES[k]),
            images_of((0, 50, 90)[k], 20 + k, TONES[k]),
            images_of(40, 30 + k, TONES[k]),
        )
        for k, label in enumerate(CLASSES)
    }


def assess_cells(cells, features="cells"):
    """`assess_gan` with its search for copies, scored by the perfect classifier."""
    searches = {
        label: search_copies(own.synthetic, own.training, own.held_out, CPU)
        for label, own in cells.items()
    }
    return assess_gan(cells, searches, ToneClassifier(), features, CPU)


def test_labels_are_judged_against_what_was_asked_for(cells):
    right = assess_cells(cells)
    assert right["overall"]["label_accuracy"] == 1
    # A third of the cells made as platelets are monocytes.
    mixed = cells["platelet"].synthetic.copy()
    mixed[:30] = cells["monocyte"].synthetic[:30]
    platelet = replace(cells["platelet"], synthetic=mixed)
    wrong = assess_cells(cells | {"platelet": platelet})
    assert wrong["overall"]["label_accuracy"] == pytest.approx(110 / 140, abs=1e-4)
    classes = wrong["classes"]
    assert classes["platelet"]["label_recall"] == pytest.approx(60 / 90, abs=1e-4)
    assert classes["platelet"]["label_precision"] == 1
    assert classes["monocyte"]["label_precision"] == pytest.approx(50 / 80, abs=1e-4)
    # One class, one word: 1. Two words for it: up to 2.
    assert right["classes"]["platelet"]["is_mean"] == pytest.approx(1, abs=1e-3)
    assert 1.5 < classes["platelet"]["is_mean"] < 2


def test_every_missing_number_has_its_reason(cells):
    scores = assess_cells(cells)
    notes = "\n".join(scores["notes"])
    assert "coverage: null below 20 real or synthetic cells: basophil" in notes
    assert "is_mean: null below 20 cells to score: basophil" in notes
    one_part = "cells to score for each class that the network knows"
    assert any(one_part in n and "monocyte" in n for n in scores["notes"])
    assert scores["classes"]["monocyte"]["is_mean"] is not None
    assert scores["classes"]["monocyte"]["is_sd"] is None
    assert scores["classes"]["basophil"]["psnr"] is None
    assert scores["overall"]["lpips"] is None and "lpips: null" in notes
    assert scores["overall"]["fid"] is not None
    # What a perfect GAN comes near to: the held-out cells are real.
    assert scores["overall"]["floor"]["coverage"] > 0.8
    assert scores["overall"]["synthetic_cells"] == 140
    json.dumps(scores, allow_nan=False)


def test_the_floor_compares_the_same_classes_and_counts_as_the_gan_gets(cells):
    scores = assess_cells(cells)
    counts = [own["compared_cells"] for own in scores["classes"].values()]
    assert counts == [0, 40, 40] and scores["overall"]["compared_cells"] == 80
    # A GAN that draws the held-out cells themselves scores what the floor is.
    perfect = {
        label: replace(own, synthetic=own.held_out[: len(own.synthetic)])
        for label, own in cells.items()
    }
    overall = assess_cells(perfect)["overall"]
    assert overall["floor"] == {name: overall[name] for name in overall["floor"]}
    # Cells of a class that the GAN made none of change neither.
    basophil = replace(cells["basophil"], held_out=cells["platelet"].held_out)
    other = assess_cells(perfect | {"basophil": basophil})
    assert other["overall"]["floor"] == overall["floor"]


def test_a_copy_of_a_cell_outside_the_sample_is_found(cells):
    training = images_of(90, 50, TONES[1])
    copier = ClassCells(
        training, training[:30], training[30:], cells["monocyte"].held_out
    )
    cells = cells | {"monocyte": copier}
    scores = assess_cells(cells)
    found = scores["classes"]["monocyte"]
    assert found["memorised"] == 1
    assert found["psnr"] == 100
    assert found["training_cells"] == 90
    assert found["real_cells"] == 30
    total = sum(len(own.training) for own in cells.values())
    assert scores["overall"]["training_cells"] == total


def test_a_gan_that_saw_everything_is_not_called_a_copier(cells):
    none = {
        label: replace(own, held_out=own.held_out[:0]) for label, own in cells.items()
    }
    scores = assess_cells(none)
    assert scores["overall"]["memorised"] is None
    assert scores["overall"]["floor"]["fid"] is None
    notes = "\n".join(scores["notes"])
    assert "floor, memorised, copy_level: null" in notes


def test_a_gan_that_made_no_cells_has_reasons_for_it(cells):
    none = {
        label: replace(own, synthetic=own.synthetic[:0]) for label, own in cells.items()
    }
    scores = assess_cells(none)
    assert scores["overall"]["synthetic_cells"] == 0
    assert scores["overall"]["label_accuracy"] is None
    assert scores["overall"]["floor"]["coverage"] is None
    assert unexplained(scores) == []


def test_without_inceptions_weights_its_scores_stay_empty(cells, monkeypatch):
    def refuse(*_, **__):
        raise OSError("no network")

    for path in ("feature_extractor_inceptionv3", "sample_similarity_lpips"):
        monkeypatch.setattr(f"torch_fidelity.{path}.load_state_dict_from_url", refuse)
    with pytest.raises(
        features_module.WeightsMissingError,
        match=r"weights-inception\S+ can neither.* assess\.weights",
    ):
        features_module.load_inception()
    scores = assess_cells(cells, "inception")
    notes = "\n".join(scores["notes"])
    for name in ("fid", "kid_mean", "is_mean", "lpips"):
        assert scores["overall"][name] is None
    assert "weights-inception" in notes and "weights-vgg16-lpips.pth" in notes
    assert scores["overall"]["label_accuracy"] == 1  # our classifier's, still told


def test_inception_takes_its_weights_from_a_local_folder(tmp_path, monkeypatch):
    """Weights of the right shapes, made here: the loading is real, numbers are not."""
    from torch_fidelity import feature_extractor_inceptionv3 as fidelity

    class Untrained(fidelity.FeatureExtractorInceptionV3):
        def load_state_dict(self, *_, **__):
            pass

    monkeypatch.setattr(fidelity, "load_state_dict_from_url", lambda *_, **__: {})
    weights = Untrained("untrained", ["2048"]).state_dict()
    monkeypatch.undo()
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    torch.save(weights, folder / features_module.INCEPTION_FILES[0])
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    features_module.use_weights(str(tmp_path))
    network = features_module.load_inception()
    for name, weight in network.state_dict().items():
        assert torch.equal(weight, weights[name])
    view = features_module.view_by_inception(network, np.zeros((2, 8, 8, 3), np.uint8))
    assert view.features.shape == (2, 2048) and view.logits.shape == (2, 1008)


# What a training left behind


def write_training(folder: Path, moments: int = 3, losses: int = 450) -> None:
    """A GAN's drawings of three classes and its losses, as train_gan leaves them."""
    folder.mkdir(parents=True, exist_ok=True)
    stream = np.random.default_rng(5)
    shape = (moments, 3, 4, SIZE, SIZE, 3)
    np.save(folder / "drawings.npy", stream.integers(0, 256, shape, dtype=np.uint8))
    iterations = pd.DataFrame({"iteration": 10 * np.arange(moments)})
    write_table(folder / "drawings.csv", iterations)
    table = pd.DataFrame({"iteration": np.arange(1, losses + 1)})
    for name in ("critic_loss", "generator_loss", "wasserstein"):
        table[name] = stream.normal(size=losses)
    write_table(folder / "losses.csv", table)


def test_rows_and_moments_are_thinned_evenly_with_first_and_last():
    assert spread_evenly(5, 8).tolist() == [0, 1, 2, 3, 4]
    found = spread_evenly(12, 8)
    assert len(found) == 8 and found[0] == 0 and found[-1] == 11
    assert set(np.diff(spread_evenly(451, 200))) == {2, 3}


def test_drawings_that_is_missing_or_of_other_classes_says_what_to_do(tmp_path):
    folder = tmp_path / "models/gan/heldout/c_wgan_gp"
    with pytest.raises(StudyError, match=r"drawings\.csv is missing; run `dvc repro"):
        read_drawings(folder, 3)
    write_training(folder)
    found = read_drawings(folder, 3)
    assert found.iterations.tolist() == [0, 10, 20]
    assert found.images.shape == (3, 3, 4, SIZE, SIZE, 3)
    with pytest.raises(
        StudyError, match=r"drawings\.npy holds uint8 .* not uint8 \(3, 4"
    ):
        read_drawings(folder, 4)
    (folder / "drawings.npy").write_bytes(b"half a file")
    with pytest.raises(StudyError, match="damaged"):
        read_drawings(folder, 3)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A tiny study on disk, up to a GAN's synthetic cells, as the current folder."""
    study = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    study["merge"]["classes"] = {label: [label] for label in CLASSES}
    study["image"]["size"] = SIZE
    study["assess"]["cells"] = 30
    tiny = tiny_cnn(dropout=0.0, epochs=2, iterations=4)
    study["classifiers"] = {"sequential_cnn": tiny.model_dump()}
    study["balancers"] = {"plain": {}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    monkeypatch.chdir(tmp_path)
    study = read_study()
    names = np.repeat(CLASSES, 60)
    images = np.concatenate([images_of(60, k, TONES[k]) for k in range(3)])
    ids = [f"c{k}" for k in range(180)]
    table = pd.DataFrame({"cell_id": ids, "label": names, "group": ids})
    table = table.assign(source="lab", published_part="")
    write_cells(tmp_path / "data/cells", images, table)
    dealt = hold_out_cells(table, CLASSES, study.hold_out, seed=1)
    write_table(tmp_path / "data/hold_out.csv", dealt)
    about = {"classes": list(CLASSES), "size": SIZE}
    for protocol in ("paper", "heldout"):
        made = pd.DataFrame({"cell_id": ids[:80], "label": names[40:120], "parent": ""})
        folder = tmp_path / f"data/synthetic/{protocol}/c_wgan_gp"
        write_cells(folder, images[40:120], made)
        model = f"models/classifiers/{protocol}-plain-sequential_cnn/trial_0.pt"
        save_classifier(tmp_path / model, untrained(tiny, 3, SIZE, 1), about)
        write_training(tmp_path / f"models/gan/{protocol}/c_wgan_gp")
    return tmp_path


def unexplained(scores: dict) -> list[str]:
    """Numbers that are null without a note that names them (and their class)."""
    nulls = [("overall", n) for n, v in scores["overall"].items() if v is None]
    floor = scores["overall"]["floor"]
    for label, own in {"floor": floor, **scores["classes"]}.items():
        nulls += [(label, name) for name, value in own.items() if value is None]
    all_places = ["overall", "floor", *scores["classes"]]
    reasons = []
    for note in scores["notes"]:
        names, _, reason = note.partition(": null")
        named = [place for place in all_places if place in reason]
        if "floor" in names.split(", "):  # as a whole
            reasons.append((list(floor), ["floor"]))
        reasons.append((names.split(", "), named or all_places))
    return [
        f"{place}: {name}"
        for place, name in nulls
        if not any(name in names and place in places for names, places in reasons)
    ]


@pytest.mark.parametrize("protocol", ["paper", "heldout"])
def test_the_stage_writes_scores_and_sheets_twice_alike(project, monkeypatch, protocol):
    arguments = ["x", "--protocol", protocol, "--gan", "c_wgan_gp"]
    monkeypatch.setattr("sys.argv", arguments)
    paths = [
        project / f"metrics/gan/{protocol}-c_wgan_gp.json",
        project / f"plots/losses/{protocol}-c_wgan_gp.csv",
        *(
            project / f"plots/gan/{protocol}-c_wgan_gp{end}.png"
            for end in ("", "-closest", "-training")
        ),
    ]
    for stage in (assess, draw_gan):
        stage.main()
    first = [path.read_bytes() for path in paths]
    for stage in (assess, draw_gan):
        stage.main()
    assert [path.read_bytes() for path in paths] == first
    scores = json.loads(first[0])
    head = {k: scores[k] for k in ("protocol", "gan", "features", "simulated")}
    assert head == {
        "protocol": protocol,
        "gan": "c_wgan_gp",
        "features": "cells",
        "simulated": True,
    }
    assert list(scores["classes"]) == list(CLASSES)
    counts = [own["synthetic_cells"] for own in scores["classes"].values()]
    assert counts == [20, 30, 0]  # at most assess.cells of each
    dealt = pd.read_csv(project / "data/hold_out.csv")
    train = dealt["pool"] if protocol == "paper" else dealt["part"] == "train"
    assert scores["overall"]["training_cells"] == train.sum()  # copies: all of them
    assert scores["overall"]["real_cells"] == 90
    held_out = scores["overall"]["held_out_cells"]
    assert held_out == (0 if protocol == "paper" else 54)
    assert unexplained(scores) == []
    tested = (dealt["part"] == "test") & dealt["label"].isin(CLASSES[:2])
    assert sum(own["test_cells"] for own in scores["classes"].values()) == tested.sum()
    for name in ("tstr_balanced_accuracy", "trtr_balanced_accuracy"):
        assert 0 <= scores["overall"][name] <= 1
    losses = pd.read_csv(paths[1])
    whole = pd.read_csv(project / f"models/gan/{protocol}/c_wgan_gp/losses.csv")
    assert len(losses) == 200 and list(losses.columns) == list(whole.columns)
    assert losses["iteration"].iloc[[0, -1]].tolist() == [1, 450]


def test_without_the_training_s_drawings_the_stage_stops_in_one_line(
    project, monkeypatch, capsys
):
    monkeypatch.setattr("sys.argv", ["x", "--protocol", "paper", "--gan", "c_wgan_gp"])
    (project / "models/gan/paper/c_wgan_gp/drawings.csv").unlink()
    assess.main()
    with pytest.raises(SystemExit):
        run_stage(draw_gan.main)
    message = capsys.readouterr().err
    assert "dvc repro train_gan" in message and message.count("\n") == 1
