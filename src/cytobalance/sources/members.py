"""What every kind of archive shares: members, the safety of names, reading one."""

import lzma
import re
import tarfile
import zipfile
import zlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from cytobalance.study.runtime import StudyError

# Larger members are no image of one cell; guards memory against a compressed bomb.
MAX_BYTES = 256 * 2**20
# What systems leave in folders: start of a file's name, and names of folders.
LITTER = (
    ("._", "macOS metadata"),
    (".DS", "macOS metadata"),
    ("Thumbs.db", "Windows metadata"),
    ("desktop.ini", "Windows metadata"),
)
LITTER_FOLDERS = {
    "__MACOSX": "macOS metadata",
    "$RECYCLE.BIN": "Windows metadata",
    "@eaDir": "NAS metadata",
    ".ipynb_checkpoints": "copy by Jupyter",
}
PACKED = (
    *(".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz"),
    *(".tar.zst", ".npz", ".rar", ".7z"),
)
DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, tarfile.TarError),
    *(EOFError, OSError),
)


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive: all that it takes to read it, without the archive's list.

    size: bytes unpacked. packed: bytes of a deflated zip member, 0 where it is stored
    as it is. checksum: a zip member's CRC-32.
    """

    name: str
    position: int
    size: int
    packed: int = 0
    checksum: int = 0


@dataclass(frozen=True, slots=True)
class Rejected:
    """A file that is left out; `by_rule` where that is expected and no fault.

    field: the archive's file where `file` is a cell in it.
    """

    file: str
    reason: str
    raw_label: str = ""
    by_rule: bool = False
    field: str = ""

    @property
    def member(self) -> str:
        """The archive's file that this is, or lies in."""
        return self.field or self.file


class UnreadableError(Exception):
    """One member can't be read; the message is the reason for rejected.csv."""


@dataclass
class Archive:
    """What all kinds share. `_scan` lists members and rejects those that are unsafe."""

    path: Path
    rejected: list[Rejected] = field(default_factory=list)

    @cached_property
    def members(self) -> dict[str, Member]:
        """Name -> member, sorted by name. Fills `rejected` on the way.

        Raises StudyError where the archive as a whole is damaged.
        """
        by_name: dict[str, Member] = {}
        try:
            for member in self._scan():
                if reason := find_litter(member.name):
                    self.rejected.append(Rejected(member.name, reason, by_rule=True))
                    continue
                if member.name in by_name:
                    reason = "duplicate member name; the last one counts, as in unzip"
                    self.rejected.append(Rejected(member.name, reason))
                by_name[member.name] = member
        except DAMAGE as error:
            raise StudyError(
                f"{self.path.name}: damaged archive ({_in_words(error)}); "
                "get it again, see docs/sources.md"
            ) from None
        return dict(sorted(by_name.items()))

    def names(self) -> list[str]:
        """Names of all members that may be read, sorted; litter is not among them."""
        return list(self.members)

    def read(self, name: str) -> bytes:
        """Bytes of the member `name`. Raises UnreadableError."""
        return self.read_member(self.members[name])

    def read_member(self, member: Member) -> bytes:
        """Bytes of `member`. Raises UnreadableError, whose message is the reason."""
        if member.size > MAX_BYTES:
            raise UnreadableError(f"larger than {MAX_BYTES >> 20} MB")
        try:
            data = self._read(member)
        except DAMAGE as error:
            raise UnreadableError(f"damaged: {_in_words(error)}") from None
        if len(data) != member.size:
            raise UnreadableError("damaged: shorter than the archive says")
        return data

    def _reject(self, name: str, reason: str) -> None:
        self.rejected.append(Rejected(name, reason))

    def _is_safe(self, name: str) -> bool:
        """Whether `name` stays inside the archive; otherwise reject it."""
        parts = PurePosixPath(name).parts
        if name.startswith("/") or ".." in parts or re.match(r"[A-Za-z]:", name):
            self._reject(name, "unsafe path in the archive (absolute or `..`)")
            return False
        return True


def is_packed_name(file: str) -> bool:
    """Whether the name ends as an archive's does, in any case."""
    return file.lower().endswith(PACKED)


def find_litter(file: str) -> str:
    """Reason why `file` is an operating system's leftover, or empty."""
    path = PurePosixPath(file)
    for folder in path.parts[:-1]:
        if folder in LITTER_FOLDERS:
            return LITTER_FOLDERS[folder]
    if path.name == "Icon\r":  # the icon of a folder
        return "macOS metadata"
    for start, reason in LITTER:
        if path.name.startswith(start):
            return reason
    return ""


def _in_words(error: BaseException) -> str:
    """The error in one line, without the paths that OSError puts into its text."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__
