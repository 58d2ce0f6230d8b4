"""The processes of one training: their device and precision, and what they exchange."""

import atexit
import io
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, distributed, nn

from cytobalance.study.devices import pick_device
from cytobalance.study.runtime import (
    StudyError,
    atomic_folder,
    derive_seed,
    partial_folder,
)

# Channels x pixels a side below which a layer is too small for several threads: they
# gain a fifth on idle cores, and lose a factor of ten where another program runs.
SMALL = 2048


@dataclass(frozen=True)
class Processes:
    """One of `count` processes of a training: the `rank`-th, on `device`."""

    device: torch.device
    precision: str  # fp32 or bf16
    rank: int = 0
    count: int = 1

    def autocast(self) -> AbstractContextManager:
        """Where forward passes run in the precision of the training."""
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def mean(self, values: Tensor) -> Tensor:
        """Mean of a tensor over all processes; same shape."""
        if self.count == 1:
            return values
        total = values.clone()
        distributed.all_reduce(total)
        return total / self.count

    def barrier(self) -> None:
        """Wait until every process is here."""
        if self.count > 1:
            distributed.barrier()


def start_processes(precision: str) -> Processes:
    """One process, or those that `torchrun` started; precision `fp32` or `bf16`.

    Raises StudyError where this machine has fewer GPUs than processes.
    """
    local = int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    count = int(os.environ.get("WORLD_SIZE", 1))
    device = pick_device()
    if device.type == "cuda":
        if local > torch.cuda.device_count():
            raise StudyError(
                f"{local} processes, but PyTorch sees {torch.cuda.device_count()} GPUs "
                "here; start one process a GPU (--nproc-per-node)"
            )
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
        torch.cuda.set_device(device)
    if count == 1:
        return Processes(device, precision)
    if not distributed.is_initialized():
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
        atexit.register(distributed.destroy_process_group)
    rank = distributed.get_rank()
    if rank:
        sys.stdout = io.StringIO()  # the first process speaks for all
    return Processes(device, precision, rank, count)


def limit_threads(width: int, size: int, device: torch.device) -> None:
    """Keep small networks on one thread of a CPU; width in channels, size in pixels."""
    if device.type == "cpu" and width * size < SMALL:
        torch.set_num_threads(1)


def share_of(batch: int, processes: Processes) -> slice:
    """This process's part of a joined batch; StudyError where it can't be divided."""
    if batch % processes.count:
        raise StudyError(
            f"gan.batch {batch} can't be shared by {processes.count} processes; "
            "choose a multiple"
        )
    size = batch // processes.count
    return slice(size * processes.rank, size * (processes.rank + 1))


def check_agreement(processes: Processes, *facts: object) -> None:
    """StudyError in every process where one has other facts than the others."""
    if processes.count == 1:
        return
    mine = torch.tensor([derive_seed(0, *facts)], device=processes.device)
    all_facts = [torch.empty_like(mine) for _ in range(processes.count)]
    distributed.all_gather(all_facts, mine)
    if len(torch.cat(all_facts).unique()) > 1:
        raise StudyError(
            "the processes see different cells, settings or saved states; put the "
            "project on a disk that all machines share"
        )


@contextmanager
def shared_folder(path: Path, processes: Processes) -> Iterator[Path]:
    """`atomic_folder` for several processes: the first makes it, and names it last."""
    if processes.rank == 0:
        with atomic_folder(path) as folder:
            processes.barrier()
            yield folder
            processes.barrier()
    else:
        processes.barrier()
        yield partial_folder(path)
        processes.barrier()


def average_gradients(network: nn.Module, processes: Processes) -> None:
    """Mean of the gradients over processes, in one message.

    Losses are means over equal shares, so this gives the joined batch's gradients,
    the penalty's included.
    """
    if processes.count == 1:
        return
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    flat = processes.mean(torch.cat([gradient.flatten() for gradient in gradients]))
    for gradient, part in zip(
        gradients, flat.split([g.numel() for g in gradients]), strict=True
    ):
        gradient.copy_(part.view_as(gradient))
