"""Copies planted among real cells: how many are found, and what else is called one.

Takes the PBC and MLL archives where CYTOBALANCE_REAL_DATA (or ../shared/data) has them.
A copy is moved by 1 to 4 % of the side in both directions (the edge repeated, mirrored
or wrapped), rescaled to 80 to 125 %, brightness +- 10 %, JPEG quality 60 to 95.
Then the same with 1,200 cells of PBC cut out by a threshold and laid on an empty canvas
of 450 px, white and black, and with such frames shrunk, so that the cells are small.
`--sheet pairs.png` draws the random pairs, to look at.
"""

import argparse
import os
import sys
import time
import zipfile
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from cytobalance.curation.alignment import compare_pairs
from cytobalance.curation.decode import decode, preview, shrink
from cytobalance.curation.duplicates import find_pairs
from cytobalance.study.params import read_study
from cytobalance.study.settings import Dedup

ARCHIVES = ("PBC_dataset_normal_DIB.zip", "BM_cytomorphology_data.zip")
EDGES = (cv2.BORDER_REPLICATE, cv2.BORDER_REFLECT, cv2.BORDER_WRAP)
COPIES = 1200
RANDOM_PAIRS = 2000
DISTANCES = (6, 8, 10)
CANVAS = 450  # pixels a side, as in C-NMC
SHRUNK = (1, 2, 3, 4)  # how many times smaller the frames of cut-out cells are
SPANS = (0, 20, 25, 35, 50, 80, CANVAS)  # pixels across a cell


def main() -> None:
    """Print recall and precision by hash distance, and what random pairs look like."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sheet", type=Path, help="draw the random pairs as a PNG")
    options = parser.parse_args()
    shelf = Path(os.environ.get("CYTOBALANCE_REAL_DATA", "../shared/data"))
    if not all((shelf / name).exists() for name in ARCHIVES):
        sys.exit(f"no real cells in {shelf}: set CYTOBALANCE_REAL_DATA")
    frames = [frame for name in ARCHIVES for frame in read_frames(shelf / name)]
    stream = np.random.default_rng(0)
    originals = np.sort(stream.choice(len(frames), COPIES, replace=False))
    copies = [make_copy(frames[row], stream) for row in originals]
    previews = np.stack([preview(frame) for frame in frames + copies])
    planted = set(zip(originals, range(len(frames), len(previews)), strict=True))
    print(f"{len(frames)} real cells, {COPIES} planted copies")
    for distance in DISTANCES:
        measure(previews, planted, len(frames), distance)
    try_random_pairs(previews[: len(frames)], stream, options.sheet)
    cells = cut_cells(read_frames(shelf / ARCHIVES[0]), COPIES)
    for value in (255, 0):
        for times in SHRUNK:
            measure_cut_out(cells, value, times)


def cut_cells(
    frames: list[np.ndarray], count: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """`count` cells of `frames`, drawn at random, each with its mask.

    A cell is the largest dark area near the middle that touches no edge, by Otsu's
    threshold of green: pixels uint8 [H, W, 3], mask bool [H, W].
    """
    cells = []
    for row in np.random.default_rng(0).permutation(len(frames)):
        frame = frames[row]
        green = cv2.GaussianBlur(frame[..., 1], (0, 0), 2)
        how = cv2.THRESH_BINARY_INV + cv2.THRESH_OTSU
        _, dark = cv2.threshold(green, 0, 1, how)
        _, areas, boxes, centres = cv2.connectedComponentsWithStats(dark)
        high, wide = green.shape
        left, top, width, height, size = boxes.T
        inside = (left > 0) & (top > 0) & (left + width < wide) & (top + height < high)
        middle = np.hypot(*(centres - (wide / 2, high / 2)).T) < 60
        size = np.where(inside & middle, size, 0)
        size[0] = 0  # the ground
        if size.max() > 300:
            box = boxes[size.argmax()]
            here = np.s_[box[1] : box[1] + box[3], box[0] : box[0] + box[2]]
            mask = (areas[here] == size.argmax()).astype(np.uint8)
            rims, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            cells.append((frame[here], cv2.drawContours(mask, rims, -1, 1, -1) > 0))
        if len(cells) == count:
            break
    return cells


def lay_out(cell: np.ndarray, mask: np.ndarray, value: int, side: int) -> np.ndarray:
    """A canvas uint8 [side, side, 3] of `value` with the cell in its middle."""
    canvas = np.full((side, side, 3), value, np.uint8)
    top, left = (side - mask.shape[0]) // 2, (side - mask.shape[1]) // 2
    canvas[top : top + mask.shape[0], left : left + mask.shape[1]][mask] = cell[mask]
    return canvas


def measure_cut_out(cells: list, value: int, times: int) -> None:
    """Print pairs among cells on a canvas, and recall of copies by the cells' size."""
    stream = np.random.default_rng(1)
    frames = [shrink(lay_out(*cell, value, CANVAS), CANVAS // times) for cell in cells]
    copies = [make_copy(frame, stream) for frame in frames]
    previews = np.stack([preview(frame) for frame in frames + copies])
    pairs = find_all(previews, read_study().dedup)
    pairs = pairs[pairs["kind"] == "near"]
    planted = pairs["b"] == pairs["a"] + len(frames)
    found = np.isin(np.arange(len(frames)), pairs["a"][planted])
    across = np.array([2 * np.sqrt(mask.sum() / np.pi) / times for _, mask in cells])
    row = f"canvas {value:3}, {CANVAS // times} px: {found.mean():.2%} of the copies"
    for low, high in pairwise(SPANS):
        part = (across >= low) & (across < high)
        if part.any():
            row += f"; {low}-{high} px {found[part].mean():.0%} of {part.sum()}"
    among = (pairs["b"] < len(frames)).sum()
    others = (~planted).sum() - among
    print(f"{row}; {among} pairs among the cells, {others} others", flush=True)


def find_all(previews: np.ndarray, dedup: Dedup) -> pd.DataFrame:
    """All pairs among `previews`, as `find_pairs` gives them."""
    ids = [f"{row:016x}" for row in range(len(previews))]
    cells = pd.DataFrame({"source": "real", "file": ids, "cell_id": ids})
    return find_pairs(cells, previews, dedup)[0]


def read_frames(archive: Path, step: int = 1) -> list[np.ndarray]:
    """Images uint8 [H, W, 3] of every `step`-th JPEG file of a zip, sorted by name."""
    with zipfile.ZipFile(archive) as opened:
        names = sorted(n for n in opened.namelist() if n.endswith(".jpg"))
        names = [name for name in names if "/." not in name]
        return [decode(opened.read(name)) for name in names[::step]]


def make_copy(frame: np.ndarray, stream: np.random.Generator) -> np.ndarray:
    """The frame moved, rescaled, brightened and written as JPEG."""
    height, width = frame.shape[:2]
    reach = round(0.05 * height)
    edge = EDGES[stream.integers(3)]
    wide = cv2.copyMakeBorder(frame, reach, reach, reach, reach, edge)
    x, y = stream.uniform(0.01, 0.04, 2) * stream.choice([-1, 1], 2) * height
    top, left = reach - round(y), reach - round(x)
    moved = wide[top : top + height, left : left + width]
    factor = stream.uniform(0.8, 1.25)
    size = round(width * factor), round(height * factor)
    moved = cv2.resize(moved, size, interpolation=cv2.INTER_AREA)
    moved = np.clip(moved * stream.uniform(0.9, 1.1), 0, 255).astype(np.uint8)
    quality = int(stream.integers(60, 96))
    return decode(
        cv2.imencode(".jpg", moved, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
    )


def measure(previews: np.ndarray, planted: set, real: int, distance: int) -> None:
    """Print one row: recall of planted copies, and the other pairs that were found.

    Pairs between a copy and a true copy of its original count as planted too.
    """
    settings = read_study().dedup.model_copy(update={"hash_distance": distance})
    start = time.perf_counter()
    pairs = find_all(previews, settings)
    seconds = time.perf_counter() - start
    near = pairs[pairs["kind"] != "field"]
    found = set(zip(near["a"], near["b"], strict=True))
    among = {pair for pair in found if pair[1] < real}
    original = dict(map(reversed, planted))
    folded = {frozenset(original.get(row, row) for row in pair) for pair in found}
    others = {pair for pair in folded if len(pair) == 2} - set(map(frozenset, among))
    recall = len(found & planted) / len(planted)
    print(
        f"distance {distance:2}: {recall:.2%} of the copies; {len(among)} pairs among "
        f"the real cells, {len(others)} of a copy and another cell; {seconds:.0f} s"
    )


def try_random_pairs(
    previews: np.ndarray, stream: np.random.Generator, sheet: Path | None
) -> None:
    """Compare random pairs of different real cells; print how near they come."""
    dedup = read_study().dedup
    first, second = stream.integers(0, len(previews), (2, RANDOM_PAIRS))
    second = np.where(first == second, (second + 1) % len(previews), second)
    found = compare_pairs(previews, first, second, dedup.field_shift)
    same = (found.correlation >= dedup.min_correlation) & (
        found.difference <= dedup.max_difference
    )
    print(
        f"{RANDOM_PAIRS} random real pairs: {same.sum()} called copies; best "
        f"correlation {found.correlation.max():.2f}, least difference "
        f"{found.difference.min():.1f}"
    )
    if sheet:
        order = np.argsort(-found.correlation)
        tiles = np.concatenate([previews[first[order]], previews[second[order]]], 2)
        rows = [np.concatenate(list(row), 1) for row in tiles.reshape(100, 20, 64, 128)]
        cv2.imwrite(str(sheet), np.concatenate(rows))


if __name__ == "__main__":
    main()
