"""Shortcuts: a planted one is found, and where there is none the score is chance."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml
from tiny_study import tiny_values

import probe
from cytobalance.curation.shortcuts import describe_images, find_shortcuts
from cytobalance.study.tables import CELL_COLUMNS

CLASSES = ("monocyte", "basophil", "platelet")
SOURCES = ("lab", "clinic")
COUNT = 600


@pytest.fixture
def table():
    """Both sources have both of the first classes; of platelets one has few."""
    number = np.arange(COUNT)
    label = np.array(CLASSES)[number % 3]
    source = np.where(number // 3 % 2, *SOURCES)
    source[label == "platelet"] = "lab"
    source[[2, 5, 8]] = "clinic"
    group = [f"g{k // 12}" for k in number]
    return pd.DataFrame({"label": label, "source": source, "group": group})


@pytest.fixture
def images():
    """Noise around a colour of each image, the same in every class and source."""
    stream = np.random.default_rng(5)
    colour = stream.normal(150, 10, (COUNT, 1, 1, 3))
    return (colour + stream.normal(0, 10, (COUNT, 16, 16, 3))).clip(0, 255).astype("u1")


def find(images, table):
    return find_shortcuts(images, table, CLASSES, SOURCES, seed=1)


def test_without_a_shortcut_scores_are_near_chance(images, table):
    found = find(images, table)
    for label in ("monocyte", "basophil"):
        score = found["source"][label]
        assert score["chance"] == 0.5 and abs(score["balanced_accuracy"] - 0.5) < 0.15
        assert sum(score["cells"].values()) == 200 and not score["left_out"]
    border = found["border"]
    assert abs(border["balanced_accuracy"] - border["chance"]) < 0.1
    assert border["chance"] == pytest.approx(1 / 3)


def test_a_tinted_source_is_named_in_every_class(images, table):
    images[table["source"] == "lab", :, :, 0] -= 60
    found = find(images, table)
    for label in ("monocyte", "basophil"):
        assert found["source"][label]["balanced_accuracy"] > 0.97
    # Both sources have both of these classes: the tint tells nothing of them.
    pair = table["label"] != "platelet"
    border = find(images[pair], table[pair])["border"]
    assert abs(border["balanced_accuracy"] - 0.5) < 0.15


def test_a_frame_by_class_is_found_from_the_border_and_a_cell_is_not(images, table):
    basophil = table["label"] == "basophil"
    inside = images.copy()
    inside[basophil, 2:14, 2:14] = 20
    frame = images.copy()
    frame[basophil, :2] = 20
    scores = [find(i, table)["border"]["balanced_accuracy"] for i in (inside, frame)]
    assert scores[0] < 0.45 and scores[1] > 0.6


def test_sources_with_few_cells_or_groups_are_left_out_and_counted(images, table):
    found = find(images, table)["source"]["platelet"]
    assert found["balanced_accuracy"] is None and found["chance"] is None
    assert found["left_out"] == {"lab": 197, "clinic": 3}
    lumped = table.assign(
        group=table["group"].where(table["source"] == "lab", "one patient")
    )
    found = find(images, lumped)["source"]["monocyte"]
    assert found["balanced_accuracy"] is None
    assert sum(found["left_out"].values()) == 200


def test_a_patients_look_is_no_look_of_its_source(images, table):
    # Each patient of one source has a tint of its own: whole groups are left out.
    table = table.assign(source=np.where(np.arange(COUNT) // 12 % 2, *SOURCES))
    tint = np.random.default_rng(2).integers(-80, 80, (COUNT // 12, 3))
    images = images.astype(int) + np.repeat(tint, 12, 0)[:, None, None]
    found = find(images.clip(0, 255).astype(np.uint8), table)
    assert found["source"]["monocyte"]["balanced_accuracy"] < 0.8


def test_the_border_is_the_outer_eighth(images):
    rows = np.arange(4)
    border = describe_images(images, rows, border=True)
    images[:, 2:14, 2:14] = 0
    assert np.array_equal(describe_images(images, rows, border=True), border)
    images[:, 0, 0] = 0
    assert (describe_images(images, rows, border=True) != border).any()


def test_stage_writes_what_it_prints(images, table, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    values = tiny_values()
    values["merge"]["classes"] = {label: [label] for label in CLASSES}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    (tmp_path / "data/cells").mkdir(parents=True)
    names = {"lab": "pbc_simulated", "clinic": "lmu_simulated"}
    about = dict.fromkeys(CELL_COLUMNS, "x") | {"width": 16, "height": 16}
    whole = pd.DataFrame(about, table.index).assign(**table)
    whole["source"] = table["source"].map(names)
    whole.to_csv("data/cells/cells.csv", index=False)
    images[table["source"] == "lab", :, :, 0] -= 60
    np.save("data/cells/images.npy", images)
    probe.main()
    told = capsys.readouterr().out
    written = json.loads((tmp_path / "metrics/shortcuts.json").read_text())
    assert written["simulated"] is True
    score = written["source"]["monocyte"]
    assert score["cells"] == {"lmu_simulated": 100, "pbc_simulated": 100}
    line = f"source of monocyte: balanced accuracy {score['balanced_accuracy']:.3f}"
    assert line in told
    assert "source of platelet: not measured" in told
