"""The files that are to be named: single ones, and those of folders and archives."""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cytobalance.sources.archive import (
    FolderArchive,
    TarArchive,
    ZipArchive,
    open_archive,
)
from cytobalance.sources.entry import is_image_name
from cytobalance.sources.members import Archive, Member, find_litter, is_packed_name
from cytobalance.study.runtime import StudyError


@dataclass(frozen=True, slots=True)
class File:
    """A file to name; `reason` where it is clear before reading that it can't be.

    name: as it was given, with the path below a folder or in an archive; subject: whose
    differential it counts in.
    """

    name: str
    subject: str
    archive: Archive | None = None
    member: Member | None = None
    reason: str = ""

    @property
    def packed(self) -> bool:
        """Whether it lies in an archive, which one thread alone may read."""
        return not isinstance(self.archive, FolderArchive | None)


class Finder:
    """Lists files. pattern: whose first group, or all of it, is the subject in a name.

    Without a pattern the subject is the folder, or the archive, that was given, down to
    the first level of folders in it. left_out counts litter of operating systems, and
    files whose names are not those of images, both as `ingest` leaves them out.
    """

    def __init__(self, pattern: str | None = None):
        try:
            self.pattern = None if pattern is None else re.compile(pattern)
        except re.error as error:
            raise StudyError(
                f"--subject {pattern}: no regular expression ({error}); put what "
                r"names a subject in brackets, as in '(P\d+)_'"
            ) from None
        self.left_out = 0

    def find(self, given: list[Path]) -> list[File]:
        """The files named, and the images of folders and archives named, in order.

        Those of an archive are in its own order, in which they are quick to read.
        Raises StudyError where a folder holds no images.
        """
        files: list[File] = []
        for path in given:
            try:
                if path.is_dir():
                    files += self._list_folder(path)
                elif find_litter(path.name):
                    self.left_out += 1
                elif path.is_file() and is_packed_name(path.name):
                    files += self._list_packed(path)
                else:
                    files.append(self._name_file(path))
            except OSError as error:  # in a folder closed to us, or of too long a name
                reason = f"can't be read: {error.strerror}"
                files.append(self._fault(path, reason, path.parent))
        return files

    def _name_file(self, path: Path) -> File:
        if path.is_file():
            member = Member(path.name, 0, path.stat().st_size)
            subject = self._subject(str(path), str(path.parent))
            return File(str(path), subject, FolderArchive(path.parent), member)
        reason = "no regular file" if path.exists() else "missing"
        return self._fault(path, reason, path.parent)

    def _list_folder(self, path: Path) -> list[File]:
        archive = FolderArchive(path)
        files = self._list_members(path, archive)
        for member in archive.members.values():
            if is_packed_name(member.name):
                files += self._list_packed(path / member.name)
        if not files:
            raise StudyError(f"{path} holds no image files; name another folder")
        return files

    def _list_packed(self, path: Path) -> list[File]:
        try:
            archive = open_archive(path)
            files = self._list_members(path, archive)
        except StudyError as error:
            reason = str(error).removeprefix(f"{path}: ")
            return [self._fault(path, reason)]
        inner = [name for name in archive.members if is_packed_name(name)]
        reason = "an archive in an archive; unpack it first"
        files += [self._place(path, name, reason=reason) for name in inner]
        return files or [self._fault(path, "archive without image files")]

    def _list_members(self, path: Path, archive: Archive) -> list[File]:
        members = list(archive.members.values())  # fills `rejected` too
        images = [member for member in members if is_image_name(member.name)]
        faults = [item for item in archive.rejected if not item.by_rule]
        packed = sum(is_packed_name(member.name) for member in members)
        self.left_out += len(members) - len(images) - packed
        self.left_out += len(archive.rejected) - len(faults)
        if isinstance(archive, ZipArchive | TarArchive):
            images.sort(key=lambda member: member.position)
        files = [self._place(path, m.name, archive=archive, member=m) for m in images]
        files += [self._place(path, f.file, reason=f.reason) for f in faults]
        if isinstance(archive, FolderArchive):
            files.sort(key=lambda file: file.name)
        return files

    def _place(self, path: Path, below: str, **facts) -> File:
        """A file in the folder or archive `path`."""
        name, parts = str(path / below), PurePosixPath(below).parts
        default = str(path / parts[0]) if len(parts) > 1 else str(path)
        return File(name, self._subject(name, default), **facts)

    def _fault(self, path: Path, reason: str, default: Path | None = None) -> File:
        subject = self._subject(str(path), str(default or path))
        return File(str(path), subject, reason=reason)

    def _subject(self, name: str, default: str) -> str:
        if self.pattern is None:
            return one_line(default)
        found = self.pattern.search(name)
        if found is None:
            return ""
        return one_line(found[1] or "" if self.pattern.groups else found[0])


def one_line(name: str) -> str:
    """A name may hold a line end, as macOS's `Icon\\r` does: a row stays a line."""
    return name.replace("\r", "\\r").replace("\n", "\\n")
