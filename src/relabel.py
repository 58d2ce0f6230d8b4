"""Stage relabel: apply the experts' maps to the ingested cells, image by image."""

import pandas as pd

from cytobalance.curation.relabel import read_maps, relabel_cells
from cytobalance.study import places
from cytobalance.study.runtime import run_stage
from cytobalance.study.stages import read_settings
from cytobalance.study.tables import read_table, write_table


def main() -> None:
    study = read_settings("relabel")
    folders = [places.ingested(name) for name in study.source_names]
    cells = pd.concat(
        [read_table(folder / "cells.csv") for folder in folders], ignore_index=True
    )
    maps = read_maps(study.relabel.maps, cells)
    table = relabel_cells(cells, maps, study.relabel.rule)

    changed = table[table["type"] != table["published_type"]]
    moves = changed.groupby(["published_type", "type"]).size()
    for (before, after), count in moves.items():
        print(f"  {before} -> {after}: {count}")
    files = len(maps.drop_duplicates(["source", "file"]))
    print(
        f"relabel: {len(maps)} opinions on {files} files, rule {study.relabel.rule}: "
        f"{len(changed)} changed, {(table['dropped'] != '').sum()} dropped, "
        f"{len(table)} cells in {places.RELABELLED}"
    )
    write_table(places.RELABELLED, table)


if __name__ == "__main__":
    run_stage(main)
