"""Families: pictures of one cell, augmented before they were published."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd

from cytobalance.curation.duplicates import PAIR_COLUMNS, Previews, connect
from cytobalance.curation.families import EMPTY, FAMILY_COLUMNS
from cytobalance.curation.registration import (
    CHUNK,
    LEAST_WEIGHT,
    Descriptions,
    describe,
    level,
    register,
    turn_to_fit,
)
from cytobalance.study.progress import show_progress
from cytobalance.study.runtime import count_cores

# Nearest neighbours of each picture that are looked at, and those that are registered.
# Each has to meet one of its siblings only.
NEIGHBOURS, ROUNDS = 12, 5
# Least correlation of the rings, once turned, that makes registration worth its time.
LEAST_FIT = 0.88
# Least correlation of the detail of one cell in two pictures (docs/curation.md).
LEAST_DETAIL = 0.93
# Members of a family that a doubtful member is compared with before it is put out.
WITNESSES = 5

Pairs = tuple[np.ndarray, np.ndarray, np.ndarray]


def relate(
    cells: pd.DataFrame, previews: Previews, pairs: pd.DataFrame, clusters: np.ndarray
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Pairs of kind `related` (rows `a` and `b`, PAIR_COLUMNS) and the families.

    cells: RELABELLED_COLUMNS; previews: uint8 [N, 64, 64], same order; pairs: of
    `find_pairs`; clusters: of `name_clusters`. Of a cluster of copies one is looked at,
    and a pair that shows one field is none of these. families: FAMILY_COLUMNS, a row
    an image of a family or of EMPTY, by family, then in the order of `cells`.
    """
    names = np.where(clusters == "", cells["cell_id"], clusters)
    rows = np.flatnonzero(~pd.Series(names).duplicated())
    aspects = (cells["width"] / cells["height"]).to_numpy()[rows]
    (first, second, score), empty = find_relatives(previews, rows, aspects)
    copies_found = pd.MultiIndex.from_frame(pairs[["a", "b"]])
    new = ~pd.MultiIndex.from_arrays([first, second]).isin(copies_found)
    table = pd.DataFrame({"kind": "related", "a": first, "b": second})[new]
    table["correlation"] = score[new]
    for side in ("a", "b"):
        for column in ("source", "file"):
            table[f"{column}_{side}"] = cells[column].to_numpy()[table[side]]
    table = table.reindex(columns=["a", "b", *PAIR_COLUMNS])
    return table.reset_index(drop=True), _name_families(cells, table, empty)


def _name_families(
    cells: pd.DataFrame, pairs: pd.DataFrame, empty: np.ndarray
) -> pd.DataFrame:
    """The table of families; a family is called `f` + its smallest cell_id."""
    part = connect(len(cells), pairs["a"].to_numpy(), pairs["b"].to_numpy())
    size = np.bincount(part, minlength=len(cells))[part]
    smallest = cells["cell_id"].groupby(part).transform("min")
    family = np.where(size > 1, "f" + smallest, "")
    family[empty] = EMPTY
    table = cells[["source", "file", "type"]].assign(family=family)
    table = table[table["family"] != ""].sort_values("family", kind="stable")
    return table[list(FAMILY_COLUMNS)].reset_index(drop=True)


class Relations:
    """Registration of pairs of pictures, on all cores."""

    def __init__(self, previews, rows: np.ndarray, aspects: np.ndarray):
        """previews: uint8 [N, 64, 64], read at `rows`; aspects: of these frames."""
        self.previews, self.rows, self.aspects = previews, rows, aspects
        starts = range(0, len(rows), CHUNK)
        unit = f"parts of {CHUNK} previews"
        described = _map_threads(self._describe, starts, "describing", unit)
        self.all = Descriptions(
            *(
                np.concatenate([getattr(part, name) for part in described])
                for name in ("centres", "rings", "weight")
            )
        )

    def _describe(self, start: int) -> Descriptions:
        here = slice(start, start + CHUNK)
        return describe(self.previews[self.rows[here]], self.aspects[here])

    def compare(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Correlation of the detail, float [P], of pairs of places in `rows`."""
        # The same whichever comes first: laying b on a differs from laying a on b.
        first, second = np.minimum(first, second), np.maximum(first, second)
        angle, mirrored, _ = turn_to_fit(self.all.rings, first, second)
        centres = self.all.centres

        def check(start: int) -> list[float]:
            here = range(start, min(start + CHUNK // 8, len(first)))
            ends = [np.array(side)[list(here)] for side in (first, second)]
            pictures = [self._level(side) for side in ends]
            return [
                register(
                    (one, other),
                    (centres[first[at]], centres[second[at]]),
                    angle[at],
                    mirrored[at],
                )
                for at, one, other in zip(here, *pictures, strict=True)
            ]

        starts = range(0, len(first), CHUNK // 8)
        unit = f"parts of {CHUNK // 8} pairs"
        checked = _map_threads(check, starts, "registering", unit)
        return np.concatenate([[], *checked])

    def _level(self, places: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        previews = self.previews[self.rows[places]]
        return [
            level(preview, aspect)
            for preview, aspect in zip(previews, self.aspects[places], strict=True)
        ]


def _map_threads(work: Callable, starts: range, title: str, unit: str) -> list:
    with ThreadPoolExecutor(count_cores()) as pool:
        done = pool.map(work, starts)
        return list(show_progress(done, len(starts), desc=title, unit=unit))


def find_relatives(
    previews, rows: np.ndarray, aspects: np.ndarray
) -> tuple[Pairs, np.ndarray]:
    """Families among `rows` of the previews: (first, second, correlation), empty.

    aspects: width to height of each row's frame. Every member but one of a family is
    a pair with the one that the most others were found to be like (int64, rows,
    first < second; float). empty: rows that show too little to compare.
    """
    if not len(rows):
        return (rows, rows, np.zeros(0)), rows
    relations = Relations(previews, rows, aspects)
    shows = relations.all.weight >= LEAST_WEIGHT
    places = np.flatnonzero(shows)
    links = _link(relations, places)
    first, second, score = _part(relations, len(rows), links)
    first, second = np.minimum(first, second), np.maximum(first, second)
    order = np.lexsort((second, first))
    # Rounded, so that another CPU's last bits do not show.
    pairs = rows[first[order]], rows[second[order]], score[order].round(3)
    return pairs, rows[~shows]


def _link(relations: Relations, places: np.ndarray) -> Pairs:
    """Pairs of `places` that registration confirms: enough to join each family."""
    first, second = _find_candidates(relations.all, places)
    count = len(relations.rows)
    links = np.zeros((3, 0))
    for column in range(first.shape[1]):
        a, b = first[:, column], second[:, column]
        a, b = a[b >= 0], b[b >= 0]
        part = connect(count, *links[:2].astype(int))
        apart = part[a] != part[b]
        low, high = np.minimum(a, b)[apart], np.maximum(a, b)[apart]
        low, high = np.divmod(np.unique(low * count + high), max(count, 1))
        score = relations.compare(low, high)
        like = score >= LEAST_DETAIL
        links = np.hstack([links, np.stack([low, high, score])[:, like]])
    return links[0].astype(int), links[1].astype(int), links[2]


def _find_candidates(
    descriptions: Descriptions, places: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Each place beside its best ROUNDS neighbours, int [K, ROUNDS], -1 for none."""
    from sklearn.neighbors import NearestNeighbors  # slow to import, seldom needed

    near = min(NEIGHBOURS, len(places) - 1)
    if near < 1:
        return np.zeros((2, 0, ROUNDS), int)
    invariant = descriptions.invariant()[places]
    search = NearestNeighbors(n_neighbors=near, algorithm="brute").fit(invariant)
    second = places[search.kneighbors(return_distance=False)]
    first = np.broadcast_to(places[:, None], second.shape)
    _, _, fit = turn_to_fit(descriptions.rings, first.ravel(), second.ravel())
    fit = fit.reshape(second.shape)
    best = np.argsort(-fit, axis=1, kind="stable")[:, :ROUNDS]
    second = np.where(fit >= LEAST_FIT, second, -1)
    return first[:, : best.shape[1]], np.take_along_axis(second, best, axis=1)


def _part(relations: Relations, count: int, links: Pairs) -> Pairs:
    """Pairs of the middle of each family with all that belong to it.

    A chain of links may join what is not alike, so that every member is compared with
    the best linked one, and where that fails with some of those that passed. What fits
    none of them starts a family with what remains of the chain.
    """
    first, second, _ = links
    found = np.zeros((3, 0))
    while len(first):
        part = connect(count, first, second)
        degree = np.bincount(np.concatenate([first, second]), minlength=count)
        linked = np.flatnonzero(degree)
        # By part, the most links first, then by place.
        linked = linked[np.lexsort((linked, -degree[linked], part[linked]))]
        parts, start = np.unique(part[linked], return_index=True)
        middle = np.zeros(count, int)
        middle[parts] = linked[start]
        members = np.setdiff1d(linked, middle[parts])
        hub = middle[part[members]]
        score = _compare_with_witnesses(relations, members, hub)
        inside = score >= LEAST_DETAIL
        pairs = np.stack([hub, members, score])[:, inside]
        found = np.hstack([found, pairs])
        settled = np.zeros(count, bool)
        settled[[*members[inside], *middle[parts]]] = True
        rest = ~(settled[first] | settled[second])
        first, second = first[rest], second[rest]
    return found[0].astype(int), found[1].astype(int), found[2]


def _compare_with_witnesses(
    relations: Relations, members: np.ndarray, hub: np.ndarray
) -> np.ndarray:
    """Best correlation of each member with its hub, or with others like the hub."""
    score = relations.compare(members, hub)
    sure = np.flatnonzero(score >= LEAST_DETAIL)
    for number in range(WITNESSES - 1):
        doubtful = np.flatnonzero(score < LEAST_DETAIL)
        witness = []
        for at in doubtful:
            there = sure[hub[sure] == hub[at]]
            witness.append(members[there[number % len(there)]] if len(there) else -1)
        witness = np.array(witness, int)
        asked = witness >= 0
        doubtful, witness = doubtful[asked], witness[asked]
        score[doubtful] = np.maximum(
            score[doubtful], relations.compare(members[doubtful], witness)
        )
    return score
