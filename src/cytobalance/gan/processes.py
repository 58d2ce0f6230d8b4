"""Device, precision and processes of a training, carried by Lightning Fabric."""

import io
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from lightning_fabric import Fabric

from cytobalance.devices import pick_device
from cytobalance.runtime import StudyError, atomic_folder, partial_folder

PRECISIONS = {"fp32": "32-true", "bf16": "bf16-mixed"}
# Channels x pixels a side below which a layer is too small for several threads: they
# gain a fifth on idle cores, and lose a factor of ten where another program runs.
SMALL = 2048


def start_fabric(precision: str) -> Fabric:
    """One process, or those that `torchrun` started; precision `fp32` or `bf16`."""
    # Fabric's notes on precision and ranks are no news to a user.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    local = int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    total = int(os.environ.get("WORLD_SIZE", 1))
    with warnings.catch_warnings():
        # The device set is the machine's matter, not a setting someone forgot.
        warnings.filterwarnings("ignore", message=".*available but not used.*")
        fabric = Fabric(
            accelerator=pick_device().type,
            devices=local,
            num_nodes=total // local,
            strategy="ddp" if total > 1 else "auto",
            precision=PRECISIONS[precision],
        )
    fabric.launch()
    if fabric.global_rank:
        sys.stdout = io.StringIO()  # the first process speaks for all
    return fabric


def limit_threads(width: int, size: int, fabric: Fabric) -> None:
    """Keep small networks on one thread of a CPU; width in channels, size in pixels."""
    if fabric.device.type == "cpu" and width * size < SMALL:
        torch.set_num_threads(1)


def own_share(batch: int, fabric: Fabric) -> slice:
    """This process's part of a joined batch; StudyError where it can't be divided."""
    if batch % fabric.world_size:
        raise StudyError(
            f"gan.batch {batch} can't be shared by {fabric.world_size} processes; "
            "choose a multiple"
        )
    size = batch // fabric.world_size
    return slice(size * fabric.global_rank, size * (fabric.global_rank + 1))


@contextmanager
def shared_folder(path: Path, fabric: Fabric) -> Iterator[Path]:
    """`atomic_folder` for several processes: the first makes it, and names it last."""
    if fabric.global_rank == 0:
        with atomic_folder(path) as folder:
            fabric.barrier()
            yield folder
            fabric.barrier()
    else:
        fabric.barrier()
        yield partial_folder(path)
        fabric.barrier()
