"""Oversamplers: imbalanced-learn's own choices, real pixels mixed, small changes."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import yaml
from cell_sets import write_cells
from imblearn.over_sampling import ADASYN, SMOTE

from cytobalance.balance.oversample import (
    apportion,
    augment,
    draw_parents,
    oversample_cells,
    plan_adasyn,
    plan_smote,
    reduce_images,
)
from cytobalance.study.cells import read_cells
from cytobalance.study.params import read_study
from cytobalance.study.tables import write_table

PARAMS = Path(__file__).parents[1] / "params.yaml"
SIDE = 16


@pytest.fixture(scope="module")
def blobs():
    """Three overlapping clouds of noisy blobs: images uint8 and labels, shuffled."""
    stream = np.random.default_rng(1)
    labels = stream.permutation(["a"] * 60 + ["b"] * 20 + ["c"] * 11)
    tone = {"a": 90, "b": 120, "c": 140}
    images = np.empty((len(labels), SIDE, SIDE, 3), np.uint8)
    for k, label in enumerate(labels):
        image = stream.normal(tone[label], 40, size=(4, 4, 3)).clip(0, 255)
        images[k] = cv2.resize(image.astype(np.uint8), (SIDE, SIDE))
    return images, labels


def interpolate(features, mixes):
    between = features[mixes.neighbour] - features[mixes.parent]
    return features[mixes.parent] + mixes.step[:, None] * between


def test_smote_draws_what_imbalanced_learn_draws(blobs):
    images, labels = blobs
    flat = images.reshape(len(images), -1).astype(float)
    target = {"a": 60, "b": 60, "c": 60}
    theirs, names = SMOTE(
        sampling_strategy=target, k_neighbors=5, random_state=3
    ).fit_resample(flat, labels)
    streams = {label: np.random.RandomState(3) for label in "abc"}
    ours = plan_smote(flat, labels, {"b": 40, "c": 49}, 5, streams)
    assert np.allclose(interpolate(flat, ours), theirs[len(flat) :])
    assert list(labels[ours.parent]) == list(names[len(flat) :])


def test_adasyn_draws_what_imbalanced_learn_draws(blobs):
    images, labels = blobs
    flat = images.reshape(len(images), -1).astype(float)
    # imbalanced-learn rounds each cell's amount, so it makes about what it is asked;
    # asked for that number, ours are the same cells.
    theirs, names = ADASYN(
        sampling_strategy={"a": 60, "b": 60, "c": 11}, n_neighbors=5, random_state=3
    ).fit_resample(flat, labels)
    count = int((names == "b").sum()) - 20
    streams = {"b": np.random.RandomState(3)}
    ours = plan_adasyn(flat, labels, {"b": count}, 5, streams)
    made = theirs[len(flat) :]
    same = np.isclose(interpolate(flat, ours), made).all(1)
    assert len(made) == count
    assert same.all()


def test_adasyn_makes_more_where_other_classes_are_near():
    # Cells at 0..9 on a line; foreign cells stand beside the last ones.
    own = np.arange(10.0)[:, None]
    foreign = np.linspace(8.2, 9.8, 9)[:, None]
    labels = np.array(["b"] * 10 + ["a"] * 9)
    streams = {"b": np.random.default_rng(1)}
    mixes = plan_adasyn(np.vstack([own, foreign]), labels, {"b": 100}, 3, streams)
    made = np.bincount(mixes.parent, minlength=10)
    assert made.sum() == 100
    assert made[:5].sum() == 0 and made[8:].sum() > 50


def test_adasyn_without_foreign_neighbours_is_even_and_says_so(capsys):
    features = np.r_[np.arange(8.0), np.arange(8.0) + 1e3][:, None]
    labels = np.array(["b"] * 8 + ["a"] * 8)
    streams = {"b": np.random.default_rng(1)}
    mixes = plan_adasyn(features, labels, {"b": 24}, 3, streams)
    assert (np.bincount(mixes.parent, minlength=8)[:8] == 3).all()
    assert "b: no cell has neighbours of other classes" in capsys.readouterr().out


@pytest.mark.parametrize("plan", [plan_smote, plan_adasyn])
def test_a_class_smaller_than_the_neighbourhood_still_grows(plan, blobs):
    images, _ = blobs
    features = images.reshape(len(images), -1).astype(float)[:12]
    labels = np.array(["a"] * 9 + ["b"] * 2 + ["c"])
    streams = {label: np.random.default_rng(1) for label in "bc"}
    mixes = plan(features, labels, {"b": 7, "c": 5}, 5, streams)
    assert (labels[mixes.parent] == ["b"] * 7 + ["c"] * 5).all()
    assert (labels[mixes.neighbour] == labels[mixes.parent]).all()
    assert (mixes.parent[:7] != mixes.neighbour[:7]).all()
    assert (mixes.neighbour[7:] == 11).all()


def test_amounts_add_up():
    amounts = apportion(np.array([0.5, 0.3, 0.15, 0.05]), 7)
    assert amounts.tolist() == [4, 2, 1, 0]


@pytest.mark.parametrize("oversampler", ["smote", "adasyn", "augmented"])
def test_cells_come_from_the_visible_rows_and_repeat(blobs, oversampler):
    images, labels = blobs
    settings = read_study(PARAMS).oversample
    rows = np.arange(0, len(labels), 2)
    wanted = {"a": 0, "b": 9, "c": 13}
    made = np.zeros((2, 22, SIDE, SIDE, 3), np.uint8)
    for output in made:
        parents = oversample_cells(
            oversampler, images, rows, labels[rows], wanted, settings, 1, output
        )
    assert np.array_equal(*made)
    assert set(parents) <= set(rows)
    assert list(labels[parents]) == ["b"] * 9 + ["c"] * 13


def test_a_mixed_cell_lies_between_its_parent_and_another_cell_of_its_class(blobs):
    images, labels = blobs
    settings = read_study(PARAMS).oversample
    output = np.zeros((15, SIDE, SIDE, 3), np.uint8)
    parents = oversample_cells(
        "adasyn", images, np.arange(len(labels)), labels, {"c": 15}, settings, 1, output
    )
    flat = images.reshape(len(images), -1).astype(float)
    for cell, parent in zip(output.reshape(15, -1).astype(float), parents, strict=True):
        misses = []
        for other in np.flatnonzero(labels == "c"):
            way = flat[other] - flat[parent]
            step = np.clip((cell - flat[parent]) @ way / max(way @ way, 1), 0, 1)
            misses.append(np.abs(cell - flat[parent] - step * way).max())
        assert min(misses) <= 1.01  # rounding to whole grey levels


def test_augmented_cells_differ_from_their_parent_but_stay_near(blobs):
    change = read_study(PARAMS).oversample.augmentation
    image = np.full((64, 64, 3), 220, np.uint8)
    cv2.circle(image, (32, 32), 14, (90, 30, 120), -1)
    stream = np.random.default_rng(1)
    whole = (image[..., 1] < 128).sum()
    for _ in range(20):
        changed = augment(image, change, stream)
        assert changed.shape == image.shape and changed.dtype == np.uint8
        nucleus = changed[..., 1] < 128
        assert 0.6 * whole < nucleus.sum() < 1.5 * whole
        y, x = np.nonzero(nucleus)
        assert abs(x.mean() - 31.5) < 9 and abs(y.mean() - 31.5) < 9
        # Mirrored edges: no black or foreign background comes in.
        assert changed[0].min() > 180 and changed[:, 0].min() > 180


def test_no_change_leaves_the_image_alone(blobs):
    images, _ = blobs
    change = read_study(PARAMS).oversample.augmentation.model_copy(
        update={"rotation": 0.0, "shift": 0.0, "shear": 0.0, "zoom": 0.0, "flip": False}
    )
    changed = augment(images[0], change, np.random.default_rng(1))
    assert np.array_equal(changed, images[0])


def test_every_cell_is_copied_about_as_often(blobs):
    _, labels = blobs
    parents = draw_parents(labels, {"a": 5, "c": 25}, np.random.default_rng(1))
    copies = np.bincount(parents, minlength=len(labels))
    assert copies[labels == "a"].max() == 1
    assert set(copies[labels == "c"]) == {2, 3}


def test_reduced_copies_are_area_means(blobs):
    images, _ = blobs
    reduced = reduce_images(images, np.array([4]), 4).reshape(4, 4, 3)
    means = images[4].reshape(4, 4, 4, 4, 3).mean((1, 3))
    assert np.abs(reduced - means).max() <= 0.5


def test_the_stage_writes_cells_with_parents(tmp_path, monkeypatch, blobs):
    import oversample as stage

    images, labels = blobs
    values = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    types = {"a": ["basophil"], "b": ["monocyte"], "c": ["platelet"]}
    values["merge"]["classes"] = types
    values["balancers"] = {"plain": {}, "augmented": {"synthetic": "augmented"}}
    values["generate"]["target"] = 40
    values["image"]["size"] = 16
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    ids = [f"c{k}" for k in range(len(labels))]
    table = pd.DataFrame({"cell_id": ids, "label": labels, "group": ids})
    write_cells(tmp_path / "data/cells", images, table)
    part = np.where(np.arange(len(ids)) % 4 == 0, "test", "train")
    dealt = table.assign(part=part, pool=True)
    write_table(tmp_path / "data/hold_out.csv", dealt)
    monkeypatch.chdir(tmp_path)
    for oversampler in ("none", "augmented"):
        arguments = ["x", "--protocol", "heldout", "--oversampler", oversampler]
        monkeypatch.setattr("sys.argv", arguments)
        stage.main()
    assert len(read_cells(Path("data/synthetic/heldout/none"))) == 0
    made = read_cells(Path("data/synthetic/heldout/augmented")).table
    train = table[part == "train"]["label"].value_counts()
    counts = made["label"].value_counts()
    assert counts.to_dict() == {k: 28 - train[k] for k in "abc" if train[k] < 28}
    assert set(made["parent"]) <= set(table.loc[part == "train", "cell_id"])
