"""Train on synthetic, test on real: what synthetic cells teach, and what they don't."""

import numpy as np
import pandas as pd
import pytest
import torch
from tiny_classifiers import tiny_cnn

from cytobalance.assess.teaching import prepare_lesson, score_teaching
from cytobalance.study.cells import CellSet

CLASSES = ("basophil", "monocyte", "platelet")
TONES = {"basophil": 60, "monocyte": 130, "platelet": 200}
SIZE = 16
CPU = torch.device("cpu")
SETTINGS = tiny_cnn(dropout=0.0, epochs=4, weight_decay=0.0)


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


def taught(real, hold_out, synthetic, leaked=False):
    lesson = prepare_lesson(real, hold_out, synthetic, CLASSES, CPU)
    return score_teaching(lesson, CLASSES, SETTINGS, 1, leaked)


def test_it_trains_on_synthetic_and_tests_on_real_cells_alone(real, hold_out):
    synthetic = cell_set((10, 20, 40), 2)
    lesson = prepare_lesson(real, hold_out, synthetic, CLASSES, CPU)
    assert np.array_equal(lesson.synthetic.images, synthetic.images)
    parts = {"real": "train", "validation": "validation", "test": "test"}
    for name, part in parts.items():
        rows = np.flatnonzero(hold_out["part"] == part)
        found = getattr(lesson, name)
        assert np.array_equal(found.images, real.images[rows])
        wanted = [CLASSES.index(c) for c in hold_out["label"].iloc[rows]]
        assert found.labels.tolist() == wanted
    # Every class is drawn alike, however many cells it has.
    for cells in (lesson.synthetic, lesson.real):
        drawn = torch.bincount(cells.labels, weights=cells.weights)
        assert drawn.tolist() == pytest.approx([1, 1, 1])


def test_good_cells_teach_and_wrong_labels_do_not(real, hold_out):
    good = cell_set((30, 30, 30), 2)
    right = taught(real, hold_out, good)
    assert right["overall"]["tstr_balanced_accuracy"] > 0.95
    assert right["overall"]["trtr_balanced_accuracy"] > 0.95
    swap = {"basophil": "monocyte", "monocyte": "basophil", "platelet": "platelet"}
    table = good.table.assign(label=good.table["label"].map(swap))
    wrong = taught(real, hold_out, CellSet(good.images, table))
    recall = {c: own["tstr_recall"] for c, own in wrong["classes"].items()}
    # The epoch is chosen on rightly labelled cells, which keeps one of the two.
    assert recall["basophil"] + recall["monocyte"] < 1.1 and recall["platelet"] > 0.9
    mean = np.mean(list(recall.values()))
    assert wrong["overall"]["tstr_balanced_accuracy"] == pytest.approx(mean)
    name = "trtr_balanced_accuracy"  # of real cells, so it stays
    assert wrong["overall"][name] == right["overall"][name]


def test_a_gan_that_gives_the_training_cells_back_has_no_gap(real, hold_out):
    train = (hold_out["part"] == "train").to_numpy()
    table = real.table[train].reset_index(drop=True)
    found = taught(real, hold_out, CellSet(real.images[train], table))
    for own in (found["overall"], *found["classes"].values()):
        values = [value for name, value in own.items() if name != "test_cells"]
        assert values[0] == values[1]


def test_a_class_without_synthetic_cells_is_out_on_both_sides(real, hold_out):
    found = taught(real, hold_out, cell_set((0, 30, 30), 2))
    assert found["overall"]["trtr_balanced_accuracy"] > 0.95
    assert found["overall"]["tstr_balanced_accuracy"] > 0.95
    nothing = {"test_cells": 0, "tstr_recall": None, "trtr_recall": None}
    assert found["classes"]["basophil"] == nothing
    tests = (hold_out["part"] == "test") & (hold_out["label"] == "platelet")
    assert found["classes"]["platelet"]["test_cells"] == tests.sum()
    assert found["notes"][-1].endswith("null without synthetic cells: basophil")


def test_what_the_gan_saw_of_the_test_is_said(real, hold_out):
    synthetic = cell_set((30, 30, 30), 2)
    clean, leaked = (taught(real, hold_out, synthetic, flag) for flag in (False, True))
    assert clean["overall"] == leaked["overall"]
    notes = ["\n".join(found["notes"]) for found in (clean, leaked)]
    assert ["the GAN saw the real test" in text for text in notes] == [False, True]


def test_one_class_alone_teaches_nothing(real, hold_out):
    found = taught(real, hold_out, cell_set((0, 0, 30), 2))
    assert set(found["overall"].values()) == {None}
    assert "takes two classes" in found["notes"][0]


def test_the_same_seed_gives_the_same_scores(real, hold_out):
    dull = cell_set((3, 3, 3), 2)
    assert taught(real, hold_out, dull) == taught(real, hold_out, dull)
