"""Any tree with a folder a class: an image's label is the name of its folder."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from cytobalance.sources.entry import Entry, is_image_name
from cytobalance.sources.members import Archive, Rejected

CODES: dict[str, str | None] = {}


def list_entries(archive: Archive) -> Iterator[Entry | Rejected]:
    """Entries without subjects; images outside any folder have no label."""
    for file in archive.names():
        if is_image_name(file):
            label = PurePosixPath(file).parent.name
            yield (
                Entry(file, label) if label else Rejected(file, "not in a class folder")
            )
