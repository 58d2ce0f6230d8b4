"""Bone marrow, Matek 2021: `<CODE>/<CODE>_00001.jpg`, or in number folders below.

The full set nests its large classes: `<CODE>/0001-1000/<CODE>_00001.jpg`.
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from cytobalance.sources.entry import Entry, is_image_name
from cytobalance.sources.members import Archive
from cytobalance.taxonomy import CODES as ALL_CODES

CODES = ALL_CODES["mll"]


def list_entries(archive: Archive) -> Iterator[Entry]:
    """Entries of a Matek 2021 archive. It names no patients: subjects stay empty."""
    for file in archive.names():
        if is_image_name(file):
            parent = PurePosixPath(file).parent
            if re.fullmatch(r"\d+-\d+", parent.name):
                parent = parent.parent
            yield Entry(file, parent.name)
