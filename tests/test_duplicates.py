"""Duplicates: the search is exact, copies are found, other cells are left alone."""

import io
import zipfile
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from ingested_study import degrade, paint
from PIL import Image

import dedup
from cytobalance.curation.alignment import compare_pairs
from cytobalance.curation.decode import preview
from cytobalance.curation.duplicates import (
    LONG_CHAIN,
    find_near,
    find_pairs,
    list_chained,
    name_clusters,
)
from cytobalance.curation.hashes import WINDOWS, find_centres, hash_previews
from cytobalance.curation.neighbours import COMMON, find_close_pairs, find_common
from cytobalance.study.params import read_study


def pairs_of(
    frames: list[np.ndarray],
    ids: list[str] | None = None,
    column: str = "kind",
    **changes,
) -> dict:
    """(a, b) -> kind or another column, under the shipped settings with `changes`."""
    ids = ids or [f"{k:016x}" for k in range(len(frames))]
    cells = pd.DataFrame({"source": "lab", "file": ids, "cell_id": ids})
    previews = np.stack([preview(frame) for frame in frames])
    settings = read_study().dedup.model_copy(update=changes)
    pairs, _ = find_pairs(cells, previews, settings)
    return {(a, b): value for a, b, value in pairs[["a", "b", column]].to_numpy()}


@pytest.mark.parametrize("distance", [0, 1, 2, 5, 8, 10])
def test_close_pairs_are_those_of_comparing_all(distance):
    rng = np.random.default_rng(distance)
    # Few random bits in the low band, so that buckets are crowded as in real sets.
    hashes = rng.integers(0, 2**64, 600, dtype=np.uint64) & np.uint64(2**64 - 2**14)
    for turn in range(distance):
        half = slice(0, 300)
        flip = np.uint64(1) << rng.integers(0, 64, 300, dtype=np.uint64)
        hashes[half] = (hashes[300:] if turn == 0 else hashes[half]) ^ flip
    hashes[550:] = hashes[500:550]
    apart = np.bitwise_count(hashes[:, None] ^ hashes[None])
    expected = np.nonzero(np.triu(apart <= distance, 1))
    first, second, found = find_close_pairs(hashes, distance)
    assert len(first) >= 50
    np.testing.assert_array_equal(first, expected[0])
    np.testing.assert_array_equal(second, expected[1])
    np.testing.assert_array_equal(found, apart[expected])


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_to_compare_gives_no_pairs(count):
    first, second, apart = find_close_pairs(np.zeros(count, np.uint64), 10)
    assert len(first) == len(second) == len(apart) == 0


def test_a_shifted_copy_has_a_shifted_centre_and_nearly_the_same_hash():
    frames = [paint(k, shift) for k in range(20) for shift in ((0, 0), (0.03, -0.02))]
    previews = np.stack([preview(frame) for frame in frames])
    for window in WINDOWS:
        moved = np.diff(find_centres(previews, window).reshape(-1, 2, 2), axis=1)[:, 0]
        np.testing.assert_allclose(moved.mean(0), [0.03 * 64, -0.02 * 64], atol=0.4)
    hashes = hash_previews(previews)
    copies = np.bitwise_count(hashes[:, ::2] ^ hashes[:, 1::2]).min(0)
    others = np.bitwise_count(hashes[:, :-2:2] ^ hashes[:, 2::2]).min(0)
    assert copies.max() <= 8 < others.min()


def test_hashes_do_not_see_brightness():
    grey = preview(paint(3))
    dim = np.round(grey * 0.8).astype(np.uint8)
    a, b = hash_previews(np.stack([grey, dim])).T
    assert np.bitwise_count(a ^ b).max() <= 2


def test_alignment_measures_the_shift():
    frames = [paint(5), paint(5, (0.05, -0.025))]
    previews = np.stack([preview(frame) for frame in frames])
    found = compare_pairs(previews, np.array([0]), np.array([1]), 0.1)
    assert found.x[0] == pytest.approx(0.05, abs=0.004)
    assert found.y[0] == pytest.approx(-0.025, abs=0.004)
    assert found.correlation[0] > 0.95


def test_copies_are_found_and_nothing_else():
    frames, expected = [], set()
    rng = np.random.default_rng(0)
    for seed in range(60):
        frames.append(paint(seed))
        if seed % 2:
            shift = tuple(rng.uniform(-0.04, 0.04, 2))
            quality, scale = int(rng.integers(60, 96)), rng.uniform(0.8, 1.25)
            copy = degrade(paint(seed, shift), quality, scale, rng.uniform(0.9, 1.1))
            expected.add((len(frames) - 1, len(frames)))
            frames.append(copy)
    found = pairs_of(frames)
    assert set(found) == expected
    assert set(found.values()) == {"near"}


def test_mirror_images_and_turned_ones_are_other_pictures():
    frame = paint(1)
    assert pairs_of([frame, frame[:, ::-1], np.rot90(frame)]) == {}


def test_turned_and_mirrored_copies_are_found_by_choice():
    frames = [paint(seed) for seed in range(100, 116)]
    for turn in range(8):
        moved = paint(100 + turn, (0.03, -0.02))
        mirrored = moved[:, ::-1] if turn >= 4 else moved
        turned = np.rot90(mirrored, -(turn % 4))
        frames.append(degrade(np.ascontiguousarray(turned), 80, 1.1, 0.95))
    found = pairs_of(frames, column="turn", turned=True)
    assert found == {(turn, 16 + turn): turn for turn in range(8)}
    assert pairs_of(frames) == {(0, 16): "near"}


def test_a_picture_like_its_mirror_image_is_one_pair():
    half = paint(7)[:, :80]
    frame = np.concatenate([half, half[:, ::-1]], axis=1)
    found = pairs_of([frame, frame], column="turn", turned=True)
    assert found == {(0, 1): 0}


def test_two_smooth_dark_discs_are_not_copies():
    y, x = np.mgrid[:160, :160] - 79.5
    discs = []
    for radius, edge in ((34, 3), (35, 3), (36, 4)):
        dark = 1 / (1 + np.exp((np.hypot(x, y) - radius) / edge))
        noise = np.random.default_rng(radius).normal(0, 3, dark.shape)
        grey = np.clip(220 - 120 * dark + noise, 0, 255)
        discs.append(np.repeat(grey[..., None], 3, 2).astype(np.uint8))
    assert pairs_of(discs) == {}


def test_a_field_moved_far_is_a_pair_of_its_own_kind():
    found = pairs_of([paint(8, (0, 0.06)), paint(8, (0, -0.06))])
    assert found == {(0, 1): "field"}


def test_flat_pictures_are_compared_by_their_pixels_alone():
    rng = np.random.default_rng(0)
    flat = [rng.integers(199, 202, (160, 160, 3)).astype(np.uint8) for _ in range(5)]
    assert pairs_of(flat) == {}
    assert pairs_of(flat, ["a", "b", "a", "c", "a"]) == {
        (0, 2): "exact",
        (0, 4): "exact",
    }


def test_a_cluster_is_a_cell_with_its_copies_and_no_field():
    cells = pd.DataFrame({"cell_id": list("fedcba")})
    pairs = pd.DataFrame(
        {"kind": ["near", "exact", "field"], "a": [0, 1, 3], "b": [1, 2, 4]}
    )
    best = np.arange(6)
    found = name_clusters(cells, pairs, best, pd.Series(list("xxxxxx")))
    assert list(found) == ["dd", "dd", "dd", "", "", ""]


def test_a_chain_of_pairs_is_cut_at_what_is_no_copy_of_the_best():
    cells = pd.DataFrame({"cell_id": list("abcdef")})
    # a - b - c - d - e: neighbours are pairs, the ends are not.
    pairs = pd.DataFrame({"kind": "near", "a": range(4), "b": range(1, 5)})
    alike = pd.Series(list("xxxxxx"))
    first = name_clusters(cells, pairs, np.arange(6), alike)
    assert list(first) == ["da", "da", "dc", "dc", "", ""]
    # The best cell, in the middle, has two copies; what is left at the ends stays.
    middle = name_clusters(cells, pairs, np.array([2, 0, 1, 3, 4, 5]), alike)
    assert list(middle) == ["", "db", "db", "db", "", ""]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["x", "x", "y", "y", "y"], ["da", "da", "da", "da", ""]),  # b - c
        (["x", "y", "z", "z", "z"], ["da", "da", "da", "da", ""]),
        (["x", "x", "x", "y", "y"], ["da", "da", "dc", "dc", ""]),  # within dc
        (["x", "x", "x", "x", "y"], ["da", "da", "dc", "dc", "dc"]),
        (["x", "x", None, "y", "y"], ["da", "da", "dc", "dc", ""]),  # c is dropped
    ],
)
def test_a_chain_is_not_cut_at_a_pair_of_two_classes(labels, expected):
    cells = pd.DataFrame({"cell_id": list("abcde")})
    pairs = pd.DataFrame({"kind": "near", "a": range(4), "b": range(1, 5)})
    found = name_clusters(cells, pairs, np.arange(5), pd.Series(labels))
    assert list(found) == expected


def test_pixels_published_under_two_classes_contradict_every_near_copy():
    cells = pd.DataFrame({"cell_id": list("abbc")})
    pairs = pd.DataFrame(
        {"kind": ["near", "exact", "near"], "a": [0, 1, 1], "b": [1, 2, 3]}
    )
    found = name_clusters(cells, pairs, np.arange(4), pd.Series(list("xxyx")))
    assert list(found) == ["da"] * 4


def test_copies_of_one_cell_are_compared_with_each_other_too():
    pairs = pd.DataFrame(
        {
            "kind": ["near", "near", "near", "field", "near"],
            "a": [0, 0, 4, 6, 8],
            "b": [1, 2, 5, 7, 9],
        }
    )
    assert np.array(list_chained(10, pairs)).tolist() == [[1], [2]]
    moves = ((0, 0), (0.025, 0), (-0.025, 0), (0, 0.02))
    found = pairs_of([paint(9, move) for move in moves])
    assert set(found) == set(combinations(range(4), 2))


def test_a_long_chain_is_not_compared_in_full():
    count = LONG_CHAIN + 1
    pairs = pd.DataFrame({"kind": "near", "a": range(count - 1), "b": range(1, count)})
    assert list_chained(count, pairs)[0].size == 0
    assert list_chained(count - 1, pairs[:-1])[0].size == (count - 2) * (count - 3) / 2


def test_a_hash_that_many_share_is_common_and_no_other():
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**64, 6000, dtype=np.uint64)
    assert not find_common(hashes, 8).any()
    hashes[::40] = 7 ^ (np.uint64(1) << rng.integers(0, 64, 150, dtype=np.uint64))
    common = find_common(hashes, 8)
    assert common[::40].all() and common.sum() == 150
    hashes[::40][:75] = rng.integers(0, 2**64, 75, dtype=np.uint64)
    assert not find_common(hashes[::80], 8).any()


def test_cells_of_a_common_hash_are_counted_and_not_paired():
    frames = [degrade(paint(3), quality) for quality in range(30, 90)]
    previews = np.stack([preview(frame) for frame in frames])
    near, common = find_near(np.arange(60), previews, read_study().dedup)
    assert near.empty and common == 60
    (said,) = dedup.warn_of_common(common)
    assert said.startswith("60 cells look like many others")
    assert "dedup.hash_distance" in said and dedup.warn_of_common(0) == []
    assert len(pairs_of(frames[:COMMON])) == COMMON * (COMMON - 1) / 2


def read_pbc(archive: zipfile.ZipFile, names: list[str]) -> list[np.ndarray]:
    images = (Image.open(io.BytesIO(archive.read(name))) for name in names)
    return [np.asarray(image.convert("RGB")) for image in images]


def test_real_cells(real_data):
    archive = zipfile.ZipFile(real_data / "PBC_dataset_normal_DIB.zip")
    names = sorted(
        n for n in archive.namelist() if n.endswith(".jpg") and "/." not in n
    )
    known = [
        next(name for name in names if name.endswith(f"/{stem}.jpg"))
        for stem in (
            "EO_225902", "BNE_191112",  # the same bytes in two classes
            "ERB_287222", "ERB_984537",  # one cell, moved by 4 % of the side
            "BNE_356501", "SNE_316202",  # two touching cells of one field
        )
    ]  # fmt: skip
    frames = read_pbc(archive, known + names[::90])
    first = len(known)
    count = len(frames)
    rng = np.random.default_rng(1)
    for k in range(first, count):
        dx, dy = rng.integers(-14, 15, 2)  # up to 4 % of the side
        moved = np.roll(frames[k], (dy, dx), (0, 1))
        quality, scale = int(rng.integers(60, 96)), rng.uniform(0.8, 1.25)
        frames.append(degrade(moved, quality, scale, rng.uniform(0.9, 1.1)))
    ids = [f"{k:016x}" for k in range(len(frames))]
    ids[1] = ids[0]
    found = pairs_of(frames, ids)
    planted = {(k, k + count - first) for k in range(first, count)}
    same = {pair for pair, kind in found.items() if kind != "field"}
    true = planted | {(0, 1), (2, 3)}
    assert len(same & planted) > 0.99 * len(planted)
    assert len(same & true) > 0.99 * len(same)
    assert found[0, 1] == "exact" and found[2, 3] == "near"
    # A cell's own field may be missed, since the hash follows the darkest mass.
    assert found.get((4, 5), "field") == "field"
