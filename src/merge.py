"""Stage merge: types become classes, cells get groups, the cell set is written."""

import pandas as pd

from cytobalance.curation.census import take_census
from cytobalance.curation.grouping import name_groups
from cytobalance.curation.merge import (
    check_clusters,
    join_classes,
    take_verdicts,
    write_cell_set,
)
from cytobalance.curation.relabel import check_origin
from cytobalance.study import places
from cytobalance.study.inputs import read_inputs, write_inputs
from cytobalance.study.metrics import write_metrics
from cytobalance.study.runtime import atomic_folder, run_stage
from cytobalance.study.stages import read_settings
from cytobalance.study.tables import read_table, write_table


def main() -> None:
    study = read_settings("merge")
    relabelled = read_table(places.RELABELLED)
    folders = [places.ingested(name) for name in study.source_names]
    check_origin(relabelled, [read_table(folder / "cells.csv") for folder in folders])
    clusters = read_table(places.DUPLICATES / "clusters.csv")
    pairs = read_table(places.DUPLICATES / "pairs.csv")
    unread = [read_table(folder / "rejected.csv") for folder in folders]

    check_clusters(relabelled, clusters, pairs)
    table = join_classes(take_verdicts(relabelled, clusters), study.merge.classes)
    table["group"] = name_groups(relabelled, clusters, pairs)
    with atomic_folder(places.CELLS) as folder:
        ingest = pd.concat(unread, ignore_index=True)
        rejected = write_cell_set(
            folder, table, ingest, places.INGESTED, study.image.size
        )
        # Later stages depend on this file, and not on all of `merge`.
        indices = pd.DataFrame({"index": range(len(study.classes))})
        write_table(folder / places.CLASSES.name, indices.assign(label=study.classes))
        write_inputs(folder, read_inputs(places.INGESTED))
    families = read_table(places.DUPLICATES / "families.csv")
    warnings = read_table(places.DUPLICATES / "warnings.csv")["warning"].tolist()
    census = take_census(study, table, rejected, families, warnings)
    write_metrics(places.DATASET, census)
    report(census)


def report(census: dict) -> None:
    """Print the counts of the final set."""
    files = census["files"]
    print(
        f"merge: {files['total']} files or rows, {files['kept']} kept in {places.CELLS}"
    )
    for stage, reasons in census["rejected"].items():
        for reason, count in reasons.items():
            print(f"  {stage}: {count} left out, {reason}")
    for label, count in census["classes"].items():
        print(f"  {label}: {count}")
    print(f"merge: {census['groups']} groups, imbalance {census['imbalance']}")
    print(f"merge: {census['related']['note']}")
    for warning in census["warnings"]:
        print(f"warning: {warning}")


if __name__ == "__main__":
    run_stage(main)
