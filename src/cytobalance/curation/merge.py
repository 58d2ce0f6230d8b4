"""Join types into classes and write the final cell set; every file is accounted for."""

from pathlib import Path

import numpy as np
import pandas as pd

from cytobalance.study import places
from cytobalance.study.cells import create_images, read_array
from cytobalance.study.damage import damaged
from cytobalance.study.runtime import StudyError
from cytobalance.study.tables import CELL_COLUMNS, REJECTED_COLUMNS, write_table

CELL = ["source", "file"]
CHUNK = 4096  # images in memory at a time


def check_clusters(
    relabelled: pd.DataFrame, clusters: pd.DataFrame, pairs: pd.DataFrame
) -> None:
    """Refuse clusters or pairs of files that are not in data/relabelled.csv."""
    relabelled_files = pd.MultiIndex.from_frame(relabelled[CELL])
    for name, table, columns in (
        ("clusters", clusters, CELL),
        ("pairs", pairs, ["source_a", "file_a"]),
        ("pairs", pairs, ["source_b", "file_b"]),
    ):
        if not pd.MultiIndex.from_frame(table[columns]).isin(relabelled_files).all():
            path = places.DUPLICATES / f"{name}.csv"
            raise damaged(path, "names files that data/relabelled.csv does not")
    if clusters.duplicated(CELL).any():
        raise damaged(places.DUPLICATES / "clusters.csv", "names a file twice")


def take_verdicts(relabelled: pd.DataFrame, clusters: pd.DataFrame) -> pd.DataFrame:
    """Every ingested cell with its final `type`, and the `stage` and `reason` it went.

    relabelled: RELABELLED_COLUMNS; clusters: CLUSTER_COLUMNS. Same rows and order as
    `relabelled`; `stage` is "" for cells that stay.
    """
    table = relabelled.copy()
    verdicts = clusters.set_index(CELL)[["type", "action", "reason"]]
    verdicts = verdicts.reindex(pd.MultiIndex.from_frame(table[CELL])).set_axis(
        table.index
    )
    table["type"] = verdicts["type"].fillna(table["type"])
    by_expert = table["dropped"] != ""
    by_dedup = (verdicts["action"] == "drop") & ~by_expert
    table["stage"] = np.where(by_expert, "relabel", np.where(by_dedup, "dedup", ""))
    table["reason"] = table["dropped"].where(by_expert, verdicts["reason"].fillna(""))
    return table


def join_classes(
    table: pd.DataFrame, classes: dict[str, tuple[str, ...]]
) -> pd.DataFrame:
    """Add `label`, the class of each cell's type; cells of no class go at this stage.

    Raises StudyError naming every class that is left without cells.
    """
    label_of = {name: label for label, names in classes.items() for name in names}
    label = table["type"].map(label_of).fillna("")
    homeless = (table["stage"] == "") & (label == "")
    reason = "type " + table["type"] + " is in no class of this study"
    table = table.assign(
        label=label,
        stage=table["stage"].where(~homeless, "merge"),
        reason=table["reason"].where(~homeless, reason),
    )
    held = set(table.loc[table["stage"] == "", "label"])
    empty = [name for name in classes if name not in held]
    if empty:
        raise StudyError(
            f"merge.classes: no cell is left for {', '.join(empty)}; take the class "
            "out of params.yaml or add a source that has it"
        )
    return table


def check_sum(cells: pd.DataFrame, rejected: pd.DataFrame, files: int) -> None:
    """Refuse a set in which a file is lost or counted twice."""
    both = pd.concat([cells[CELL], rejected[CELL]])
    if (
        len(both) != files
        or both.duplicated().any()
        or cells["cell_id"].duplicated().any()
    ):
        raise StudyError(
            f"{files} files in the archives, but {len(cells)} kept and {len(rejected)} "
            "rejected; run `dvc repro --force relabel dedup merge`"
        )


def write_cell_set(
    folder: Path, table: pd.DataFrame, ingested: pd.DataFrame, root: Path, size: int
) -> pd.DataFrame:
    """Write images.npy, cells.csv and rejected.csv into the empty `folder`.

    table: every ingested cell after `join_classes`, with `group`; ingested: the files
    that ingest rejected (REJECTED_COLUMNS); root: folder of the ingested sources;
    size: pixels a side. Returns the table of rejected files.
    """
    kept = (table["stage"] == "").to_numpy()
    cells = table.loc[kept, list(CELL_COLUMNS)].reset_index(drop=True)
    rejected = pd.concat(
        [ingested, table.loc[~kept, list(REJECTED_COLUMNS)]], ignore_index=True
    )
    check_sum(cells, rejected, len(table) + len(ingested))
    images = create_images(folder, len(cells), size)
    done = 0
    for source, rows in table.groupby("source", sort=False).indices.items():
        shape = len(rows), size, size, 3
        stack = read_array(root / source / "images.npy", shape)
        wanted = np.flatnonzero(kept[rows])
        for start in range(0, len(wanted), CHUNK):
            part = wanted[start : start + CHUNK]
            images[done : done + len(part)] = stack[part]
            done += len(part)
    write_table(folder / "cells.csv", cells)
    write_table(folder / "rejected.csv", rejected)
    return rejected
