"""Stage `hold_out`: deal the real cells into train, test and validation."""

from pathlib import Path

from cytobalance.balance.hold_out import count_parts, hold_out_cells
from cytobalance.cells import read_table, write_table
from cytobalance.config import read_study
from cytobalance.runtime import run_stage

CELLS = Path("data/cells/cells.csv")
OUTPUT = Path("data/hold_out.csv")


def main() -> None:
    """Deal whole groups, thin what the study wants rare, and print the counts."""
    study = read_study()
    cells = read_table(CELLS)
    table = hold_out_cells(cells, study.classes, study.hold_out, study.study.seed)
    counts = count_parts(table, study.classes)
    counts.loc["all"] = counts.sum()
    counts.loc["all", "groups"] = table["group"].nunique()
    print(counts.to_string())
    left_out = int((~table["pool"]).sum())
    print(
        f"{counts.loc['all', 'thinned']} training cells thinned; protocol `paper` "
        f"leaves {left_out} cells out of its pool for it"
    )
    write_table(OUTPUT, table)
    print(f"wrote {OUTPUT}: {len(table)} cells")


if __name__ == "__main__":
    run_stage(main)
