"""Real cells augmented as Keras does it: how many copies join their siblings.

Takes the PBC and MLL archives where CYTOBALANCE_REAL_DATA (or ../shared/data) has them.
The tables of docs/curation.md take the shipped settings; `--originals 60` is quicker.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from bench_copies import ARCHIVES, read_frames

from cytobalance.curation.decode import decode, preview, shrink
from cytobalance.curation.duplicates import connect
from cytobalance.curation.relatives import find_relatives

COPIES = 20
PBC = 9382  # the first so many frames
MILD = {"shift": 0.1, "shear": 0.2, "zoom": 0.1}
STRONG = {"shift": 0.2, "shear": 0.35, "zoom": 0.2}
EDGE, BLACK = cv2.BORDER_REPLICATE, cv2.BORDER_CONSTANT
# Pixels of a file (0: as published), changes, and what fills the corners.
CASES = [(0, MILD, EDGE), (0, MILD, BLACK), (64, MILD, EDGE), (32, MILD, EDGE)]
CASES += [(0, STRONG, EDGE)]


def main() -> None:
    """Print recall and mixed families of each case, and pairs of the set as it is."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--originals", type=int, default=600)
    options = parser.parse_args()
    shelf = Path(os.environ.get("CYTOBALANCE_REAL_DATA", "../shared/data"))
    if not all((shelf / name).exists() for name in ARCHIVES):
        sys.exit(f"no real cells in {shelf}: set CYTOBALANCE_REAL_DATA")
    frames = [frame for name in ARCHIVES for frame in read_frames(shelf / name)]
    stream = np.random.default_rng(1)
    rows = np.sort(stream.choice(PBC, options.originals, replace=False))
    for size, changes, fill in CASES:
        made = []
        for row in rows:
            frame = shrink(frames[row], size) if size else frames[row]
            made += [
                preview(augment(frame, stream, fill, **changes)) for _ in range(COPIES)
            ]
        print(f"{size or 'whole'} px, {changes}, fill {fill}: {measure(made)}")
    start = time.process_time()
    (pairs, _, _), _ = search([preview(frame) for frame in frames])
    seconds = time.process_time() - start
    print(f"{len(frames)} cells as they are: {len(pairs)} pairs, {seconds:.0f} CPU s")


def augment(
    frame: np.ndarray,
    stream: np.random.Generator,
    fill: int,
    shift: float,
    shear: float,
    zoom: float,
) -> np.ndarray:
    """The frame turned, mirrored, sheared, zoomed and moved at random, as JPEG."""
    height, width = frame.shape[:2]
    turn, lean = stream.uniform(-np.pi, np.pi), stream.uniform(-shear, shear)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = matrix @ [[1, -np.sin(lean)], [0, np.cos(lean)]]
    matrix = matrix * stream.uniform(1 - zoom, 1 + zoom, 2)
    matrix = matrix * stream.choice([-1, 1], 2)
    middle = np.array([width, height]) / 2 - 0.5
    move = stream.uniform(-shift, shift, 2) * (width, height)
    map_ = np.column_stack([matrix, middle + move - matrix @ middle])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    turned = cv2.warpAffine(frame, map_, (width, height), None, flags, fill)
    quality = [cv2.IMWRITE_JPEG_QUALITY, 90]
    return decode(cv2.imencode(".jpg", turned[..., ::-1], quality)[1].tobytes())


def search(previews: list[np.ndarray]) -> tuple:
    """`find_relatives` over all of the previews, as of square frames."""
    count = len(previews)
    return find_relatives(np.stack(previews), np.arange(count), np.ones(count))


def measure(previews: list[np.ndarray]) -> str:
    """Recall of siblings, images alone, and families of several originals."""
    (a, b, _), _ = search(previews)
    part = connect(len(previews), a, b)
    origin = np.arange(len(previews)) // COPIES
    together = sum(np.bincount(row).max() for row in part.reshape(-1, COPIES))
    alone = (np.bincount(part) == 1).sum()
    mixed = sum(len(set(origin[part == family])) > 1 for family in set(part))
    share = together / len(previews), alone / len(previews)
    return f"{share[0]:.1%} with siblings, {share[1]:.1%} alone, {mixed} mixed families"


if __name__ == "__main__":
    main()
