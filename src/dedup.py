"""Stage dedup: exact and near duplicates across all sources, and the experts' sheet."""

from pathlib import Path

import pandas as pd

from cytobalance.cells import read_cells, read_table, write_table
from cytobalance.config import read_study
from cytobalance.curation.duplicates import (
    PAIR_COLUMNS,
    Previews,
    find_pairs,
    name_clusters,
)
from cytobalance.curation.review import find_members, read_decisions, resolve
from cytobalance.draw.duplicates import draw_gallery, draw_review
from cytobalance.runtime import atomic_folder, run_stage

INGESTED = Path("data/ingested")
RELABELLED = Path("data/relabelled.csv")
OUT = Path("data/duplicates")


def main() -> None:
    study = read_study()
    cells = read_table(RELABELLED)
    folders = [INGESTED / source for source in study.sources]
    pairs = find_pairs(cells, Previews(folders), study.dedup)
    members = find_members(cells, name_clusters(cells, pairs))
    decisions = read_decisions(study.dedup.decisions, study.merge.classes, cells)
    clusters, review = resolve(
        members, study.merge.classes, decisions, study.dedup.conflicts
    )
    report(cells, pairs, clusters, review)

    images = {source: read_cells(INGESTED / source) for source in study.sources}
    with atomic_folder(OUT) as folder:
        write_table(folder / "clusters.csv", clusters)
        write_table(folder / "pairs.csv", pairs[list(PAIR_COLUMNS)])
        write_table(folder / "review.csv", review)
        title = study.study.title
        draw_review(folder / "review.png", review, images, title, study.simulated)
        draw_gallery(folder / "gallery.png", pairs, images, title, study.simulated)
    print(f"dedup: wrote {OUT}")


def report(
    cells: pd.DataFrame,
    pairs: pd.DataFrame,
    clusters: pd.DataFrame,
    review: pd.DataFrame,
) -> None:
    """Print what was found, what goes and what waits for an expert."""
    for kind, found in pairs.groupby("kind"):
        print(f"  {kind} pairs: {len(found)}")
    gone = clusters[clusters["action"] == "drop"]
    print(
        f"dedup: {len(cells)} cells, {clusters['cluster'].nunique()} clusters, "
        f"{len(gone)} copies dropped"
    )
    waiting = review[review.groupby("cluster")["decision"].transform("max") == ""]
    if len(waiting):
        print(
            f"dedup: {waiting['cluster'].nunique()} clusters hold several classes and "
            f"wait for an expert: fill in `decision` in {OUT / 'review.csv'}, save it "
            "in data/expert and name it in dedup.decisions"
        )


if __name__ == "__main__":
    run_stage(main)
