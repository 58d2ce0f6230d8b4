"""Our layout for the set of a laboratory: images/ beside cells.csv.

cells.csv has the columns file (below images/), label (one of the 19 types) and patient;
with xmin, ymin, xmax and ymax it has a row a cell of a larger image.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath

from cytobalance.sources.boxes import find_edges
from cytobalance.sources.entry import Entry
from cytobalance.sources.labels import Labels, find_labels, list_labels, read_rows
from cytobalance.sources.members import Archive, Rejected
from cytobalance.taxonomy import CODES as ALL_CODES

CODES = ALL_CODES["eone"]
COLUMNS = ("file", "label", "patient")


def list_entries(archive: Archive) -> Iterator[Entry | Rejected]:
    """Entries of cells.csv; images that it does not list are rejected."""
    table = find_labels(archive, "cells.csv")
    sheet = read_rows(archive, table, COLUMNS)
    edges = find_edges(table, sheet.columns)
    images = PurePosixPath(table).parent / "images"
    yield Rejected(table, "labels, not an image", by_rule=True)
    yield from list_labels(archive, Labels(table, sheet, images, COLUMNS, edges))
