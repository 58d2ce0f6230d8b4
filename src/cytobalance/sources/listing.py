"""List a source: every file of its archive becomes an entry or a rejected file.

A layout is a module with `CODES` (raw label -> type; None: left out by rule; empty:
the study's own `codes`) and `list_entries(archive)`, which yields an `Entry` for every
image that has a label and a `Rejected` for every one that has none.
"""

from dataclasses import dataclass, replace
from types import ModuleType

from cytobalance.groups import Source
from cytobalance.runtime import StudyError
from cytobalance.sources import (
    bloodmnist,
    cnmc,
    eone,
    folder,
    lmu,
    mll,
    pbc,
    table,
)
from cytobalance.sources.entry import Entry, is_image_name
from cytobalance.sources.members import Archive, Rejected

# One line a layout; config.Layout names the same.
LAYOUTS: dict[str, ModuleType] = {
    "bloodmnist": bloodmnist,
    "cnmc": cnmc,
    "eone": eone,
    "folder": folder,
    "lmu": lmu,
    "mll": mll,
    "pbc": pbc,
    "table": table,
}


@dataclass(frozen=True)
class Listing:
    """A source before decoding: what to read, what is left out already, and types."""

    entries: list[Entry]
    rejected: list[Rejected]
    codes: dict[str, str | None]


def list_source(name: str, source: Source, archive: Archive) -> Listing:
    """Entries (sorted by file) and rejected files of the source `name`.

    Raises StudyError where no image is found or a label is not among the codes.
    """
    layout = LAYOUTS[source.layout]
    codes = {**layout.CODES, **source.codes}
    entries: list[Entry] = []
    rejected: dict[str, Rejected] = {}
    for item in layout.list_entries(archive):
        if isinstance(item, Rejected):
            rejected[item.file] = item
        elif not item.raw_label:
            rejected[item.file] = Rejected(item.file, "no label")
        elif codes.get(item.raw_label, "") is None:
            reason = f"code {item.raw_label} is left out by rule"
            rejected[item.file] = Rejected(item.file, reason, item.raw_label, True)
        else:
            entries.append(item)
    _check_codes(name, entries, codes)
    seen = {entry.file for entry in entries} | set(rejected)
    for file in archive.names():
        if file not in seen:
            rejected[file] = _unlisted(file)
    if not entries:
        raise StudyError(
            f"source {name}: no labelled image in {archive.path.name} that layout "
            f"`{source.layout}` knows; see docs/sources.md for what it must hold"
        )
    left_out = sorted([*archive.rejected, *rejected.values()], key=lambda i: i.file)
    return Listing(
        sorted(entries, key=lambda entry: entry.file),
        _number_repeats(left_out, {entry.file for entry in entries}),
        codes,
    )


def _number_repeats(rejected: list[Rejected], taken: set[str]) -> list[Rejected]:
    """Give a name that an archive holds again a number, so that a file is one row."""
    numbered = []
    for item in rejected:
        file, turn = item.file, 1
        while file in taken:
            turn += 1
            file = f"{item.file} ({turn})"
        taken.add(file)
        numbered.append(replace(item, file=file))
    return numbered


def _unlisted(file: str) -> Rejected:
    """Why a file that the layout passed over is left out."""
    if is_image_name(file):
        return Rejected(file, "not where this layout keeps images")
    return Rejected(file, "no image by its name", by_rule=True)


def _check_codes(name: str, entries: list[Entry], codes: dict) -> None:
    unknown: dict[str, str] = {}
    for entry in entries:
        if entry.raw_label not in codes:
            unknown.setdefault(entry.raw_label, entry.file)
    if unknown:
        labels = ", ".join(sorted(unknown))
        raise StudyError(
            f"source {name}: unknown code {labels} (first: {min(unknown.values())}); "
            f"legal: {', '.join(codes)}; give this source `codes` in params.yaml to "
            "add one"
        )
