"""The cells behind each count: which, their neighbours, and where a network looked."""

import numpy as np
import pandas as pd
import pytest
import torch
from fake_study import Dice
from tiny_classifiers import CPU, tiny_cnn, untrained
from torch import nn

from cytobalance.classify.classifier import build_classifier
from cytobalance.classify.settings import Estimator, Timm
from cytobalance.draw.atlas import cut_apart, lay_out
from cytobalance.evaluate.predictions import Predictions
from cytobalance.explain.explanation import explain_classifier
from cytobalance.explain.gradcam import find_layer, find_looks
from cytobalance.explain.record import COLUMNS, named_cells, read_record
from cytobalance.explain.selection import HITS, MISSES, MOST, choose_cells
from cytobalance.prediction.temperature import fit_temperature, scale
from cytobalance.study import places
from cytobalance.study.cells import CellSet
from cytobalance.study.tables import read_table

CLASSES = ("basophil", "monoblast", "smudge_cell")


def dice(cells: int, classes: int = 3, seed: int = 0) -> Predictions:
    """Cells whose class and class named are drawn by chance."""
    stream = np.random.default_rng(seed)
    probability = stream.dirichlet(np.ones(classes), (1, cells))
    return Predictions(
        classes=tuple(f"c{k}" for k in range(classes)),
        cell_id=np.array([f"{k:016x}" for k in range(cells)]),
        origin=np.full(cells, "real"),
        label=stream.integers(classes, size=cells),
        group=np.arange(cells),
        predicted=probability.argmax(-1),
        probability=probability,
    )


def test_every_count_has_its_surest_misses_and_hits_by_chance():
    test = dice(300)
    chosen = choose_cells(test, np.random.default_rng(1))
    named, sure = test.predicted[0], test.probability[0].max(1)
    for i in range(3):
        for j in range(3):
            there = np.flatnonzero((test.label == i) & (named == j))
            shown = [row for row in chosen if row in there]
            assert len(shown) == min(len(there), HITS if i == j else MISSES)
            if i != j:
                assert sorted(sure[there])[::-1][: len(shown)] == list(sure[shown])
    other = choose_cells(test, np.random.default_rng(2))
    assert set(other[test.right[0, other]]) != set(chosen[test.right[0, chosen]])


def test_no_count_goes_without_a_cell_where_many_are_cut():
    test = dice(3000, classes=8)
    chosen = choose_cells(test, np.random.default_rng(1))
    assert len(chosen) == len(set(chosen)) == MOST
    counts = pd.crosstab(test.label[chosen], test.predicted[0, chosen])
    assert counts.to_numpy().min() >= 2 and counts.to_numpy().max() <= MISSES


@pytest.fixture
def explained():
    """A record of 40 cells of three colours, 20 synthetic among them; some have weight
    0, some are of the test."""
    stream = np.random.default_rng(3)
    label = np.repeat([0, 1, 2], 20)
    images = np.zeros((60, 16, 16, 3), np.uint8) + (60 * label)[:, None, None, None]
    images = (images + stream.integers(0, 40, (60, 1, 1, 3))).astype(np.uint8)
    ids = np.array([f"{k:016x}" for k in range(60)])
    table = pd.DataFrame({"cell_id": ids, "label": np.array(CLASSES)[label]})
    made = table.assign(cell_id=[f"gan-{k:06d}" for k in range(60)])
    sets = {"real": CellSet(images, table), "synthetic": CellSet(images[::-1], made)}
    split = pd.concat(
        [
            sets[origin].table.assign(origin=origin, row=np.arange(60), weight=1.0)
            for origin in sets
        ],
        ignore_index=True,
    )
    split["part"] = np.where(np.arange(120) % 3 == 0, "test", "train")
    split.loc[split["origin"] == "synthetic", "part"] = "train"
    split.loc[split.index % 4 == 3, "weight"] = 0.0
    tested = split[split["part"] == "test"]
    test = dice(len(tested))
    test = Predictions(
        **vars(test)
        | {
            "classes": CLASSES,
            "cell_id": tested["cell_id"].to_numpy(str),
            "label": label[tested["row"]],
        }
    )
    stream = np.random.default_rng(0)
    return split, explain_classifier(test, [Dice()], split, sets, CPU, stream), sets


def test_neighbours_are_cells_that_training_drew(explained):
    split, record, _ = explained
    trained = split[(split["part"] == "train") & (split["weight"] > 0)]
    drawn = {origin: set(rows["cell_id"]) for origin, rows in trained.groupby("origin")}
    real, made = ({*named_cells(record, name)} for name in ("real", "made"))
    assert real and real <= drawn["real"]
    assert made and made <= drawn["synthetic"]
    assert made == set(record["made"]["cells"])


def test_the_nearest_cells_are_the_nearest_by_the_features(explained):
    split, record, sets = explained
    trained = split[(split["part"] == "train") & (split["weight"] > 0)]
    for origin, column in (("real", "real"), ("synthetic", "made")):
        rows = trained.loc[trained["origin"] == origin, "row"].to_numpy()
        cells = sets[origin]
        colour = cells.images[rows].mean((1, 2))
        colour /= np.linalg.norm(colour, axis=1, keepdims=True)
        for row in record["cells"]["rows"]:
            about = dict(zip(COLUMNS, row, strict=True))
            index = int(about["cell_id"], 16)
            likeness = colour @ sets["real"].images[index].mean((0, 1))
            best = rows[likeness.argsort()[::-1][:3]]
            assert about[column] == list(cells.table["cell_id"].iloc[best])


def test_a_kind_without_features_has_neighbours_by_its_pixels(explained):
    split, _, sets = explained
    settings = Estimator(kind="scikit_learn", estimator="GaussianNB", trials=1)
    trial = build_classifier(settings, 3, 16, CPU)
    test = dice(3)
    test = Predictions(**vars(test) | {"classes": CLASSES})
    split = split.assign(part="train", weight=1.0)
    split.loc[:2, "part"] = "test"
    record = explain_classifier(
        *(test, [trial], split, sets, CPU, np.random.default_rng(0))
    )
    assert record["space"] == "pixels"
    assert "scikit-learn" in record["looks"]["reason"]
    assert all(len(row[5]) == len(row[6]) == 3 for row in record["cells"]["rows"])
    # The synthetic cells are the real ones in another order: a copy is the nearest.
    copies = {row[0]: row[6][0] for row in record["cells"]["rows"]}
    assert copies == {f"{k:016x}": f"gan-{59 - k:06d}" for k in range(3)}


def test_grad_cam_lights_the_corner_that_alone_is_looked_at():
    trial = untrained(tiny_cnn(), 2, 16)
    trial.network = LocalCorner().eval()
    trial.maps = trial.network.maps
    images = np.full((3, 16, 16, 3), 250, np.uint8)
    images[:, :8, 8:] = 20
    looks = find_looks([trial], images, np.zeros(3, int))
    assert looks.reason == "" and looks.grids.shape == (3, 4, 4)
    lit = looks.grids.astype(int)
    assert (lit[:, 0, 0] == 255).all()
    assert (lit.reshape(3, -1).sum(1) == 255).all()
    nothing = find_looks([trial], images, np.ones(3, int))
    assert not nothing.grids.any()


class LocalCorner(nn.Module):
    """Channels tell light in the upper left quarter from light elsewhere."""

    def __init__(self):
        super().__init__()
        self.pool = nn.AvgPool2d(4)
        self.where = torch.zeros(1, 1, 4, 4)
        self.where[..., 0, 0] = 1
        self.masked = Mask(self.where)

    def maps(self, seen):
        return self.masked(self.pool(seen))

    def forward(self, seen):
        light = self.maps(seen).mean((1, 2, 3))
        return torch.stack([light, -light], 1)


class Mask(nn.Module):
    """Its input where `where` is 1, and 0 elsewhere."""

    def __init__(self, where):
        super().__init__()
        self.where = where

    def forward(self, maps):
        return maps * self.where


@pytest.mark.parametrize(
    ("network", "layer"),
    [
        ("resnet18", "layer2"),  # at 32 pixels the later ones have 2 x 2 and 1 x 1
        ("densenet121", "features."),
        ("inception_v3", "Mixed_5d"),  # not a branch of a later block
        ("efficientnet_lite0", "blocks."),
        ("convnext_atto", "stages."),
        ("vit_tiny_patch16_224", None),
        ("swin_tiny_patch4_window7_224", None),
    ],
)
def test_maps_come_from_the_last_block_that_still_tells_parts_apart(network, layer):
    settings = Timm.model_validate(
        TIMM | {"network": network, "side": 224 if layer is None else None}
    )
    trial = build_classifier(settings, 3, 32, CPU)
    trial.network = trial.build().eval().requires_grad_(False)
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    found = find_layer(trial, images)
    assert (found or "").startswith(layer or "") and (found is None) == (layer is None)
    looks = find_looks([trial], images, np.array([0, 2]))
    assert (looks.reason == "") == (layer is not None)
    if layer:
        assert looks.grids.shape[1] == looks.grids.shape[2] >= 4
    else:
        assert "not convolutional" in looks.reason


TIMM = {
    "kind": "timm",
    **{"batch": 8, "epochs": 1, "iterations": 1, "learning_rate": 0.001, "trials": 1},
    **{"weight_decay": 0.0, "flip": False, "precision": "fp32"},
}


def test_an_atlas_comes_apart_again():
    stream = np.random.default_rng(0)
    images = [np.full((16, 16, 3), colour, np.uint8) for colour in (20, 120, 220)]
    images += [stream.integers(100, 110, (32, 32, 3), np.uint8)] * 2
    atlas = lay_out(images, 16)
    assert lay_out(images, 16) == atlas
    tiles = cut_apart(atlas, 5)
    assert [tile.shape for tile in tiles] == [(16, 16, 3)] * 5
    means = [tile.mean() for tile in tiles]
    assert np.allclose(means, [20, 120, 220, 104.5, 104.5], atol=4)
    with pytest.raises(ValueError, match="not of 7 tiles"):
        cut_apart(atlas, 7)
    assert lay_out([], 16).webp == b"" and cut_apart(lay_out([], 16), 0) == []


def test_records_of_the_finished_study_fit_its_predictions(study_folder):
    cells = read_table(study_folder / "data/cells/cells.csv")
    for balancer in ("plain", "c_wgan_gp"):
        key = f"heldout-{balancer}-sequential_cnn"
        record, made = read_record(places.explained(key))
        table = read_table(study_folder / f"data/predictions/{key}.csv")
        chances = [name for name in table if name.startswith("p_")]
        means = table.groupby(["part", "cell_id"])[chances].mean()
        labels = table.groupby(["part", "cell_id"])["label"].first()
        validation = labels["validation"].map(record["classes"].index).to_numpy()
        heat = fit_temperature(means.loc["validation"].to_numpy(), validation)
        mean, label = means.loc["test"], labels["test"]
        scaled = pd.DataFrame(scale(mean.to_numpy(), heat), mean.index)
        named = mean.idxmax(axis=1).str.removeprefix("p_")
        confusion = pd.crosstab(label, named)
        for i, true in enumerate(record["classes"]):
            for j, said in enumerate(record["classes"]):
                count = confusion.get(said, {}).get(true, 0)
                assert record["confusion"][i][j] == count
        assert np.sum(record["confusion"]) == len(label)
        split = read_table(study_folder / f"data/splits/heldout/{balancer}.csv")
        training = set(split.loc[split["part"] == "train", "cell_id"])
        for row in record["cells"]["rows"]:
            about = dict(zip(COLUMNS, row, strict=True))
            cell = about["cell_id"]
            classes = record["classes"]
            assert classes[about["label"]] == label[cell]
            assert classes[about["named"]] == named[cell]
            assert np.allclose(about["chances"], 1000 * scaled.loc[cell], atol=0.6)
            assert about["real"] and {*about["real"], *about["made"]} <= training
            assert len(about["look"]) == 2 * record["looks"]["side"] ** 2 > 0
        assert bool(made) == (balancer != "plain")
        assert set(named_cells(record, "real")) <= set(cells["cell_id"])
    assert not places.explained("paper-plain-sequential_cnn").exists()
