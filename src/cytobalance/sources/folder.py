"""Any tree with a folder a class: an image's label is the name of its folder."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from cytobalance.sources.entry import Entry, is_image_name
from cytobalance.sources.members import Archive, Rejected
from cytobalance.study.runtime import StudyError

CODES: dict[str, str | None] = {}
# Folders above the classes whose names begin so hold the parts of a published split:
# `TRAIN`, `test_images`, `val2017`.
PART = re.compile(r"(train(ing)?|test(ing)?|val(id(ation)?)?)(?![a-z])", re.IGNORECASE)


def list_entries(archive: Archive) -> Iterator[Entry | Rejected]:
    """Entries without subjects; images outside any folder have no label."""
    for file in archive.names():
        if is_image_name(file):
            label = PurePosixPath(file).parent.name
            yield (
                Entry(file, label) if label else Rejected(file, "not in a class folder")
            )


def take_parts(name: str, entries: list[Entry], parts: dict[str, str]) -> list[Entry]:
    """The entries of source `name` with the published part that their folder means.

    parts: a folder above the class's -> train, validation or test. Raises StudyError
    where a folder holds no image.
    """
    taken, seen = [], set()
    for entry in entries:
        above = [folder for folder in _above(entry.file) if folder in parts]
        seen.update(above)
        taken.append(replace(entry, part=parts[above[-1]]) if above else entry)
    if absent := sorted(set(parts) - seen):
        raise StudyError(
            f"source {name}: `parts` names {', '.join(map(repr, absent))}, but no "
            "image lies in a class folder below it"
        )
    return taken


def list_pooled(files: Iterable[str], parts: dict[str, str]) -> list[str]:
    """Folders above the classes that look like published parts and are pooled."""
    above = {folder for file in files for folder in _above(file)}
    return sorted(f for f in above if PART.match(f) and f not in parts)


def _above(file: str) -> tuple[str, ...]:
    """Folders above the class's folder, outermost first."""
    return PurePosixPath(file).parts[:-2]
