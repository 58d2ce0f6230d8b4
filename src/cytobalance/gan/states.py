"""The state of an unfinished training on disk."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from cytobalance.runtime import UNREADABLE, StudyError, atomic_file


def write_state(path: Path, state: dict) -> None:
    """Write a state, whole or not at all; StudyError where it can't be written."""
    content = io.BytesIO()
    torch.save(state, content)
    try:
        with atomic_file(path) as partial, partial.open("wb") as file:
            file.write(content.getbuffer())
            file.flush()
            os.fsync(file.fileno())  # before it takes the last one's name
    except OSError as error:
        raise StudyError(
            f"{path}: the training's state of iteration {state['iteration']} can't be "
            f"written ({error.strerror}); make room and start again, it goes on from "
            "the last state"
        ) from None


@contextmanager
def read_state(path: Path, device: torch.device) -> Iterator[dict]:
    """What `write_state` wrote, to be put to use inside the block.

    Raises StudyError where it can't be read, or doesn't fit where it is put.
    """
    try:
        yield torch.load(path, map_location=device, weights_only=True)
    except UNREADABLE:
        raise StudyError(
            f"{path}: the saved state is damaged; delete it, the training starts anew"
        ) from None
