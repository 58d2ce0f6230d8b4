"""Deal real cells into train, test and validation, stratified, in whole groups."""

import numpy as np
import pandas as pd

from cytobalance.study import places
from cytobalance.study.runtime import StudyError, random_stream
from cytobalance.study.settings import HoldOut

PARTS = ("train", "test", "validation")
# Random deals tried at most; another one only where a class came out badly.
DEALS = 10
# A class came out well where no part is off by more than this share, or one cell.
NEAR_ENOUGH = 0.01
# Cost of a class that misses a part: above any sum of squared errors of fractions.
MISSING = 1e3
# What counts where a group holds cells of several published parts: the last of them.
STRICTNESS = ("", "train", "validation", "test")


def hold_out_cells(
    cells: pd.DataFrame, classes: tuple[str, ...], hold_out: HoldOut, seed: int
) -> pd.DataFrame:
    """Part and pool of every real cell: columns cell_id, label, group, part, pool.

    cells: table of data/cells; the result has its row order. No group stands in two
    parts, and every class stands in all three. A published split is kept where
    `hold_out.published` says so. Raises StudyError naming the class where its groups
    can't do that.
    """
    shares = _share_out(cells, hold_out)
    _check_groups(cells, classes, shares)
    part = deal_groups(cells, classes, shares, PARTS, seed, "hold_out")
    part, pool = thin_classes(cells["label"].to_numpy(), part, hold_out, seed)
    table = cells[["cell_id", "label", "group"]].copy()
    return table.assign(part=part, pool=pool).reset_index(drop=True)


def published_parts(cells: pd.DataFrame) -> np.ndarray:
    """Published part of each cell's whole group: str [N], "" where it has none.

    Where the published split tears a group, its strictest part counts, test before
    validation before train: what is tested on must never have been trained on.
    """
    strictness = pd.Index(STRICTNESS).get_indexer(cells["published_part"])
    strictest = pd.Series(strictness, cells.index).groupby(cells["group"])
    return np.array(STRICTNESS, dtype=object)[strictest.transform("max")]


def visible_cells(
    cells: pd.DataFrame, hold_out: pd.DataFrame, protocol: str
) -> np.ndarray:
    """Rows of data/cells that a balancer may see: int64, ascending.

    hold_out: the protocol's deal. `paper`: the whole pool, test cells too, as
    published; the others: training cells.
    """
    if not np.array_equal(cells["cell_id"], hold_out["cell_id"]):
        raise StudyError(
            f"{places.deal(protocol)} belongs to other cells than {places.CELLS}; run "
            "`dvc repro`"
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


def _share_out(cells: pd.DataFrame, hold_out: HoldOut) -> np.ndarray:
    """Share of cells like each one that each part should get: float [N, parts].

    Rows sum to 1 and are alike within a group; 0 is where a cell must not go. A
    source whose published split has no validation part gives some of its training
    cells for it, in the study's ratio of the two.
    """
    shares = np.tile([getattr(hold_out, part) for part in PARTS], (len(cells), 1))
    if hold_out.published == "ignore":
        return shares
    published = cells["published_part"]
    validated = (published == "validation").groupby(cells["source"]).transform("any")
    fixed = (validated & (published == "train")).groupby(cells["group"])
    part = published_parts(cells)
    may_validate = (part == "train") & ~fixed.transform("any").to_numpy()
    legal = part[:, None] == np.array(PARTS)
    legal[:, PARTS.index("validation")] |= may_validate
    bound = part != ""
    shares[bound] *= legal[bound]
    shares[bound] /= shares[bound].sum(1, keepdims=True)
    return shares


def _check_groups(
    cells: pd.DataFrame, classes: tuple[str, ...], shares: np.ndarray
) -> None:
    groups = cells.groupby("label")["group"].nunique().reindex(classes, fill_value=0)
    for label, count in groups.items():
        if count < len(PARTS):
            cells_of_class = int((cells["label"] == label).sum())
            raise StudyError(
                f"class {label}: {cells_of_class} cells in {count} groups can't fill "
                "train, test and validation; add cells of other subjects, or leave the "
                "class out of merge.classes"
            )
        of_class = (cells["label"] == label).to_numpy()
        for part, share in zip(PARTS, shares[of_class].sum(0), strict=True):
            if share == 0:
                raise StudyError(
                    f"class {label}: the published split gives it no {part} cells; "
                    "set hold_out.published to ignore, or leave the class out of "
                    "merge.classes"
                )


def deal_groups(
    cells: pd.DataFrame,
    classes: tuple[str, ...],
    shares: np.ndarray,
    parts: tuple[str, ...],
    seed: int,
    name: str,
) -> np.ndarray:
    """Part of every cell: the best of up to DEALS random deals, each improved.

    shares: float [N, parts], as of `_share_out`; name: the random stream's. Whole
    groups, every class in every part; StudyError where no deal does that.
    """
    codes, groups = pd.factorize(cells["group"], sort=True)
    shares = shares[np.unique(codes, return_index=True)[1]]
    counts = np.zeros((len(groups), len(classes)))
    column = pd.Index(classes).get_indexer(cells["label"])
    np.add.at(counts, (codes, column), 1)
    # Summed by pattern: without a published split the deal is that of the plain shares.
    patterns, pattern = np.unique(shares, axis=0, return_inverse=True)
    wanted = sum(
        row[:, None] * counts[pattern == at].sum(0) for at, row in enumerate(patterns)
    )
    ends = shares.cumsum(1)[:, :-1]
    near = np.maximum(1, NEAR_ENOUGH * counts.sum(0))
    best, best_cost = None, np.inf
    for deal in range(DEALS):
        stream = random_stream(seed, name, deal)
        dealt = (stream.random((len(groups), 1)) >= ends).sum(1)
        held = _improve(dealt, counts, wanted, shares > 0)
        cost = (((held - wanted) / counts.sum(0)) ** 2).sum()
        cost += MISSING * (held == 0).sum()
        if cost < best_cost:
            best, best_cost = dealt, cost
        if (held > 0).all() and (np.abs(held - wanted) <= near).all():
            break
    if best_cost >= MISSING:
        from cytobalance.balance.repair import repair_deal  # slow to import

        best = repair_deal(best, counts, shares > 0, classes, parts)
        _improve(best, counts, wanted, shares > 0)
    return np.array(parts, dtype=object)[best][codes]


def _improve(
    dealt: np.ndarray, counts: np.ndarray, wanted: np.ndarray, legal: np.ndarray
) -> np.ndarray:
    """Move the one best group at a time, in place, until no move helps.

    dealt: int [G], part of each group; counts: [G, C]; wanted: [parts, C]; legal:
    bool [G, parts]. Returns the cells held [parts, C]. The cost is the squared error
    of every class's fractions, so that a rare class weighs as much as a common one.
    """
    weight = 1 / counts.sum(0) ** 2
    has = (counts > 0).astype(int)  # a product of booleans would not count
    square = counts**2 @ weight
    held = np.stack([counts[dealt == p].sum(0) for p in range(len(wanted))])
    while True:
        slope = counts @ (2 * weight * (held - wanted)).T
        enter = slope + square[:, None] - MISSING * (has @ (held == 0).T)
        stays = np.arange(len(dealt)), dealt
        emptied = ((counts > 0) & (counts == held[dealt])).sum(1)
        leave = -slope[stays] + square + MISSING * emptied
        change = enter + leave[:, None]
        change[~legal] = np.inf
        change[stays] = 0
        group, part = np.unravel_index(change.argmin(), change.shape)
        if change[group, part] > -1e-12:
            return held
        held[dealt[group]] -= counts[group]
        held[part] += counts[group]
        dealt[group] = part


def thin_classes(
    labels: np.ndarray, part: np.ndarray, hold_out: HoldOut, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cut training cells of the thinned classes; make them as rare in the pool."""
    part, pool = part.copy(), np.ones(len(part), bool)
    for label, keep in hold_out.thin.items():
        of_class = labels == label
        train = np.flatnonzero(of_class & (part == "train"))
        if len(train) <= keep:
            continue
        stream = random_stream(seed, "hold_out", "thin", label)
        train = stream.permutation(train)
        part[train[keep:]] = "thinned"
        pool[of_class] = False
        pool[train[:keep]] = True
        # Test and validation cells fill the rest of the pool in their proportion.
        rest = round(keep / hold_out.train) - keep
        for name in PARTS[1:]:
            held = np.flatnonzero(of_class & (part == name))
            share = getattr(hold_out, name) / (hold_out.test + hold_out.validation)
            pool[stream.permutation(held)[: round(rest * share)]] = True
    return part, pool
