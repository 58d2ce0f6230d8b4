"""The state of an unfinished training on disk."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from cytobalance.study.runtime import (
    UNREADABLE,
    StudyError,
    atomic_file,
    describe_error,
)
from cytobalance.study.weights import read_weights


def write_state(path: Path, state: dict) -> None:
    """Write a state, whole or not at all; OSError where it can't be written."""
    content = io.BytesIO()
    torch.save(state, content)
    with atomic_file(path) as partial, partial.open("wb") as file:
        file.write(content.getbuffer())
        file.flush()
        os.fsync(file.fileno())  # before it takes the last one's name


@contextmanager
def read_state(path: Path, device: torch.device) -> Iterator[dict]:
    """What `write_state` wrote, to be put to use inside the block.

    Raises StudyError where it can't be read, or doesn't fit where it is put. A full
    memory, or a file that this user may not read, is no damage and passes.
    """
    try:
        yield read_weights(path, device)
    except UNREADABLE as error:
        if describe_error(error) is not None:
            raise
        raise StudyError(
            f"{path}: the saved state is damaged; delete it, the training starts anew"
        ) from None
