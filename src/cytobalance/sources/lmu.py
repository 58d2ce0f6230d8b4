"""AML-Cytomorphology_LMU: `<CODE>/<CODE>_0001.tiff` beside annotations.dat."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from cytobalance.sources.entry import Entry, is_image_name
from cytobalance.sources.labels import LISTED, read_text
from cytobalance.sources.members import Archive, Rejected
from cytobalance.study.runtime import StudyError
from cytobalance.taxonomy import CODES as ALL_CODES

CODES = ALL_CODES["lmu"]
TABLE = "annotations.dat"
COLUMNS = 4  # path, label and two re-annotations


def list_entries(archive: Archive) -> Iterator[Entry | Rejected]:
    """Entries of an LMU archive; subjects stay empty, the set names no patients.

    The label is the second column of annotations.dat, and the folder's code where that
    file or its row is missing: in the published set the two agree on all 18,365 images.
    """
    labels: dict[str, str] = {}
    for file in archive.names():
        if PurePosixPath(file).name.lower() == TABLE:
            for place, label, *_ in read_annotations(file, read_text(archive, file)):
                if labels.setdefault(place, label) != label:
                    raise StudyError(
                        f"{file}: {place} has another label in another {TABLE} of the "
                        "archive; keep one of the tables"
                    )
            yield Rejected(file, "labels, not an image", by_rule=True)
    held = {name_in_table(item.file) for item in archive.rejected}
    for file in archive.names():
        if is_image_name(file):
            place = name_in_table(file)
            held.add(place)
            yield Entry(file, labels.get(place, PurePosixPath(file).parent.name))
    for place, label in labels.items():
        if place not in held:
            yield Rejected(place, LISTED.format(TABLE), label)


def name_in_table(file: str) -> str:
    """Folder and name of a file, as annotations.dat writes it."""
    return "/".join(PurePosixPath(file).parts[-2:])


def read_annotations(file: str, text: str) -> list[list[str]]:
    """Rows of annotations.dat: path, label, first and second re-annotation or `nan`.

    Raises StudyError where a row has other columns, or names an image again otherwise.
    """
    rows: dict[str, list[str]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        row = line.split()
        if row and len(row) != COLUMNS:
            raise StudyError(
                f"{file}, line {number}: {len(row)} columns, must be path, label and "
                "two re-annotations (`nan` for none), blanks between; get the file "
                "again"
            )
        if row and rows.setdefault(row[0], row) != row:
            raise StudyError(
                f"{file}, line {number}: {row[0]} stands twice, not alike; keep one"
            )
    return list(rows.values())
