"""PBC, Acevedo 2020: `<class>/<PREFIX>_<number>.jpg`; the prefix is the finer label."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from cytobalance.sources.entry import Entry, is_image_name
from cytobalance.sources.members import Archive
from cytobalance.taxonomy import CODES as ALL_CODES

CODES = ALL_CODES["pbc"]


def list_entries(archive: Archive) -> Iterator[Entry]:
    """Entries of an Acevedo archive. It names no patients: subjects stay empty."""
    for file in archive.names():
        if is_image_name(file):
            prefix = PurePosixPath(file).stem.rpartition("_")[0]
            yield Entry(file, prefix)
