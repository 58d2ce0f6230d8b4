"""Stage `split`: the final train, test and validation table of one balancer."""

import pandas as pd

from cytobalance.balance.hold_out import PARTS
from cytobalance.balance.split import split_cells
from cytobalance.study import places
from cytobalance.study.options import read_item
from cytobalance.study.runtime import run_stage
from cytobalance.study.stages import read_settings
from cytobalance.study.tables import check_labels, read_table, write_table


def main() -> None:
    """Join real and synthetic cells by the protocol's rules and print the counts."""
    options = read_item("protocol", "balancer")
    study = read_settings("split", options.balancer)
    protocol, balancer = options.protocol, options.balancer

    cells = read_table(places.CELL_TABLE)
    hold_out = read_table(places.deal(protocol))
    maker = study.recipes[balancer].maker
    made = places.synthetic(protocol, maker) / "cells.csv"
    synthetic = read_table(made)
    check_labels(cells, study.classes, places.CELL_TABLE)
    check_labels(synthetic, study.classes, made)
    table = split_cells(cells, hold_out, synthetic, study, protocol, balancer)

    counts = pd.crosstab(table["label"], [table["part"], table["origin"]])
    columns = [(part, origin) for part in PARTS for origin in ("real", "synthetic")]
    counts = counts.reindex(index=list(study.classes), columns=columns, fill_value=0)
    counts.loc["all classes"] = counts.sum()
    print(counts.to_string())
    left = len(cells) + len(synthetic) - len(table)
    print(f"{left} cells take no part (thinned, or cut to the target of their class)")

    output = places.split(protocol, balancer)
    write_table(output, table)
    print(f"wrote {output}: {len(table)} cells")


if __name__ == "__main__":
    run_stage(main)
