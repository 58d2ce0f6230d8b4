"""What a layout yields for an image, and how file names tell images."""

from dataclasses import dataclass
from pathlib import PurePosixPath

# Files with another ending are no images by their name, whatever they hold.
IMAGE_SUFFIXES = (
    *(".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg"),
    *(".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"),
)


# Left, upper, right and lower edge in pixels of the upright image: [left, right[.
Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Entry:
    """A cell's image and its label as published. `part`: the published split, or empty.

    field: the archive's file that the cell is cut from by `box`; empty where the cell
    is all of `file`.
    """

    file: str
    raw_label: str
    subject: str = ""
    part: str = ""
    field: str = ""
    box: Box | None = None

    @property
    def member(self) -> str:
        """The archive's file that holds the cell."""
        return self.field or self.file


def is_image_name(file: str) -> bool:
    """Whether the name ends as an image's does, in any case."""
    return PurePosixPath(file.rstrip()).suffix.lower() in IMAGE_SUFFIXES
