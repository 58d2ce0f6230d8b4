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
from lightning_fabric.plugins.environments import LightningEnvironment
from torch import nn

from cytobalance.devices import pick_device
from cytobalance.runtime import (
    StudyError,
    atomic_folder,
    derive_seed,
    partial_folder,
)

PRECISIONS = {"fp32": "32-true", "bf16": "bf16-mixed"}
# Channels x pixels a side below which a layer is too small for several threads: they
# gain a fifth on idle cores, and lose a factor of ten where another program runs.
SMALL = 2048


def start_fabric(precision: str) -> Fabric:
    """One process, or those that `torchrun` started; precision `fp32` or `bf16`.

    Raises StudyError where this machine has fewer GPUs than processes.
    """
    # Fabric's notes on precision and ranks are no news to a user.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    local = int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    total = int(os.environ.get("WORLD_SIZE", 1))
    device = pick_device().type
    if device == "cuda" and local > torch.cuda.device_count():
        raise StudyError(
            f"{local} processes, but PyTorch sees {torch.cuda.device_count()} GPUs "
            "here; start one process a GPU (--nproc-per-node)"
        )
    with warnings.catch_warnings():
        # The device set is the machine's matter, not a setting someone forgot.
        warnings.filterwarnings("ignore", message=".*available but not used.*")
        fabric = Fabric(
            accelerator=device,
            devices=local,
            num_nodes=total // local,
            strategy="ddp" if total > 1 else "auto",
            precision=PRECISIONS[precision],
            # One process is one, also in a SLURM job of several tasks.
            plugins=[LightningEnvironment()] if total == 1 else None,
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


def check_agreement(fabric: Fabric, *facts: object) -> None:
    """StudyError in every process where one knows other facts than the others."""
    own = torch.tensor([derive_seed(0, *facts)], device=fabric.device)
    if len(fabric.all_gather(own).unique()) > 1:
        raise StudyError(
            "the processes see different cells, settings or saved states; put the "
            "project on a disk that all machines share"
        )


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


def average_gradients(network: nn.Module, fabric: Fabric) -> None:
    """Mean of the gradients over processes, in one message.

    Losses are means over equal shares, so this gives the joined batch's gradients,
    the penalty's included.
    """
    if fabric.world_size == 1:
        return
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    joined = torch.cat([gradient.flatten() for gradient in gradients])
    flat = fabric.all_reduce(joined, reduce_op="mean")
    for gradient, part in zip(
        gradients, flat.split([g.numel() for g in gradients]), strict=True
    ):
        gradient.copy_(part.view_as(gradient))
