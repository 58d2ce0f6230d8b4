"""Find exact and near duplicates across all sources, and the clusters they form."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from cytobalance.curation.alignment import compare_pairs
from cytobalance.curation.hashes import TURNS, WINDOWS, hash_previews, turn_images
from cytobalance.curation.neighbours import find_close_pairs
from cytobalance.groups import Dedup
from cytobalance.runtime import count_cores, show_progress

# Below this spread of grey levels a picture shows nothing to recognise.
LEAST_CONTRAST = 3.0
CHUNK = 512  # previews that a thread hashes at a time
PAIR_COLUMNS = (
    "kind",
    "source_a",
    "file_a",
    "source_b",
    "file_b",
    "turn",
    "hash_distance",
    "shift_x",
    "shift_y",
    "difference",
    "correlation",
)


class Previews:
    """The sources' previews as one read-only array, left on disk until asked for."""

    def __init__(self, folders: list[Path]):
        self.parts = [
            np.load(folder / "previews.npy", mmap_mode="r") for folder in folders
        ]
        self.starts = np.cumsum([0, *(len(part) for part in self.parts)])

    def __len__(self) -> int:
        return int(self.starts[-1])

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """Previews uint8 [K, 64, 64] of `rows` (int [K])."""
        part = np.searchsorted(self.starts, rows, side="right") - 1
        images = np.empty((len(rows), *self.parts[0].shape[1:]), np.uint8)
        for k in np.unique(part):
            mine = part == k
            images[mine] = self.parts[k][rows[mine] - self.starts[k]]
        return images


def find_pairs(cells: pd.DataFrame, previews: Previews, dedup: Dedup) -> pd.DataFrame:
    """All pairs of duplicates: rows `a` and `b` of `cells`, and PAIR_COLUMNS.

    cells: source, file, cell_id; previews: uint8 [N, 64, 64], same order.
    `exact`: the same pixels. `near`: the same cell in the same place, re-encoded,
    rescaled, a little shifted, brighter or darker; turned or mirrored too where the
    study says so (`turn` as in `turn_images`). `field`: the same field of view,
    moved further, so that another cell may be in the middle.
    """
    rows = np.arange(len(cells))
    same = pd.Series(rows).groupby(cells["cell_id"].to_numpy())
    first_of = same.transform("min").to_numpy()
    copies = np.flatnonzero(first_of != rows)
    exact = pd.DataFrame(
        {
            "kind": "exact",
            "a": first_of[copies],
            "b": copies,
            "turn": 0,
            "hash_distance": 0,
            "shift_x": 0.0,
            "shift_y": 0.0,
            "difference": 0.0,
            "correlation": 1.0,
        }
    )
    unique = np.flatnonzero(first_of == rows)
    parts = [exact, find_near(unique, previews, dedup)] if dedup.near else [exact]
    pairs = pd.concat(parts, ignore_index=True).astype({"a": int, "b": int})
    for side in ("a", "b"):
        for column in ("source", "file"):
            pairs[f"{column}_{side}"] = cells[column].to_numpy()[pairs[side]]
    return pairs[["a", "b", *PAIR_COLUMNS]]


def find_near(rows: np.ndarray, previews: Previews, dedup: Dedup) -> pd.DataFrame:
    """Near and field pairs among `rows` of the previews, as in `find_pairs`."""
    turns = range(TURNS if dedup.turned else 1)
    hashes, shows = hash_rows(rows, previews, turns)
    rows, hashes = rows[shows], hashes[:, :, shows]
    found = [_find_turned(turn, rows, hashes, previews, dedup) for turn in turns]
    # A picture like its own mirror image is found in several turns: the first counts.
    table = pd.concat(found, ignore_index=True).drop_duplicates(["a", "b"])
    # Rounded, so that another CPU's last bits do not show.
    return table.sort_values(["a", "b"], ignore_index=True).round(3)


def hash_rows(
    rows: np.ndarray, previews: Previews, turns: range
) -> tuple[np.ndarray, np.ndarray]:
    """Hashes uint64 [turns, 2, N] of `rows`, on all cores, and which show anything."""
    hashes = np.zeros((len(turns), len(WINDOWS), len(rows)), np.uint64)
    shows = np.zeros(len(rows), bool)

    def hash_chunk(start: int) -> None:
        here = slice(start, start + CHUNK)
        part = previews[rows[here]]
        for turn in turns:
            hashes[turn, :, here] = hash_previews(turn_images(part, turn))
        shows[here] = part.std(axis=(1, 2)) >= LEAST_CONTRAST

    starts = range(0, len(rows), CHUNK)
    # Threads: NumPy and SciPy let others run while they compute, and nothing is copied.
    with ThreadPoolExecutor(count_cores()) as pool:
        done = pool.map(hash_chunk, starts)
        for _ in show_progress(done, len(starts), "hashing previews", "chunk"):
            pass
    return hashes, shows


def _find_turned(
    turn: int, rows: np.ndarray, hashes: np.ndarray, previews: Previews, dedup: Dedup
) -> pd.DataFrame:
    """Pairs whose second picture is turned; hashes: uint64 [turns, 2, N] of `rows`."""
    first, second = _find_candidates(turn, hashes, dedup.hash_distance)
    differ = np.bitwise_count(hashes[0][:, first] ^ hashes[turn][:, second]).min(0)
    a, b = rows[first], rows[second]
    reach = max(dedup.max_shift, dedup.field_shift)
    found = compare_pairs(previews, a, b, reach, turn)
    shift = np.maximum(np.abs(found.x), np.abs(found.y))
    same = (
        (found.difference <= dedup.max_difference)
        & (found.correlation >= dedup.min_correlation)
        & (shift <= reach)
    )
    return pd.DataFrame(
        {
            "kind": np.where(shift <= dedup.max_shift, "near", "field"),
            "a": a,
            "b": b,
            "turn": turn,
            "hash_distance": differ.astype(int),
            "shift_x": found.x,
            "shift_y": found.y,
            "difference": found.difference,
            "correlation": found.correlation,
        }
    )[same]


def _find_candidates(
    turn: int, hashes: np.ndarray, distance: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rows first < second that are close in one of the hashes, the second turned."""
    count = hashes.shape[2]
    found = [np.zeros(0, np.int64)]
    for upright, turned in zip(hashes[0], hashes[turn], strict=True):
        if turn == 0:
            first, second, _ = find_close_pairs(upright, distance)
        else:
            both = np.concatenate([upright, turned])
            first, second, _ = find_close_pairs(both, distance)
            second = second - count  # negative: both upright
        keep = first < second
        found.append(first[keep] * count + second[keep])
    return np.divmod(np.unique(np.concatenate(found)), max(count, 1))


def connect(count: int, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Component number, int [count], of nodes 0..count-1 under the links a - b."""
    links = coo_array((np.ones(len(a), bool), (a, b)), shape=(count, count))
    return connected_components(links, directed=False)[1]


def name_clusters(cells: pd.DataFrame, pairs: pd.DataFrame) -> np.ndarray:
    """Cluster of each cell: `d` + smallest cell_id of the cluster, or "" for none.

    Clusters join exact and near pairs; `field` pairs show different cells.
    """
    same = pairs[pairs["kind"] != "field"]
    part = connect(len(cells), same["a"].to_numpy(), same["b"].to_numpy())
    size = np.bincount(part, minlength=len(cells))[part]
    smallest = cells["cell_id"].groupby(part).transform("min")
    return np.where(size > 1, "d" + smallest, "")
