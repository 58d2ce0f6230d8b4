"""Protocol `source_out`: train without one source, test on it."""

import numpy as np
import pandas as pd

from cytobalance.balance.hold_out import deal_groups, thin_classes
from cytobalance.study.runtime import StudyError
from cytobalance.study.settings import HoldOut

# What the other sources are dealt into.
DEALT = ("train", "validation")
# Why a cell is in no part -> the reason in words.
UNUSED = {
    "thinned": "training cells of a class that hold_out.thin makes rare",
    "bridge": "cells of other sources in one group with cells of the left-out one",
    "untrained": "cells of classes that the other sources have below two groups of",
}


def leave_source_out(
    cells: pd.DataFrame, classes: tuple[str, ...], hold_out: HoldOut, seed: int
) -> pd.DataFrame:
    """Part of every real cell: columns cell_id, label, group, part.

    cells: table of data/cells; the result has its row order. `test` are the cells of
    hold_out.left_out_source. Groups without a cell of that source are dealt whole into
    train and validation, in the study's ratio of the two; a split that a source was
    published with plays no part. A cell that is in no part has a key of UNUSED there:
    a class that could not be trained is not tested either. Raises StudyError where that
    leaves fewer than two classes to train, or none of them to test.
    """
    left_out = (cells["source"] == hold_out.left_out_source).to_numpy()
    touched = pd.Series(left_out, cells.index).groupby(cells["group"]).transform("any")
    groups = cells[~touched].groupby("label")["group"].nunique()
    trained = tuple(c for c in classes if groups.get(c, 0) >= len(DEALT))
    legal = cells["label"].isin(trained)
    part = np.select(
        [~legal, left_out, touched], ["untrained", "test", "bridge"], "rest"
    ).astype(object)
    if len(trained) < 2 or not (part == "test").any():
        raise StudyError(
            f"hold_out.left_out_source: without {hold_out.left_out_source} the other "
            f"sources can train {', '.join(trained) or 'no class'}, and it has "
            f"{(part == 'test').sum()} cells of these; source_out needs two classes to "
            "train and one of them to test: leave out another source"
        )
    rest = part == "rest"
    shares = np.array([getattr(hold_out, name) for name in DEALT])
    shares = np.tile(shares / shares.sum(), (rest.sum(), 1))
    part[rest] = deal_groups(cells[rest], trained, shares, DEALT, seed, "source_out")
    part, _ = thin_classes(cells["label"].to_numpy(), part, hold_out, seed)
    table = cells[["cell_id", "label", "group"]].copy()
    return table.assign(part=part).reset_index(drop=True)
