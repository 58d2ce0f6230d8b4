"""Train on synthetic, test on real: what synthetic cells teach, and what they don't."""

import numpy as np
import pandas as pd
import pytest
import torch

from cytobalance.cells import CellSet
from cytobalance.groups import ClassifierGroup
from cytobalance.score.teaching import prepare_lesson, score_teaching

CLASSES = ("basophil", "monocyte", "platelet")
TONES = {"basophil": 60, "monocyte": 130, "platelet": 200}
SIZE = 16
CPU = torch.device("cpu")
SETTINGS = ClassifierGroup(
    width=4,
    dropout=0.0,
    batch=16,
    epochs=4,
    iterations=12,
    learning_rate=0.01,
    weight_decay=0.0,
    flip=True,
    precision="fp32",
    trials=1,
)
ABOUT = {
    "classifier": "sequential_cnn",
    "settings": {"classes": 3, "size": SIZE, "width": 4, "dropout": 0.0},
}


class ToneClassifier(torch.nn.Module):
    """Names a cell by its mean grey, but prefers the first class by `bias`."""

    def __init__(self, bias: float = 0.0):
        super().__init__()
        tones = torch.tensor(list(TONES.values())) / 127.5 - 1
        self.tones = torch.nn.Parameter(tones)
        self.bias = torch.tensor([bias, 0, 0])

    def forward(self, images):
        gap = (images.mean((1, 2, 3))[:, None] - self.tones).abs()
        return self.bias - 100 * gap


def cell_set(counts: tuple[int, ...], seed: int) -> CellSet:
    """Cells of each class, told apart by their grey."""
    stream = np.random.default_rng(seed)
    labels = np.repeat(CLASSES, counts)
    tone = np.array([TONES[label] for label in labels])[:, None, None, None]
    images = stream.normal(tone, 15, size=(len(labels), SIZE, SIZE, 3))
    ids = [f"{seed}-{k}" for k in range(len(labels))]
    table = pd.DataFrame({"cell_id": ids, "label": labels})
    return CellSet(images.clip(0, 255).astype(np.uint8), table)


@pytest.fixture(scope="module")
def real():
    return cell_set((30, 40, 50), 1)


@pytest.fixture(scope="module")
def hold_out(real):
    deal = ["train", "test", "test", "validation", "train"]
    return real.table.assign(part=[deal[k % 5] for k in range(len(real))])


def taught(real, hold_out, synthetic, plain=None, leaked=False):
    lesson = prepare_lesson(real, hold_out, synthetic, CLASSES, CPU)
    plain = plain or ToneClassifier()
    return score_teaching(lesson, CLASSES, plain, ABOUT, SETTINGS, 1, leaked)


def test_it_trains_on_synthetic_and_tests_on_real_cells_alone(real, hold_out):
    synthetic = cell_set((10, 20, 40), 2)
    lesson = prepare_lesson(real, hold_out, synthetic, CLASSES, CPU)
    assert np.array_equal(lesson.synthetic.images, synthetic.images)
    for part in ("validation", "test"):
        rows = np.flatnonzero(hold_out["part"] == part)
        found = getattr(lesson, part)
        assert np.array_equal(found.images, real.images[rows])
        wanted = [CLASSES.index(c) for c in hold_out["label"].iloc[rows]]
        assert found.labels.tolist() == wanted
    # Every class is drawn alike, however many cells it has.
    drawn = torch.bincount(lesson.synthetic.labels, weights=lesson.synthetic.weights)
    assert drawn.tolist() == pytest.approx([1, 1, 1])


def test_good_cells_teach_and_wrong_labels_show_where_they_are(real, hold_out):
    good = cell_set((30, 30, 30), 2)
    found = taught(real, hold_out, good)
    assert found["overall"]["tstr_balanced_accuracy"] > 0.95
    assert found["overall"]["trtr_balanced_accuracy"] == 1
    swap = {"basophil": "monocyte", "monocyte": "basophil", "platelet": "platelet"}
    table = good.table.assign(label=good.table["label"].map(swap))
    found = taught(real, hold_out, CellSet(good.images, table))
    recall = {c: own["tstr_recall"] for c, own in found["classes"].items()}
    # The epoch is chosen on rightly labelled cells, which keeps one of the two.
    assert recall["basophil"] + recall["monocyte"] < 1.1 and recall["platelet"] > 0.9
    mean = np.mean(list(recall.values()))
    assert found["overall"]["tstr_balanced_accuracy"] == pytest.approx(mean)
    assert {own["trtr_recall"] for own in found["classes"].values()} == {1}


def test_a_class_without_synthetic_cells_is_out_on_both_sides(real, hold_out):
    two = cell_set((0, 30, 30), 2)
    # This one calls every cell a basophil, which is no answer here.
    found = taught(real, hold_out, two, ToneClassifier(bias=1e6))
    assert found["overall"]["trtr_balanced_accuracy"] == 1
    assert found["overall"]["tstr_balanced_accuracy"] > 0.95
    nothing = {"test_cells": 0, "tstr_recall": None, "trtr_recall": None}
    assert found["classes"]["basophil"] == nothing
    tests = (hold_out["part"] == "test") & (hold_out["label"] == "platelet")
    assert found["classes"]["platelet"]["test_cells"] == tests.sum()
    assert found["notes"][-1].endswith("null without synthetic cells: basophil")


def test_cells_that_the_gan_saw_give_no_number_of_real_training(real, hold_out):
    found = taught(real, hold_out, cell_set((30, 30, 30), 2), leaked=True)
    assert found["overall"]["tstr_balanced_accuracy"] > 0.95
    assert found["overall"]["trtr_balanced_accuracy"] is None
    assert {own["trtr_recall"] for own in found["classes"].values()} == {None}
    notes = "\n".join(found["notes"])
    assert "the GAN saw these test" in notes
    assert "trtr_balanced_accuracy, trtr_recall: null" in notes


def test_one_class_alone_teaches_nothing(real, hold_out):
    found = taught(real, hold_out, cell_set((0, 0, 30), 2))
    assert set(found["overall"].values()) == {None}
    assert "takes two classes" in found["notes"][0]


def test_the_same_seed_gives_the_same_scores(real, hold_out):
    dull = cell_set((3, 3, 3), 2)
    assert taught(real, hold_out, dull) == taught(real, hold_out, dull)
