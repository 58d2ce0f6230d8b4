"""Stage `train_gan`: fit one GAN on the cells that the protocol lets it see."""

import hashlib

import numpy as np
import pandas as pd
import torch

from cytobalance.balance.hold_out import visible_cells
from cytobalance.generators.batches import Batches
from cytobalance.generators.engine import Training, train_gan
from cytobalance.generators.processes import limit_threads, share_of, start_processes
from cytobalance.generators.registry import build_gan, save_generator
from cytobalance.generators.settings import GeneratorSettings
from cytobalance.study import places
from cytobalance.study.cells import read_cells
from cytobalance.study.devices import check_step, make_deterministic
from cytobalance.study.options import read_item
from cytobalance.study.runtime import atomic_folder, derive_seed, run_stage
from cytobalance.study.stages import View, fingerprint_stage, gan_module, read_settings
from cytobalance.study.tables import check_labels, read_table, write_table


def main() -> None:
    """Train, then write the averaged generator, its losses and its drawings."""
    options = read_item("protocol", "gan")
    study = read_settings("train_gan", options.gan)
    settings = study.gan_settings[options.gan]
    make_deterministic()
    check_step(settings.batch, settings.width, study.image.size, "gan.batch, gan.width")

    processes = start_processes(settings.precision)
    images, labels = read_visible(study, options.protocol)
    limit_threads(settings.width, study.image.size, processes.device)
    seed = derive_seed(study.study.seed, "train_gan", options.protocol, options.gan)
    share = share_of(settings.batch, processes)
    identity = fingerprint(
        options.gan, settings, seed, images, labels, processes.device
    )
    batches = Batches(images, labels, settings, seed, processes.device, share)
    del images, labels  # `batches` has its own, where it needs them
    size, classes = study.image.size, len(study.classes)
    model = build_gan(options.gan, size, classes, settings, seed)
    training = Training(model, study.classes, settings, seed, processes)
    key = places.key(options.protocol, options.gan)
    state_file = places.GAN_STATES / f"{key}-{identity}.pt"
    train_gan(training, batches, state_file)

    if processes.rank == 0:
        output = places.gan(options.protocol, options.gan)
        with atomic_folder(output) as folder:
            save_generator(
                folder / "generator.pt",
                training.average.generator,
                options.gan,
                size,
                study.classes,
                settings,
            )
            write_table(folder / "losses.csv", pd.DataFrame(training.losses))
            moments = sorted(training.drawings)
            drawn = [training.drawings[moment].cpu().numpy() for moment in moments]
            np.save(folder / "drawings.npy", np.stack(drawn))
            write_table(folder / "drawings.csv", pd.DataFrame({"iteration": moments}))
        # Those of abandoned settings too, and what a kill left half-written.
        for state in places.GAN_STATES.glob(f"*{key}-*.pt"):
            state.unlink()
        print(f"{training.iteration} iterations; wrote {output}")


def read_visible(study: View, protocol: str) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 [N, S, S, 3] and class indices int64 [N] that the GAN may see.

    Raises StudyError where data/cells has other classes or sizes than the study.
    """
    cells = read_cells(places.CELLS, study.image.size)
    check_labels(cells.table, study.classes, places.CELL_TABLE)
    rows = visible_cells(cells.table, read_table(places.deal(protocol)), protocol)
    labels = pd.Index(study.classes).get_indexer(cells.table["label"].iloc[rows])
    counts = np.bincount(labels, minlength=len(study.classes))
    seen = "every pool cell, as published" if protocol == "paper" else "training cells"
    print(f"{protocol}: the GAN sees {len(rows)} real cells ({seen})")
    for name, count in zip(study.classes, counts, strict=True):
        print(f"  {name:24}{count:6}")
    return cells.images[rows], labels


def fingerprint(
    gan: str,
    settings: GeneratorSettings,
    seed: int,
    images: np.ndarray,
    labels: np.ndarray,
    device: torch.device,
) -> str:
    """Identity of a training, 16 hex: settings but its length, cells, code, PyTorch."""
    course = settings.model_dump_json(exclude={"iterations"})
    digest = hashlib.sha256(f"{course} {seed}".encode())
    digest.update(f"{device.type} {torch.__version__}".encode())
    digest.update(np.ascontiguousarray(images))
    digest.update(np.ascontiguousarray(labels))
    digest.update("".join(fingerprint_stage("train_gan", [gan_module(gan)])).encode())
    return digest.hexdigest()[:16]


if __name__ == "__main__":
    run_stage(main)
