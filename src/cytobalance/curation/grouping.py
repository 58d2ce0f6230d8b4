"""Groups of cells that must stay on one side of a split: a subject, or its copies."""

import numpy as np
import pandas as pd

from cytobalance.curation.duplicates import connect

CELL = ["source", "file"]


def name_groups(
    cells: pd.DataFrame, clusters: pd.DataFrame, pairs: pd.DataFrame
) -> pd.Series:
    """Group of every cell, dropped ones included.

    cells: source, file, cell_id, subject; clusters: source, file, cluster; pairs:
    PAIR_COLUMNS, of every kind. A chain of pairs is one group, though a cluster is one
    cell and its copies: too large a group costs little, a leak costs much. Two subjects
    that share a duplicate end in one group. A group is named `<source>/<subject>`
    where it is one subject alone, and otherwise `g` + its smallest cell_id.
    """
    count = len(cells)
    row_of = pd.Series(np.arange(count), pd.MultiIndex.from_frame(cells[CELL]))
    subject = (cells["source"] + "/" + cells["subject"]).where(cells["subject"] != "")
    node, subjects = pd.factorize(subject)
    listed = np.flatnonzero(node >= 0)

    # Nodes: every cell, then every subject, then every cluster.
    cluster, names = pd.factorize(clusters["cluster"])
    members = _rows(row_of, clusters[CELL])
    a = [listed, members, _rows(row_of, pairs[["source_a", "file_a"]])]
    b = [
        count + node[listed],
        count + len(subjects) + cluster,
        _rows(row_of, pairs[["source_b", "file_b"]]),
    ]
    nodes = count + len(subjects) + len(names)
    part = connect(nodes, np.concatenate(a), np.concatenate(b))

    part_of_cell = part[:count]
    group = "g" + cells["cell_id"].groupby(part_of_cell).transform("min")
    several = subject.groupby(part_of_cell).transform("nunique") != 1
    stranger = subject.isna().groupby(part_of_cell).transform("any")
    return group.where(several | stranger, subject)


def _rows(row_of: pd.Series, files: pd.DataFrame) -> np.ndarray:
    """Row of each (source, file)."""
    return row_of.reindex(pd.MultiIndex.from_frame(files)).to_numpy().astype(int)
