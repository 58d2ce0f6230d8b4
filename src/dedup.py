"""Stage dedup: exact and near duplicates across all sources, and the experts' sheet."""

import pandas as pd

from cytobalance.curation.classes import name_classes
from cytobalance.curation.duplicates import (
    PAIR_COLUMNS,
    Previews,
    find_pairs,
    name_clusters,
)
from cytobalance.curation.families import (
    FAMILY_COLUMNS,
    count_families,
    describe_families,
)
from cytobalance.curation.relabel import check_origin
from cytobalance.curation.relatives import relate
from cytobalance.curation.review import (
    find_members,
    rank_cells,
    read_decisions,
    resolve,
)
from cytobalance.study import places
from cytobalance.study.runtime import atomic_folder, run_stage
from cytobalance.study.stages import read_settings
from cytobalance.study.tables import read_table, write_table

# More near copies than so many of one cell, or than this part of all cells (and so
# many), are no accident: PBC has 2 in 9,382, and the 106 of C-NMC are exact.
MANY_COPIES = 10
MANY_PART = 0.05


def main() -> None:
    study = read_settings("dedup")
    cells = read_table(places.RELABELLED)
    folders = [places.ingested(source) for source in study.source_names]
    check_origin(cells, [read_table(folder / "cells.csv") for folder in folders])
    pairs, common = find_pairs(cells, Previews(folders), study.dedup)
    labels = name_classes(cells["type"], study.merge.classes)
    labels = labels.where(cells["dropped"] == "")
    copies = name_clusters(cells, pairs, rank_cells(cells), labels)
    members = find_members(cells, copies)
    decisions = read_decisions(study.dedup.decisions, study.merge.classes, cells)
    clusters, review = resolve(
        members, study.merge.classes, decisions, study.dedup.conflicts
    )
    report(cells, pairs, clusters)
    warnings = [
        *warn_of_common(common),
        *warn_of_many(len(cells), clusters),
        *warn_of_conflicts(clusters, review),
    ]
    for warning in warnings:
        print(f"warning: {warning}")
    families = pd.DataFrame(columns=list(FAMILY_COLUMNS))
    counts = None
    if study.dedup.related:
        related, families = relate(cells, Previews(folders), pairs, copies)
        pairs = pd.concat([pairs, related], ignore_index=True)
        counts = count_families(families, study.merge.classes)
    print(f"dedup: {describe_families(counts)}")

    with atomic_folder(places.DUPLICATES) as folder:
        write_table(folder / "clusters.csv", clusters)
        write_table(folder / "pairs.csv", pairs[list(PAIR_COLUMNS)])
        write_table(folder / "families.csv", families)
        write_table(folder / "review.csv", review)
        write_table(folder / "warnings.csv", pd.DataFrame({"warning": warnings}))
    print(f"dedup: wrote {places.DUPLICATES}")


def report(cells: pd.DataFrame, pairs: pd.DataFrame, clusters: pd.DataFrame) -> None:
    """Print what was found and what goes."""
    for kind, rows in pairs.groupby("kind"):
        print(f"  {kind} pairs: {len(rows)}")
    gone = clusters[clusters["action"] == "drop"]
    print(
        f"dedup: {len(cells)} cells, {clusters['cluster'].nunique()} clusters, "
        f"{len(gone)} copies dropped"
    )


def warn_of_common(count: int) -> list[str]:
    """A line where `count` cells have a hash that many share."""
    if not count:
        return []
    return [
        f"{count} cells look like many others to the hash, so that near copies of "
        "them are not sought; a smaller dedup.hash_distance tells more of them apart"
    ]


def warn_of_conflicts(clusters: pd.DataFrame, review: pd.DataFrame) -> list[str]:
    """A line where clusters of several classes wait for an expert."""
    waiting = review[review.groupby("cluster")["decision"].transform("max") == ""]
    if waiting.empty:
        return []
    gone = clusters.loc[clusters["action"] == "drop", ["source", "file"]]
    files = pd.MultiIndex.from_frame(waiting[["source", "file"]])
    lost = pd.MultiIndex.from_frame(gone).isin(files).sum()
    count = waiting["cluster"].nunique()
    return [
        f"clusters of copies that hold several classes: {count}, "
        f"{lost} of their {len(waiting)} cells dropped; they wait for an expert: fill "
        f"in `decision` in {places.DUPLICATES / 'review.csv'}, save it in "
        f"{places.EXPERT} and name it in dedup.decisions"
    ]


def warn_of_many(count: int, clusters: pd.DataFrame) -> list[str]:
    """A line where so many cells are near copies that they may be none."""
    copies = clusters.groupby("cluster")["cell_id"].nunique() - 1
    most = copies.max() if len(copies) else 0
    if most <= MANY_COPIES and copies.sum() <= max(MANY_PART * count, MANY_COPIES):
        return []
    return [
        f"{copies.sum()} of {count} cells are near copies of others, up to {most} of "
        f"one: look at {places.COPIES / 'gallery.png'}, and where they are different "
        "cells raise dedup.min_correlation, lower dedup.max_difference or set "
        "dedup.near: false"
    ]


if __name__ == "__main__":
    run_stage(main)
