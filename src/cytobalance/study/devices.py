"""Where tensors are worked on, and how a run is made repeatable there."""

import os

import torch

from cytobalance.study.room import check_memory
from cytobalance.study.runtime import StudyError

# Never a parameter: the machine must not change a study's hashes.
DEVICE_VARIABLE = "CYTOBALANCE_DEVICE"


def pick_device() -> torch.device:
    """The GPU where there is one, else the CPU; CYTOBALANCE_DEVICE=cpu|cuda rules.

    Raises StudyError where the variable holds something else, or a missing GPU.
    """
    wanted = os.environ.get(DEVICE_VARIABLE, "")
    if wanted not in ("", "cpu", "cuda"):
        raise StudyError(f"{DEVICE_VARIABLE}={wanted}: set it to cpu or cuda, or unset")
    if wanted == "cuda" and not torch.cuda.is_available():
        raise StudyError(
            f"{DEVICE_VARIABLE}=cuda, but PyTorch sees no GPU here; unset it or use cpu"
        )
    if wanted:
        return torch.device(wanted)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def check_step(batch: int, width: int, size: int, keys: str) -> None:
    """StudyError where one layer of `width` channels of a batch is beyond all memory.

    size: pixels a side. keys: of params.yaml, which hold batch and width. A step takes
    several times as much: what passes may still be too large, what is refused could
    never run.
    """
    device = pick_device()
    total = torch.cuda.mem_get_info()[1] if device.type == "cuda" else None
    needed = batch * width * (size // 2) ** 2 * 4  # float32, after one halving
    check_memory(needed, "a step of training", f"{keys} or image.size", total)


def make_deterministic() -> None:
    """Let PyTorch use only algorithms that give the same numbers twice, and true fp32.

    Convolutions would be TF32 on a GPU by cuDNN's default, with ten bits of fp32's 23.
    """
    torch.backends.cudnn.conv.fp32_precision = "ieee"
    torch.backends.cuda.matmul.fp32_precision = "ieee"
    # cuBLAS reads its workspace setting when it is first used.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    # It would also fill every new tensor with NaN, to make reads of memory that was
    # never written repeatable; ours never is read, and filling costs a third of a step.
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.backends.cudnn.benchmark = False
