"""AML-Cytomorphology_LMU: `<CODE>/<CODE>_0001.tiff` beside annotations.dat."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from cytobalance.runtime import StudyError
from cytobalance.sources.entry import Entry, is_image_name
from cytobalance.sources.labels import read_text
from cytobalance.sources.members import Archive, Rejected
from cytobalance.taxonomy import CODES as ALL_CODES

CODES = ALL_CODES["lmu"]


def list_entries(archive: Archive) -> Iterator[Entry | Rejected]:
    """Entries of an LMU archive; subjects stay empty, the set names no patients.

    The label is the second column of annotations.dat (path, label and two
    re-annotations), and the folder's code where that file or its row is missing:
    in the published set the two agree on all 18,365 images.
    """
    labels: dict[str, str] = {}
    for file in archive.names():
        if PurePosixPath(file).name == "annotations.dat":
            labels |= _read_labels(file, read_text(archive, file))
            yield Rejected(file, "labels, not an image", by_rule=True)
    for file in archive.names():
        if is_image_name(file):
            path = PurePosixPath(file)
            folder = path.parent.name
            yield Entry(file, labels.get(f"{folder}/{path.name}", folder))


def _read_labels(file: str, text: str) -> dict[str, str]:
    """Path -> label of the rows of annotations.dat."""
    labels = {}
    for number, line in enumerate(text.splitlines(), 1):
        columns = line.split()
        if columns and len(columns) < 2:
            raise StudyError(
                f"{file}, line {number}: must hold a path and a label separated by "
                "blanks; get the file again"
            )
        if columns:
            labels[columns[0]] = columns[1]
    return labels
