"""Stage `hold_out`: deal the real cells into train, test and validation."""

import pandas as pd

from cytobalance.balance.hold_out import count_parts, hold_out_cells, published_parts
from cytobalance.study import places
from cytobalance.study.runtime import run_stage
from cytobalance.study.stages import read_settings
from cytobalance.study.tables import check_labels, read_table, write_table

WHOLE = "all classes"  # a name that no class can have: C-NMC's has one named `all`


def main() -> None:
    """Deal whole groups, thin what the study wants rare, and print the counts."""
    study = read_settings("hold_out")
    cells = read_table(places.CELL_TABLE)
    check_labels(cells, study.classes, places.CELL_TABLE)
    table = hold_out_cells(cells, study.classes, study.hold_out, study.study.seed)
    counts = count_parts(table, study.classes)
    counts.loc[WHOLE] = counts.sum()
    counts.loc[WHOLE, "groups"] = table["group"].nunique()
    print(counts.to_string())
    if study.hold_out.published == "keep":
        report_published(cells, table)
    left_out = int((~table["pool"]).sum())
    print(
        f"{counts.loc[WHOLE, 'thinned']} training cells thinned; protocol `paper` "
        f"leaves {left_out} cells out of its pool for it"
    )
    write_table(places.HOLD_OUT, table)
    print(f"wrote {places.HOLD_OUT}: {len(table)} cells")


def report_published(cells: pd.DataFrame, table: pd.DataFrame) -> None:
    """Say how much came split, and what of it is not where it was published."""
    published, part = cells["published_part"], published_parts(cells)
    split = published != ""
    if not split.any():
        return
    torn = (split & (published != part)).sum()
    along = (~split & (part != "")).sum()
    validate = (table["part"] == "validation") & (part == "train")
    print(
        f"published split kept: {split.sum()} of {len(cells)} cells have a part; "
        f"{torn} changed it with their group, which it tore, and {along} without one "
        f"went along; {validate.sum()} training cells were dealt out for validation"
    )


if __name__ == "__main__":
    run_stage(main)
