"""Our layout for a laboratory's own set: images/ beside cells.csv.

cells.csv has the columns file (below images/), label (one of the 19 types) and patient.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath

from cytobalance.sources.entry import Entry
from cytobalance.sources.labels import find_labels, read_labels
from cytobalance.sources.members import Archive, Rejected
from cytobalance.taxonomy import CODES as ALL_CODES

CODES = ALL_CODES["eone"]


def list_entries(archive: Archive) -> Iterator[Entry | Rejected]:
    """Entries of cells.csv; images that it does not list are rejected."""
    table = find_labels(archive, "cells.csv")
    images = PurePosixPath(table).parent / "images"
    columns = ("file", "label", "patient")
    yield Rejected(table, "labels, not an image", by_rule=True)
    yield from read_labels(archive, table, images, *columns)
