"""Stage `oversample`: bring every class to the target without a GAN."""

import numpy as np

from cytobalance.balance.hold_out import visible_cells
from cytobalance.balance.oversample import oversample_cells
from cytobalance.balance.target import synthetic_table, wanted_counts
from cytobalance.study import places
from cytobalance.study.cells import create_images, read_cells
from cytobalance.study.options import read_item
from cytobalance.study.runtime import atomic_folder, run_stage
from cytobalance.study.stages import read_settings
from cytobalance.study.tables import check_labels, read_table, write_table


def main() -> None:
    """Write the synthetic cells of one oversampler; `none` makes none."""
    options = read_item("protocol", "oversampler")
    study = read_settings("oversample")
    protocol, oversampler = options.protocol, options.oversampler

    cells = read_cells(places.CELLS, study.image.size)
    check_labels(cells.table, study.classes, places.CELL_TABLE)
    hold_out = read_table(places.deal(protocol))
    rows = visible_cells(cells.table, hold_out, protocol)
    labels = cells.table["label"].to_numpy(str)[rows]
    wanted = dict.fromkeys(study.classes, 0)
    if oversampler != "none":
        wanted = wanted_counts(
            labels,
            study.classes,
            study.generate.target,
            protocol,
            study.hold_out.train,
        )
    total = sum(wanted.values())

    output = places.synthetic(protocol, oversampler)
    with atomic_folder(output) as folder:
        images = create_images(folder, total, study.image.size)
        parents = np.zeros(0, int)
        if total:
            parents = oversample_cells(
                oversampler,
                cells.images,
                rows,
                labels,
                wanted,
                study.oversample,
                study.study.seed,
                images,
            )
        ids = cells.table["cell_id"].to_numpy(str)[parents]
        table = synthetic_table(oversampler, wanted, ids)
        write_table(folder / "cells.csv", table)

    for label, count in wanted.items():
        print(f"{label:22} {(labels == label).sum():6} real {count:6} synthetic")
    print(f"wrote {output}: {total} cells")


if __name__ == "__main__":
    run_stage(main)
