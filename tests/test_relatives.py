"""Related images: a set published augmented ends in a group an original."""

import zipfile

import cv2
import numpy as np
import pandas as pd
import pytest
from ingested_study import paint, write_params, write_source

import dedup
import merge
import relabel
from cytobalance.curation.decode import decode, preview
from cytobalance.curation.duplicates import connect
from cytobalance.curation.families import (
    FAMILY_COLUMNS,
    count_families,
    describe_families,
)
from cytobalance.curation.relatives import find_relatives
from cytobalance.study.metrics import read_metrics
from cytobalance.study.tables import read_table

FILLS = (cv2.BORDER_REPLICATE, cv2.BORDER_REFLECT, cv2.BORDER_CONSTANT)
COPIES = 8


def augment(frame: np.ndarray, stream: np.random.Generator) -> np.ndarray:
    """The frame turned, sheared, zoomed, shifted, mirrored, as Keras does it."""
    height, width = frame.shape[:2]
    turn, shear = stream.uniform(-np.pi, np.pi), stream.uniform(-0.2, 0.2)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = matrix @ [[1, -np.sin(shear)], [0, np.cos(shear)]]
    matrix = matrix * stream.uniform(0.9, 1.1, 2) * [1, stream.choice([-1, 1])]
    middle = np.array([width, height]) / 2 - 0.5
    move = stream.uniform(-0.1, 0.1, 2) * (width, height)
    map_ = np.column_stack([matrix, middle + move - matrix @ middle])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    fill = FILLS[stream.integers(len(FILLS))]
    turned = cv2.warpAffine(frame, map_, (width, height), None, flags, fill)
    return decode(cv2.imencode(".jpg", turned[..., ::-1])[1].tobytes())


def measure(
    frames: list[np.ndarray], size: int | None = None
) -> tuple[float, int, np.ndarray]:
    """Recall of siblings, families of several originals, and the rows left out.

    Each frame is shrunk to `size` before it is augmented COPIES times.
    """
    stream = np.random.default_rng(0)
    if size:
        area = cv2.INTER_AREA
        frames = [cv2.resize(f, (size, size), interpolation=area) for f in frames]
    made = [augment(frame, stream) for frame in frames for _ in range(COPIES)]
    previews = np.stack([preview(frame) for frame in made])
    aspects = np.array([frame.shape[1] / frame.shape[0] for frame in made])
    (a, b, _), empty = find_relatives(previews, np.arange(len(made)), aspects)
    part = connect(len(made), a, b)
    by_original = part.reshape(-1, COPIES)
    together = sum(np.bincount(row).max() for row in by_original)
    origin = np.repeat(np.arange(len(frames)), COPIES)
    mixed = sum(len(set(origin[part == family])) > 1 for family in set(part))
    return together / len(made), mixed, empty


@pytest.mark.parametrize("size", [None, 32])
def test_augmented_copies_are_with_their_siblings_and_with_no_other(size):
    recall, mixed, empty = measure([paint(seed) for seed in range(40)], size)
    assert recall > 0.95 and mixed == 0 and len(empty) == 0


def test_copies_of_an_oblong_frame_are_related():
    # 4 : 3, as of dataset2-master: its preview is squashed before or after the turn.
    frames = [paint(seed)[20:140] for seed in range(20)]
    recall, mixed, _ = measure(frames)
    assert recall > 0.9 and mixed == 0


def test_different_cells_are_no_relatives():
    previews = np.stack([preview(paint(seed)) for seed in range(300)])
    (a, _, _), empty = find_relatives(previews, np.arange(300), np.ones(300))
    assert len(a) == 0 and len(empty) == 0


@pytest.mark.parametrize("ground", [0, 120, 255])
def test_pictures_that_show_too_little_are_counted_and_not_compared(ground):
    frames = np.full((6, 64, 64), ground, np.uint8)
    frames[:, 28:36, 28:36] = 120
    (a, _, _), empty = find_relatives(frames, np.arange(6), np.ones(6))
    assert len(a) == 0 and list(empty) == list(range(6))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_sets_of_hardly_any_image_have_no_families(count):
    previews = np.stack([preview(paint(seed)) for seed in range(2)])
    (a, _, _), _ = find_relatives(previews, np.arange(count), np.ones(count))
    assert len(a) == 0


def run_study(folder, monkeypatch, related: bool) -> dict:
    """Two augmented originals and single cells through dedup and merge: the counts."""
    stream = np.random.default_rng(3)
    rows = [(f"{n}.png", paint(n), "monocyte", "") for n in range(10, 16)]
    for n in (1, 2):
        types = ["monocyte"] * 5 + ["eosinophil" if n == 2 else "monocyte"]
        rows += [
            (f"_{n}_{copy}.png", augment(paint(n), stream), kind, "")
            for copy, kind in enumerate(types)
        ]
    write_source(folder, "first", rows)
    write_source(folder, "second", [("x.png", paint(99), "eosinophil", "")])
    classes = {"monocyte": ["monocyte"], "eosinophil": ["eosinophil"]}
    write_params(folder, classes, dedup={"related": related})
    monkeypatch.chdir(folder)
    for stage in (relabel, dedup, merge):
        stage.main()
    return read_metrics(folder / "metrics/dataset.json")


def test_a_family_is_one_group_that_loses_no_image(tmp_path, monkeypatch, capsys):
    census = run_study(tmp_path, monkeypatch, related=True)
    cells = read_table(tmp_path / "data/cells/cells.csv").set_index("file")
    assert len(cells) == 19 and cells["group"].nunique() == 9
    for n in (1, 2):
        family = [f"_{n}_{copy}.png" for copy in range(6)]
        assert cells.loc[family, "group"].nunique() == 1
    note = census["related"].pop("note")
    assert census["related"] == {
        "sought": True,
        "images": 12,
        "families": 2,
        "largest": 6,
        "across_classes": 1,
        "not_compared": 0,
    }
    assert "12 related images" in note and "layout `table`" in note
    assert capsys.readouterr().out.count("12 related images") == 2  # dedup and merge


def test_a_study_that_does_not_seek_relatives_says_so(tmp_path, monkeypatch):
    census = run_study(tmp_path, monkeypatch, related=False)
    assert census["groups"] == 19
    assert not census["related"]["sought"]
    assert "were not sought" in census["related"]["note"]


def test_counts_without_families_are_zero():
    families = pd.DataFrame(columns=list(FAMILY_COLUMNS))
    counts = count_families(families, {"monocyte": ("monocyte",)})
    assert set(counts.values()) == {0}
    assert describe_families(counts).startswith("no related images")


def test_real_cells_augmented_are_found_and_others_are_not(real_data):
    with zipfile.ZipFile(real_data / "PBC_dataset_normal_DIB.zip") as archive:
        names = sorted(n for n in archive.namelist() if n.endswith(".jpg"))
        names = [n for n in names if "/." not in n][::200]
        frames = [decode(archive.read(name)) for name in names]
    recall, mixed, empty = measure(frames)
    assert len(frames) > 40 and recall > 0.95 and mixed == 0 and len(empty) == 0
