"""List a source: every file of its archive becomes an entry or a rejected file.

A layout is a module with `CODES` (raw label -> type; None: left out by rule; empty:
the `codes` of the study) and `list_entries(archive)`, which yields an `Entry` for every
image that has a label and a `Rejected` for every one that has none.
"""

from collections import Counter
from dataclasses import dataclass, replace
from types import ModuleType

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
from cytobalance.sources.members import Archive, Rejected, is_packed_name
from cytobalance.study.names import compose
from cytobalance.study.runtime import StudyError
from cytobalance.study.settings import Source

NAMED_REASONS = 3  # named where no image is left
SHOWN_CODES = 20  # unknown ones that an error names; the rest are counted

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
    """A source before decoding: what to read, what is left out already, and types.

    codes: each raw label of the entries, as it stands, and its type.
    """

    entries: list[Entry]
    rejected: list[Rejected]
    codes: dict[str, str]


def list_source(name: str, source: Source, archive: Archive) -> Listing:
    """Entries (sorted by file) and rejected files of the source `name`.

    Raises StudyError where no image is found or a label is not among the codes.
    """
    layout = LAYOUTS[source.layout]
    codes = layout.CODES | _compose_codes(name, source.codes)
    seen: set[str] = set()
    entries: list[Entry] = []
    rejected: dict[str, Rejected] = {}
    for item in layout.list_entries(archive):
        seen.add(item.member)
        if isinstance(item, Rejected):
            rejected[item.file] = item
        elif not item.raw_label:
            rejected[item.file] = Rejected(item.file, "no label")
        elif codes.get(compose(item.raw_label), "") is None:
            # In quotes, here and below, so that blanks around a folder's name show.
            reason = f"code {item.raw_label!r} is left out by rule"
            rejected[item.file] = Rejected(item.file, reason, item.raw_label, True)
        else:
            entries.append(item)
    _check_codes(name, entries, codes)
    if source.parts:
        entries = folder.take_parts(name, entries, source.parts)
    for file in archive.names():
        if file not in seen:
            rejected[file] = _unlisted(file)
    left_out = sorted([*archive.rejected, *rejected.values()], key=lambda i: i.file)
    if not entries:
        raise StudyError(
            f"source {name}: no labelled image in {archive.path.name} that layout "
            f"`{source.layout}` knows{_count_reasons(left_out)}; see docs/sources.md "
            "for what it must hold"
        )
    return Listing(
        sorted(entries, key=lambda entry: entry.file),
        _number_repeats(left_out, {entry.file for entry in entries}),
        {e.raw_label: codes[compose(e.raw_label)] for e in entries},
    )


def _number_repeats(rejected: list[Rejected], taken: set[str]) -> list[Rejected]:
    """Give a name that an archive holds again a number, so that a file is one row."""
    numbered = []
    for item in rejected:
        file, number = item.file, 1
        while file in taken:
            number += 1
            file = f"{item.file} ({number})"
        taken.add(file)
        numbered.append(replace(item, file=file))
    return numbered


def _compose_codes(name: str, codes: dict[str, str | None]) -> dict[str, str | None]:
    """A study's codes, accents written as they are compared."""
    composed = {compose(code): kind for code, kind in codes.items()}
    if len(composed) < len(codes):
        raise StudyError(
            f"source {name}: two of its `codes` differ in the way accents are written "
            "alone; keep one"
        )
    return composed


def _count_reasons(rejected: list[Rejected]) -> str:
    """The commonest reasons as text, or empty where nothing was left out."""
    counts = Counter(item.reason for item in rejected).most_common(NAMED_REASONS)
    words = ", ".join(f"{count} x {reason}" for reason, count in counts)
    return f" (left out: {words})" if words else ""


def _unlisted(file: str) -> Rejected:
    """Why a file that the layout passed over is left out."""
    if is_image_name(file):
        return Rejected(file, "not where this layout keeps images")
    if is_packed_name(file):
        return Rejected(file, "an archive inside the archive; unpack it first")
    return Rejected(file, "no image by its name", by_rule=True)


def _check_codes(name: str, entries: list[Entry], codes: dict) -> None:
    unknown: dict[str, str] = {}
    for entry in entries:
        if compose(entry.raw_label) not in codes:
            unknown.setdefault(entry.raw_label, entry.file)
    if unknown:
        labels = ", ".join(map(repr, sorted(unknown)[:SHOWN_CODES]))
        if len(unknown) > SHOWN_CODES:
            labels += f" and {len(unknown) - SHOWN_CODES} more"
        raise StudyError(
            f"source {name}: unknown code {labels} (first: {min(unknown.values())!r}); "
            f"legal: {', '.join(map(repr, codes))}; give this source `codes` in "
            "params.yaml to add one"
        )
