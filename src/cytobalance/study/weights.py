"""Files of weights, as PyTorch writes them, read without running what is in them."""

import zipfile
from pathlib import Path
from typing import Any

import torch


def read_weights(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """What `torch.save` wrote, its tensors on `device`; ValueError where it is damaged.

    PyTorch leaves the checksums of its files aside: one flipped bit would be a weight.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
    except zipfile.BadZipFile as error:
        raise ValueError(str(error)) from None
    if broken:
        raise ValueError(f"checksum of {broken}")
    return torch.load(path, map_location=device, weights_only=True)
