"""Any images with one CSV of path, label and subject, paths relative to the CSV.

A table with the columns xmin, ymin, xmax and ymax has a row a cell of a larger image.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath

from cytobalance.sources.boxes import find_edges
from cytobalance.sources.entry import Entry
from cytobalance.sources.labels import Labels, find_labels, list_labels, read_rows
from cytobalance.sources.members import Archive, Rejected

CODES: dict[str, str | None] = {}
COLUMNS = ("path", "label", "subject")


def list_entries(archive: Archive) -> Iterator[Entry | Rejected]:
    """Entries of the table; images that it does not list are rejected."""
    table = find_labels(archive, "*.csv", "*.tsv")
    sheet = read_rows(archive, table, COLUMNS)
    edges = find_edges(table, sheet.columns)
    yield Rejected(table, "labels, not an image", by_rule=True)
    images = PurePosixPath(table).parent
    yield from list_labels(archive, Labels(table, sheet, images, COLUMNS, edges))
