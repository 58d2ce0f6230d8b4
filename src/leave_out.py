"""Stage `leave_out`: the deal of protocol `source_out`, which tests on one source."""

import pandas as pd

from cytobalance.balance.hold_out import PARTS
from cytobalance.balance.source_out import UNUSED, leave_source_out
from cytobalance.study import places
from cytobalance.study.runtime import run_stage
from cytobalance.study.stages import read_settings
from cytobalance.study.tables import check_labels, read_table, write_table


def main() -> None:
    """Set one source apart, deal the others, and print the counts."""
    study = read_settings("leave_out")
    cells = read_table(places.CELL_TABLE)
    check_labels(cells, study.classes, places.CELL_TABLE)
    table = leave_source_out(cells, study.classes, study.hold_out, study.study.seed)
    columns = [*PARTS, *UNUSED]
    counts = pd.crosstab(table["label"], table["part"])
    counts = counts.reindex(index=list(study.classes), columns=columns, fill_value=0)
    print(f"left out: {study.hold_out.left_out_source}")
    print(counts.to_string())
    for name, reason in UNUSED.items():
        print(f"{name}: {counts[name].sum()} {reason}")
    for part in ("train", "test"):
        if lacking := [c for c in study.classes if not counts.loc[c, part]]:
            print(f"classes without {part} cells, not scored: {', '.join(lacking)}")
    write_table(places.SOURCE_OUT, table)
    print(f"wrote {places.SOURCE_OUT}: {len(table)} cells")


if __name__ == "__main__":
    run_stage(main)
