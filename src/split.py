"""Stage `split`: the final train, test and validation table of one balancer."""

from pathlib import Path

import pandas as pd

from cytobalance.balance.hold_out import PARTS
from cytobalance.balance.split import split_cells
from cytobalance.study.options import read_item
from cytobalance.study.runtime import run_stage
from cytobalance.study.stages import read_settings
from cytobalance.study.tables import check_labels, read_table, write_table


def main() -> None:
    """Join real and synthetic cells by the protocol's rules and print the counts."""
    options = read_item("protocol", "balancer")
    study = read_settings("split")
    protocol, balancer = options.protocol, options.balancer

    cells = read_table(Path("data/cells/cells.csv"))
    hold_out = read_table(Path("data/hold_out.csv"))
    made = Path(f"data/synthetic/{protocol}/{balancer}/cells.csv")
    synthetic = read_table(made)
    check_labels(cells, study.classes, Path("data/cells/cells.csv"))
    check_labels(synthetic, study.classes, made)
    table = split_cells(cells, hold_out, synthetic, study, protocol, balancer)

    counts = pd.crosstab(table["label"], [table["part"], table["origin"]])
    columns = [(part, origin) for part in PARTS for origin in ("real", "synthetic")]
    counts = counts.reindex(index=list(study.classes), columns=columns, fill_value=0)
    counts.loc["all"] = counts.sum()
    print(counts.to_string())
    left = len(cells) + len(synthetic) - len(table)
    print(f"{left} cells take no part (thinned, or cut to the target of their class)")

    output = Path(f"data/splits/{protocol}/{balancer}.csv")
    write_table(output, table)
    print(f"wrote {output}: {len(table)} cells")


if __name__ == "__main__":
    run_stage(main)
