"""Find exact and near duplicates across all sources, and the clusters they form."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from cytobalance.curation.alignment import compare_pairs
from cytobalance.curation.decode import PREVIEW_SIDE
from cytobalance.curation.hashes import TURNS, WINDOWS, hash_previews, turn_images
from cytobalance.curation.neighbours import find_close_pairs, find_common
from cytobalance.study import places
from cytobalance.study.cells import read_array
from cytobalance.study.progress import show_progress
from cytobalance.study.runtime import count_cores
from cytobalance.study.settings import Dedup
from cytobalance.study.tables import columns_of

# Below this spread of grey levels a picture shows nothing to recognise.
LEAST_CONTRAST = 3.0
# Cells in a chain of pairs up to which each is compared with every other.
LONG_CHAIN = 50
CHUNK = 512  # previews that a thread hashes at a time
PAIR_COLUMNS = columns_of(places.DUPLICATES / "pairs.csv")


class Previews:
    """The sources' previews as one read-only array, left on disk until asked for."""

    def __init__(self, folders: list[Path]):
        self.parts = [
            read_array(folder / "previews.npy", (None, PREVIEW_SIDE, PREVIEW_SIDE))
            for folder in folders
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


def find_pairs(
    cells: pd.DataFrame, previews: Previews, dedup: Dedup
) -> tuple[pd.DataFrame, int]:
    """All pairs of duplicates: rows `a` and `b` of `cells`, and PAIR_COLUMNS.

    Returned with the number of cells whose near copies can't be sought, since their
    hash is common.
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
    parts, common = [exact], 0
    if dedup.near:
        near, common = find_near(unique, previews, dedup)
        parts.append(near)
    pairs = pd.concat(parts, ignore_index=True).astype({"a": int, "b": int})
    for side in ("a", "b"):
        for column in ("source", "file"):
            pairs[f"{column}_{side}"] = cells[column].to_numpy()[pairs[side]]
    return pairs[["a", "b", *PAIR_COLUMNS]], common


def find_near(
    rows: np.ndarray, previews: Previews, dedup: Dedup
) -> tuple[pd.DataFrame, int]:
    """Near and field pairs among `rows` of the previews, as in `find_pairs`."""
    turns = range(TURNS if dedup.turned else 1)
    hashes, shows = hash_rows(rows, previews, turns)
    rows, hashes = rows[shows], hashes[:, :, shows]
    common = [find_common(row, dedup.hash_distance) for row in hashes[0]]
    search = _Search(rows, hashes, previews, dedup)
    found = [search.find_turned(turn) for turn in turns]
    chained = list_chained(len(rows), pd.concat(found))
    found += [search.compare(turn, *chained) for turn in turns]
    # A symmetric picture is found in several turns: the first counts.
    table = pd.concat(found, ignore_index=True).drop_duplicates(["a", "b"])
    table[["a", "b"]] = rows[table[["a", "b"]].to_numpy()]
    # Rounded, so that another CPU's last bits do not show.
    table = table.sort_values(["a", "b"], ignore_index=True).round(3)
    return table, int(np.logical_and.reduce(common).sum())


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
        for _ in show_progress(
            done, len(starts), desc="hashing", unit=f"parts of {CHUNK} previews"
        ):
            pass
    return hashes, shows


@dataclass(frozen=True)
class _Search:
    """What is compared: `rows` of the previews, their hashes uint64 [turns, 2, N]."""

    rows: np.ndarray
    hashes: np.ndarray
    previews: Previews
    dedup: Dedup

    def find_turned(self, turn: int) -> pd.DataFrame:
        """Near and field pairs whose second picture is turned; a, b: places in rows."""
        distance = self.dedup.hash_distance
        return self.compare(turn, *_find_candidates(turn, self.hashes, distance))

    def compare(self, turn: int, a: np.ndarray, b: np.ndarray) -> pd.DataFrame:
        """Those of the pairs (a, b) that are near or field, the second turned."""
        dedup = self.dedup
        differ = self.hashes[0][:, a] ^ self.hashes[turn][:, b]
        reach = max(dedup.max_shift, dedup.field_shift)
        rows = self.rows
        found = compare_pairs(self.previews, rows[a], rows[b], reach, turn)
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
                "hash_distance": np.bitwise_count(differ).min(0).astype(int),
                "shift_x": found.x,
                "shift_y": found.y,
                "difference": found.difference,
                "correlation": found.correlation,
            }
        )[same]


def list_chained(count: int, pairs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Pairs a < b (int64 [P]) that near pairs link by others alone; count: of cells.

    Two copies of one cell may differ by more bits than either does from the cell; so
    may the ends of a chain that are no copies. A comparison tells. Chains over
    LONG_CHAIN are left as they are: to compare all their pairs takes too long.
    """
    near = pairs[pairs["kind"] == "near"]
    part = connect(count, near["a"].to_numpy(), near["b"].to_numpy())
    size = np.bincount(part, minlength=1)
    several = np.flatnonzero((size[part] > 2) & (size[part] <= LONG_CHAIN))
    members = pd.Series(several).groupby(part[several])
    all_pairs = [np.array(list(combinations(rows, 2))) for _, rows in members]
    a, b = np.concatenate([np.zeros((0, 2), int), *all_pairs]).T
    known = np.isin(a * count + b, pairs["a"] * count + pairs["b"])
    return a[~known], b[~known]


def _find_candidates(
    turn: int, hashes: np.ndarray, distance: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rows first < second that are close in one of the hashes, the second turned."""
    count = hashes.shape[2]
    found = [np.zeros(0, np.int64)]
    for upright, turned in zip(hashes[0], hashes[turn], strict=True):
        both = upright if turn == 0 else np.concatenate([upright, turned])
        rare = np.flatnonzero(~find_common(both, distance))
        first, second, _ = find_close_pairs(both[rare], distance)
        first, second = rare[first], rare[second]
        if turn:
            second = second - count  # negative: both upright
        keep = first < second
        found.append(first[keep] * count + second[keep])
    return np.divmod(np.unique(np.concatenate(found)), max(count, 1))


def connect(count: int, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Component number, int [count], of nodes 0..count-1 under the links a - b."""
    links = coo_array((np.ones(len(a), bool), (a, b)), shape=(count, count))
    return connected_components(links, directed=False)[1]


def name_clusters(
    cells: pd.DataFrame, pairs: pd.DataFrame, best: np.ndarray, labels: pd.Series
) -> np.ndarray:
    """Cluster of each cell: `d` + smallest cell_id of the cluster, or "" for none.

    best: every row of `cells`, best first. labels: the class of each cell, missing
    for one that does not count. A cluster is a cell and its exact and near copies,
    those that are not in the cluster of a better one. Copies of a copy are not enough:
    a chain of pairs may lead to another cell. Where a pair contradicts itself, its two
    clusters are one, so that the experts see it. `field` pairs show different cells.
    """
    rank = np.empty(len(cells), int)
    rank[best] = np.arange(len(cells))
    exact, near = (pairs[pairs["kind"] == kind] for kind in ("exact", "near"))
    same = connect(len(cells), exact["a"].to_numpy(), exact["b"].to_numpy())
    rank = pd.Series(rank).groupby(same).min().to_numpy()  # of equal pixels, the best
    a, b = same[near["a"]], same[near["b"]]
    head = _pick_heads(rank, a, b)
    codes = pd.Series(pd.factorize(labels)[0]).where(labels.notna().to_numpy())
    low = codes.groupby(same).min().to_numpy()
    high = codes.groupby(same).max().to_numpy()
    differ = (low[a] < high[b]) | (low[b] < high[a])
    part = connect(len(rank), head[a[differ]], head[b[differ]])[head][same]
    size = np.bincount(part, minlength=len(cells))[part]
    smallest = cells["cell_id"].groupby(part).transform("min")
    return np.where(size > 1, "d" + smallest, "")


def _pick_heads(rank: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The best cell of each cell's cluster, int [N]; pairs a - b link the cells."""
    links = coo_array((np.ones(len(a), bool), (a, b)), shape=(len(rank), len(rank)))
    links = (links + links.T).tocsr()
    head = np.arange(len(rank))
    taken = np.zeros(len(rank), bool)
    linked = np.unique(np.concatenate([a, b]))
    for node in linked[np.argsort(rank[linked])]:
        if not taken[node]:
            others = links.indices[links.indptr[node] : links.indptr[node + 1]]
            others = others[~taken[others]]
            head[others] = node
            taken[others] = taken[node] = True
    return head
