"""Disk and memory that a study of legal settings needs, weighed before work starts."""

import shutil
from pathlib import Path

import psutil

from cytobalance.study.runtime import StudyError

GIB = 2**30


def check_disk(folder: Path, size: int, what: str) -> None:
    """StudyError where the disk of `folder` has no room for `size` bytes of `what`."""
    free = shutil.disk_usage(folder).free
    if size > free:
        raise StudyError(
            f"{what} need {size / GIB:,.1f} GiB of disk, and {free / GIB:,.1f} are "
            "free; make room, or lower generate.target or image.size"
        )


def check_memory(size: int, what: str, keys: str, total: int | None = None) -> None:
    """StudyError where `size` bytes of `what` exceed all memory.

    keys: the settings to lower; total: bytes of the memory meant, all of the machine's
    where it is None.
    """
    total = psutil.virtual_memory().total if total is None else total
    if size > total:
        raise StudyError(
            f"{what} need {size / GIB:,.1f} GiB of memory at least, and there are "
            f"{total / GIB:,.1f}; lower {keys}"
        )
