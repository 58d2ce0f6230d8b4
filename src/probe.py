"""Stage `probe`: measure the shortcuts that a cell set offers a classifier."""

from typing import Any

from cytobalance.curation.shortcuts import find_shortcuts
from cytobalance.study import places
from cytobalance.study.cells import read_cells
from cytobalance.study.metrics import write_metrics
from cytobalance.study.runtime import run_stage
from cytobalance.study.stages import read_settings
from cytobalance.study.tables import check_labels


def main() -> None:
    """Ask a small classifier for sources and classes; print and write its scores."""
    study = read_settings("probe")
    cells = read_cells(places.CELLS)
    check_labels(cells.table, study.classes, places.CELL_TABLE)
    found = find_shortcuts(
        *(cells.images, cells.table, study.classes, study.source_names),
        study.study.seed,
    )
    for label, score in found["source"].items():
        print_score(f"source of {label}", score)
    print_score("class from the border", found["border"])
    write_metrics(places.SHORTCUTS, {"simulated": study.simulated, **found})
    print(f"wrote {places.SHORTCUTS}")


def print_score(name: str, score: dict[str, Any]) -> None:
    """One line: balanced accuracy beside chance, and what took no part."""
    text = "not measured: needs two with cells enough"
    if score["chance"]:
        cells = sum(score["cells"].values())
        text = (
            f"balanced accuracy {score['balanced_accuracy']:.3f}, chance "
            f"{score['chance']:.3f}, {cells} cells"
        )
    left_out = ", ".join(f"{n} ({cells})" for n, cells in score["left_out"].items())
    print(f"{name}: {text}" + (f"; left out: {left_out}" if left_out else ""))


if __name__ == "__main__":
    run_stage(main)
