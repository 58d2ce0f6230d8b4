"""What a layout yields for an image, and how file names tell images."""

from dataclasses import dataclass
from pathlib import PurePosixPath

# Files with another ending are no images by their name, whatever they hold.
IMAGE_SUFFIXES = (
    *(".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg"),
    *(".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """An image and its label as published. `part`: the published split, or empty."""

    file: str
    raw_label: str
    subject: str = ""
    part: str = ""


def is_image_name(file: str) -> bool:
    """Whether the name ends as an image's does, in any case."""
    return PurePosixPath(file).suffix.lower() in IMAGE_SUFFIXES
