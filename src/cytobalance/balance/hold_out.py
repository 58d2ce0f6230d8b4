"""Deal real cells into train, test and validation, stratified, in whole groups."""

import numpy as np
import pandas as pd

from cytobalance.groups import HoldOut
from cytobalance.runtime import StudyError, random_stream

PARTS = ("train", "test", "validation")
# Random deals tried at most; another one only where a class came out badly.
DEALS = 10
# A class came out well where no part is off by more than this share, or one cell.
NEAR_ENOUGH = 0.01
# Cost of a class that misses a part: above any sum of squared errors of fractions.
MISSING = 1e3


def hold_out_cells(
    cells: pd.DataFrame, classes: tuple[str, ...], hold_out: HoldOut, seed: int
) -> pd.DataFrame:
    """Part and pool of every real cell: columns cell_id, label, group, part, pool.

    cells: table of data/cells; the result has its row order. No group stands in two
    parts, and every class stands in all three. Raises StudyError naming the class
    where its groups can't do that.
    """
    _check_groups(cells, classes)
    fractions = np.array([getattr(hold_out, part) for part in PARTS])
    part = _deal(cells, classes, fractions, seed)
    part, pool = _thin(cells["label"].to_numpy(), part, hold_out, seed)
    table = cells[["cell_id", "label", "group"]].copy()
    return table.assign(part=part, pool=pool).reset_index(drop=True)


def visible_cells(
    cells: pd.DataFrame, hold_out: pd.DataFrame, protocol: str
) -> np.ndarray:
    """Rows of data/cells that a balancer may see: int64, ascending.

    `paper`: the whole pool, test cells too, as published; `heldout`: training cells.
    """
    if not np.array_equal(cells["cell_id"], hold_out["cell_id"]):
        raise StudyError(
            "data/hold_out.csv belongs to other cells than data/cells; run `dvc repro`"
        )
    seen = hold_out["pool"] if protocol == "paper" else hold_out["part"] == "train"
    return np.flatnonzero(seen.to_numpy(bool))


def count_parts(table: pd.DataFrame, classes: tuple[str, ...]) -> pd.DataFrame:
    """Cells of each class (rows) in each part, in the pool, and groups."""
    columns = [*PARTS, "thinned"]
    counts = pd.crosstab(table["label"], table["part"])
    counts = counts.reindex(index=list(classes), columns=columns, fill_value=0)
    by_class = table.groupby("label")
    counts["pool"] = by_class["pool"].sum().reindex(counts.index).astype(int)
    counts["groups"] = by_class["group"].nunique().reindex(counts.index)
    return counts


def _check_groups(cells: pd.DataFrame, classes: tuple[str, ...]) -> None:
    groups = cells.groupby("label")["group"].nunique().reindex(classes, fill_value=0)
    for label, count in groups.items():
        if count < len(PARTS):
            found = int((cells["label"] == label).sum())
            raise StudyError(
                f"class {label}: {found} cells in {count} groups can't fill train, "
                "test and validation; add cells of other subjects, or leave the "
                "class out of merge.classes"
            )


def _deal(
    cells: pd.DataFrame, classes: tuple[str, ...], fractions: np.ndarray, seed: int
) -> np.ndarray:
    """Part of every cell: the best of up to DEALS random deals, each improved."""
    codes, groups = pd.factorize(cells["group"], sort=True)
    counts = np.zeros((len(groups), len(classes)))
    column = pd.Index(classes).get_indexer(cells["label"])
    np.add.at(counts, (codes, column), 1)
    wanted = fractions[:, None] * counts.sum(0)
    near = np.maximum(1, NEAR_ENOUGH * counts.sum(0))
    best, best_cost = None, np.inf
    for deal in range(DEALS):
        stream = random_stream(seed, "hold_out", deal)
        dealt = stream.choice(len(PARTS), size=len(groups), p=fractions)
        held = _improve(dealt, counts, wanted)
        cost = (((held - wanted) / counts.sum(0)) ** 2).sum()
        cost += MISSING * (held == 0).sum()
        if cost < best_cost:
            best, best_cost = dealt, cost
        if (held > 0).all() and (np.abs(held - wanted) <= near).all():
            break
    if best_cost >= MISSING:
        held = np.stack([counts[best == p].sum(0) for p in range(len(PARTS))])
        part, label = np.argwhere(held == 0)[0]
        raise StudyError(
            f"class {classes[label]}: its groups also hold other classes, and no deal "
            f"was found that gives it {PARTS[part]} cells; add cells of other "
            "subjects, or leave the class out of merge.classes"
        )
    return np.array(PARTS, dtype=object)[best][codes]


def _improve(dealt: np.ndarray, counts: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Move the one best group at a time, in place, until no move helps.

    dealt: int [G], part of each group; counts: [G, C]; wanted: [parts, C]. Returns
    the cells held [parts, C]. The cost is the squared error of every class's
    fractions, so that a rare class weighs as much as a common one.
    """
    weight = 1 / counts.sum(0) ** 2
    has = counts > 0
    square = counts**2 @ weight
    held = np.stack([counts[dealt == p].sum(0) for p in range(len(wanted))])
    while True:
        slope = counts @ (2 * weight * (held - wanted)).T
        enter = slope + square[:, None] - MISSING * (has @ (held == 0).T)
        own = np.arange(len(dealt)), dealt
        emptied = (has & (counts == held[dealt])).sum(1)
        leave = -slope[own] + square + MISSING * emptied
        change = enter + leave[:, None]
        change[own] = 0
        group, part = np.unravel_index(change.argmin(), change.shape)
        if change[group, part] > -1e-12:
            return held
        held[dealt[group]] -= counts[group]
        held[part] += counts[group]
        dealt[group] = part


def _thin(
    labels: np.ndarray, part: np.ndarray, hold_out: HoldOut, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cut training cells of the thinned classes; make them as rare in the pool."""
    part, pool = part.copy(), np.ones(len(part), bool)
    for label, keep in hold_out.thin.items():
        own = labels == label
        train = np.flatnonzero(own & (part == "train"))
        if len(train) <= keep:
            continue
        stream = random_stream(seed, "hold_out", "thin", label)
        train = stream.permutation(train)
        part[train[keep:]] = "thinned"
        pool[own] = False
        pool[train[:keep]] = True
        # Test and validation cells fill the rest of the pool in their proportion.
        rest = round(keep / hold_out.train) - keep
        for name in PARTS[1:]:
            held = np.flatnonzero(own & (part == name))
            share = getattr(hold_out, name) / (hold_out.test + hold_out.validation)
            pool[stream.permutation(held)[: round(rest * share)]] = True
    return part, pool
