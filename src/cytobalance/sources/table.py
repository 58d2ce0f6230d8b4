"""Any images with one CSV of path, label and subject, paths relative to the CSV."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from cytobalance.sources.entry import Entry
from cytobalance.sources.labels import find_labels, read_labels
from cytobalance.sources.members import Archive, Rejected

CODES: dict[str, str | None] = {}


def list_entries(archive: Archive) -> Iterator[Entry | Rejected]:
    """Entries of the table; images that it does not list are rejected."""
    table = find_labels(archive, "*.csv")
    images = PurePosixPath(table).parent
    yield Rejected(table, "labels, not an image", by_rule=True)
    yield from read_labels(archive, table, images, "path", "label", "subject")
