"""Stage merge: types become classes, cells get groups, the cell set is written."""

from pathlib import Path

import pandas as pd

from cytobalance.curation.census import count_by_source, take_census
from cytobalance.curation.census_sheet import draw_class_counts, draw_samples
from cytobalance.curation.grouping import name_groups
from cytobalance.curation.merge import (
    check_clusters,
    join_classes,
    take_verdicts,
    write_cell_set,
)
from cytobalance.curation.relabel import check_origin
from cytobalance.study.cells import CellSet, read_cells
from cytobalance.study.inputs import read_inputs, write_inputs
from cytobalance.study.metrics import write_metrics
from cytobalance.study.params import Study, read_study
from cytobalance.study.runtime import atomic_folder, random_stream, run_stage
from cytobalance.study.tables import read_table, write_table

INGESTED = Path("data/ingested")
RELABELLED = Path("data/relabelled.csv")
DUPLICATES = Path("data/duplicates")
OUT = Path("data/cells")
METRICS = Path("metrics/dataset.json")
PLOTS = Path("plots")
SAMPLES = 8  # cells of a class in the picture


def main() -> None:
    study = read_study()
    relabelled = read_table(RELABELLED)
    tables = [read_table(INGESTED / name / "cells.csv") for name in study.sources]
    check_origin(relabelled, tables)
    clusters = read_table(DUPLICATES / "clusters.csv")
    pairs = read_table(DUPLICATES / "pairs.csv")
    unread = [read_table(INGESTED / name / "rejected.csv") for name in study.sources]

    check_clusters(relabelled, clusters, pairs)
    table = join_classes(take_verdicts(relabelled, clusters), study.merge.classes)
    table["group"] = name_groups(relabelled, clusters, pairs)
    with atomic_folder(OUT) as folder:
        ingest = pd.concat(unread, ignore_index=True)
        rejected = write_cell_set(folder, table, ingest, INGESTED, study.image.size)
        # Later stages depend on this file, and not on all of `merge`.
        indices = pd.DataFrame({"index": range(len(study.classes))})
        write_table(folder / "classes.csv", indices.assign(label=study.classes))
        write_inputs(folder, read_inputs(INGESTED))
    families = read_table(DUPLICATES / "families.csv")
    warnings = read_table(DUPLICATES / "warnings.csv")["warning"].tolist()
    census = take_census(study, table, rejected, families, warnings)
    write_metrics(METRICS, census)
    draw(study, read_cells(OUT))
    report(census)


def draw(study: Study, cells: CellSet) -> None:
    """Write the class counts as table and picture, and a few cells of each class."""
    title = study.study.title
    by_source = count_by_source(study, cells.table)
    long = by_source.stack().rename("cells").reset_index()
    write_table(PLOTS / "class_counts.csv", long)
    draw_class_counts(PLOTS / "class_counts.png", by_source, title, study.simulated)
    samples = {}
    for label, rows in cells.table.groupby("label").indices.items():
        stream = random_stream(study.study.seed, "samples", label)
        chosen = stream.choice(rows, min(SAMPLES, len(rows)), replace=False)
        samples[label] = cells.images[sorted(chosen)]
    samples = {label: samples[label] for label in study.classes}
    draw_samples(PLOTS / "samples_per_class.png", samples, title, study.simulated)


def report(census: dict) -> None:
    """Print the counts of the final set."""
    files = census["files"]
    print(f"merge: {files['total']} files or rows, {files['kept']} kept in {OUT}")
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
