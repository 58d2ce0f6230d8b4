"""Stage `generate`: bring every class to the target with synthetic cells."""

import numpy as np

from cytobalance.balance.hold_out import visible_cells
from cytobalance.balance.target import synthetic_table, wanted_counts
from cytobalance.generators.generation import check_room, generate_cells
from cytobalance.generators.processes import shared_folder, start_processes
from cytobalance.generators.registry import load_generator
from cytobalance.study import places
from cytobalance.study.cells import create_images, open_images
from cytobalance.study.devices import check_step, make_deterministic
from cytobalance.study.options import read_item
from cytobalance.study.progress import show_progress
from cytobalance.study.runtime import derive_seed, run_stage
from cytobalance.study.stages import View, read_settings
from cytobalance.study.tables import read_table, write_table


def main() -> None:
    """Write the synthetic cells of one GAN; several processes share the work."""
    options = read_item("protocol", "gan")
    study = read_settings("generate", options.gan)
    make_deterministic()
    processes = start_processes(precision="fp32")

    wanted = count_wanted(study, options.protocol)
    weights = places.gan(options.protocol, options.gan) / "generator.pt"
    model, settings = load_generator(weights, study.classes, study.image.size)
    check_room(wanted.values(), settings.latent)
    batch, size = study.generate.batch, study.image.size
    check_step(batch, settings.width, size, "generate.batch, gan.width")
    model = model.to(processes.device)
    seed = derive_seed(study.study.seed, "generate", options.protocol, options.gan)
    output = places.synthetic(options.protocol, options.gan)
    with shared_folder(output, processes) as folder:
        if processes.rank == 0:
            create_images(folder, sum(wanted.values()), size)
            write_table(folder / "cells.csv", synthetic_table(options.gan, wanted))
        processes.barrier()
        images = open_images(folder)
        start = 0
        for index, label in enumerate(
            show_progress(study.classes, desc="making cells", unit="classes")
        ):
            for place, made in generate_cells(
                model.sample,
                index,
                wanted[label],
                latent=settings.latent,
                batch=batch,
                seed=seed,
                device=processes.device,
                share=(processes.rank, processes.count),
            ):
                images[start + place : start + place + len(made)] = made
            start += wanted[label]
        if isinstance(images, np.memmap):
            images.flush()
    if processes.rank == 0:
        print(f"wrote {start} synthetic cells to {output}")


def count_wanted(study: View, protocol: str) -> dict[str, int]:
    """Synthetic cells that each class needs under the protocol; printed."""
    hold_out = read_table(places.deal(protocol))
    real = hold_out["label"].iloc[visible_cells(hold_out, hold_out, protocol)]
    wanted = wanted_counts(
        real, study.classes, study.generate.target, protocol, study.hold_out.train
    )
    counts = real.value_counts()
    for label, count in wanted.items():
        print(f"  {label:24}{counts.get(label, 0):6} real +{count:6} synthetic")
    return wanted


if __name__ == "__main__":
    run_stage(main)
