"""Cells cut out on an empty background: compared by the cell, not by the emptiness."""

import cv2
import numpy as np
import pandas as pd
import pytest
from bench_copies import cut_cells, find_all, lay_out, make_copy, read_frames
from ingested_study import paint

import dedup
from cytobalance.curation.cutout import find_background, frame_cell
from cytobalance.curation.decode import preview, shrink
from cytobalance.study.params import read_study

WHITE, BLACK = 255, 0


def cut_painted(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The cell of a painted frame, about 60 pixels across, and its mask."""
    frame = paint(seed)[40:120, 40:120]
    pink = (frame[..., 1] < 175).astype(np.uint8)
    pink = cv2.morphologyEx(pink, cv2.MORPH_OPEN, np.ones((9, 9), np.uint8))
    rims, _ = cv2.findContours(pink, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    rim = max(rims, key=cv2.contourArea)
    return frame, cv2.drawContours(np.zeros_like(pink), [rim], -1, 1, -1) > 0


def find_near(frames: list[np.ndarray]) -> set[tuple[int, int]]:
    """Pairs of near copies and of one field under the shipped settings."""
    pairs = find_all(np.stack([preview(frame) for frame in frames]), read_study().dedup)
    return set(zip(pairs["a"].tolist(), pairs["b"].tolist(), strict=True))


def plant(
    frames: list[np.ndarray], every: int
) -> tuple[list[np.ndarray], set[tuple[int, int]]]:
    """Frames, then a copy of every so many; the pairs to be found."""
    stream = np.random.default_rng(1)
    rows = range(0, len(frames), every)
    copies = [make_copy(frames[row], stream) for row in rows]
    return frames + copies, set(zip(rows, range(len(frames), 10**6), strict=False))


@pytest.mark.parametrize("value", [WHITE, BLACK])
def test_painted_cells_on_an_empty_canvas_are_no_copies_but_copies_are(value):
    frames = [lay_out(*cut_painted(seed), value, 300) for seed in range(150)]
    frames, planted = plant(frames, every=3)
    found = find_near(frames)
    assert found <= planted
    assert len(planted) == 50 and len(found) > 0.95 * len(planted)


@pytest.fixture(scope="module")
def cells(real_data) -> list[tuple[np.ndarray, np.ndarray]]:
    """1,200 real cells cut out by a threshold, of all eight classes, with masks."""
    frames = read_frames(real_data / "PBC_dataset_normal_DIB.zip", 4)
    different = {frame.tobytes(): frame for frame in frames}  # PBC has exact copies
    cells = cut_cells(list(different.values()), 1200)
    assert len(cells) == 1200
    return cells


@pytest.mark.parametrize(("value", "count"), [(WHITE, 1200), (BLACK, 400)])
def test_of_1200_real_cells_on_an_empty_canvas_none_is_a_copy(cells, value, count):
    """Compared by their frames, 91 on white and 49 on black went as copies.

    A third on black, to save time: the canvas is taken away before the comparison.
    """
    frames = [lay_out(*cell, value, 450) for cell in cells[:count]]
    frames, planted = plant(frames, every=count // 150)
    found = find_near(frames)
    assert found <= planted
    assert len(planted) >= 150 and len(found) > 0.95 * len(planted)


def test_real_cells_that_are_large_on_black_are_told_apart_as_well(cells):
    """As in C-NMC: 450 pixels, the cell 200 to 300 of them."""
    stream = np.random.default_rng(2)
    frames = []
    for cell, mask in cells[:150]:
        factor = stream.uniform(200, 300) / max(mask.shape)
        size = [max(1, round(side * factor)) for side in mask.shape[::-1]]
        large = cv2.resize(mask.astype(np.uint8), size, interpolation=0) > 0
        frames.append(lay_out(cv2.resize(cell, size), large, BLACK, 450))
    frames, planted = plant(frames, every=3)
    found = find_near(frames)
    assert found <= planted and len(found) > 0.95 * len(planted)


def test_photographed_and_cut_out_cells_are_judged_each_by_its_own_kind():
    frames = [paint(seed) for seed in range(20, 40)]
    frames += [lay_out(*cut_painted(seed), 255 * (seed % 2), 300) for seed in range(20)]
    frames, planted = plant(frames, every=2)
    found = find_near(frames)
    assert found <= planted and len(found) > 0.85 * len(planted)


def test_a_photographed_frame_is_shown_whole():
    frame = paint(4)
    assert find_background(frame) is None
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    assert frame_cell(grey, frame) is grey


def test_the_same_cell_looks_the_same_on_any_canvas():
    cell = cut_painted(6)
    frames = [lay_out(*cell, *canvas) for canvas in ((WHITE, 450), (BLACK, 200))]
    for frame, value in zip(frames, (WHITE, BLACK), strict=True):
        assert find_background(frame).tolist() == [value] * 3
    assert find_near(frames) == {(0, 1)}


def test_a_speck_does_not_move_the_cell():
    frame = lay_out(*cut_painted(6), WHITE, 300)
    dusty = frame.copy()
    cv2.circle(dusty, (40, 250), 2, (60, 60, 60), -1)
    assert find_near([frame, dusty]) == {(0, 1)}


@pytest.mark.parametrize("value", [WHITE, BLACK, 200])
def test_an_empty_frame_shows_nothing_and_pairs_by_its_pixels_alone(value):
    frame = np.full((120, 150, 3), value, np.uint8)
    noisy = frame.copy()
    noisy[50:60, 70:80] = abs(value - 9)
    assert set(preview(frame).ravel()) == {value}
    assert preview(noisy).std() == 0
    assert find_near([frame, noisy]) == set()


def test_a_cell_too_small_to_be_recognised_is_not_compared():
    frames = [lay_out(*cut_painted(seed), BLACK, 300) for seed in range(8)]
    small = [shrink(frame, 75) for frame in frames]  # 15 pixels across
    assert all(preview(frame).std() == 0 for frame in small)
    assert find_near([*small, *small]) == set()
    assert all(preview(shrink(frame, 150)).std() > 3 for frame in frames)


def test_a_faint_cell_is_seen():
    cell, mask = cut_painted(3)
    faint = (230 + cell.astype(int) // 12).astype(np.uint8)
    frame = lay_out(faint, mask, 255, 300)
    assert 16 < 255 - frame.min() < 32
    assert preview(frame).std() > 0


@pytest.mark.parametrize(
    ("count", "copies", "said"),
    [
        (1000, 2, ""),
        (1000, 10, ""),
        (1000, 11, "11 of 1000 cells are near copies of others, up to 11 of one"),
    ],
)
def test_copies_too_many_to_be_true_are_said_with_the_way_out(count, copies, said):
    ids = [f"{k:016x}" for k in range(copies + 1)]
    found = pd.DataFrame({"cluster": "d0", "cell_id": ids})
    lines = dedup.warn_of_many(count, found)
    assert len(lines) == bool(said)
    assert all(said in line and "dedup.min_correlation" in line for line in lines)


def test_many_pairs_in_a_small_set_are_said_and_exact_copies_are_not():
    cluster = np.repeat([f"d{k}" for k in range(12)], 2)
    ids = [f"{k:016x}" for k in range(24)]
    found = pd.DataFrame({"cluster": cluster, "cell_id": ids})
    assert dedup.warn_of_many(300, found) == []
    assert dedup.warn_of_many(200, found.assign(cell_id=cluster)) == []
    assert "12 of 200 cells" in dedup.warn_of_many(200, found)[0]
