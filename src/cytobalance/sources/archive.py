"""Read a published archive in place: a folder, zip, tar, tar.gz or npz, never unpacked.

An archive lists its members once (`members`, `rejected`); `read_member` needs no list,
so that every worker process opens the archive for itself and starts at once.
"""

import os
import re
import stat
import tarfile
import zipfile
import zlib
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import IO

import numpy as np

from cytobalance.errors import StudyError

# Larger members are no image of one cell; guards memory against a compressed bomb.
MAX_BYTES = 256 * 2**20
DAMAGE = (zipfile.BadZipFile, zlib.error, tarfile.TarError, EOFError, OSError)


@dataclass(frozen=True)
class Member:
    """One file of an archive: its name, where it starts, and its bytes unpacked."""

    name: str
    position: int
    size: int


@dataclass(frozen=True)
class Rejected:
    """A file that is left out; `by_rule` where that is expected and no fault."""

    file: str
    reason: str
    raw_label: str = ""
    by_rule: bool = False


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
        found: dict[str, Member] = {}
        try:
            for member in self._scan():
                if member.name in found:
                    reason = "duplicate member name; the last one counts, as in unzip"
                    self.rejected.append(Rejected(member.name, reason))
                found[member.name] = member
        except DAMAGE as error:
            raise StudyError(
                f"{self.path.name}: damaged archive ({_one_line(error)}); "
                "get it again, see docs/sources.md"
            ) from None
        return dict(sorted(found.items()))

    def names(self) -> list[str]:
        """Names of all readable members, sorted."""
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
        # zipfile raises RuntimeError for a password, NotImplementedError for rare
        # compressions.
        except (*DAMAGE, RuntimeError, NotImplementedError) as error:
            raise UnreadableError(f"damaged: {_one_line(error)}") from None
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


class FolderArchive(Archive):
    """A folder tree. Links to files are followed (DVC may place such), others not."""

    def _scan(self):
        for folder, subfolders, files in os.walk(self.path):
            for entry in sorted(subfolders + files):
                path = Path(folder, entry)
                name = _printable(path.relative_to(self.path).as_posix())
                if path.is_dir():
                    if path.is_symlink():
                        self._reject(name, "link to a folder")
                elif path.is_file():
                    yield Member(name, 0, path.stat().st_size)
                else:
                    self._reject(name, "broken link or special file")

    def _read(self, member: Member) -> bytes:
        path = self.path / member.name
        return (
            path if path.exists() else self.path / _on_disk(member.name)
        ).read_bytes()


class ZipArchive(Archive):
    """A zip file."""

    @cached_property
    def _zip(self) -> zipfile.ZipFile:
        return zipfile.ZipFile(self.path)

    @cached_property
    def _infos(self) -> dict[int, zipfile.ZipInfo]:
        return {info.header_offset: info for info in self._zip.infolist()}

    def _scan(self):
        for info in self._zip.infolist():
            if info.is_dir():
                continue
            name = _zip_name(info)
            if not self._is_safe(name):
                continue
            if stat.S_ISLNK(info.external_attr >> 16):
                self._reject(name, "link in the archive")
            elif info.flag_bits & 1:
                self._reject(name, "encrypted; unpack it with its password first")
            else:
                yield Member(name, info.header_offset, info.file_size)

    def _read(self, member: Member) -> bytes:
        return self._zip.read(self._infos[member.position])


class TarArchive(Archive):
    """A tar file, plain or compressed. Members of tar.gz are cheap in their order."""

    @cached_property
    def _stream(self) -> IO[bytes]:
        # tarfile finds the compression; its file object is the unpacked stream.
        return tarfile.open(self.path, "r:*").fileobj

    def _scan(self):
        with tarfile.open(self.path, "r:*") as tar:
            for info in tar:
                name = _printable(info.name.removeprefix("./"))
                if info.isdir() or not self._is_safe(name):
                    continue
                if info.issym() or info.islnk():
                    self._reject(name, "link in the archive")
                elif not info.isfile() or info.issparse():
                    self._reject(name, "no regular file")
                else:
                    yield Member(name, info.offset_data, info.size)

    def _read(self, member: Member) -> bytes:
        self._stream.seek(member.position)
        return self._stream.read(member.size)


class NpzArchive(Archive):
    """A MedMNIST .npz; each image of `<part>_images` shows as `<part>/<row>.ppm`.

    PPM is a short header before the raw pixels, so nothing is encoded. Rows are read
    from the packed stream one by one: a set larger than memory is no trouble.
    """

    @cached_property
    def _zip(self) -> zipfile.ZipFile:
        return zipfile.ZipFile(self.path)

    @cached_property
    def _streams(self) -> dict[str, tuple[IO[bytes], int, tuple[int, ...]]]:
        """Part -> unpacked stream, start of its first image, shape of the array."""
        streams = {}
        for info in self._zip.infolist():
            if info.filename.endswith("_images.npy"):
                stream = self._zip.open(info)
                formats = np.lib.format
                read_header = (
                    formats.read_array_header_1_0
                    if formats.read_magic(stream) == (1, 0)
                    else formats.read_array_header_2_0
                )
                shape, by_column, dtype = read_header(stream)
                legal = len(shape) == 3 or (len(shape) == 4 and shape[3] == 3)
                if dtype != np.uint8 or by_column or not legal:
                    raise StudyError(
                        f"{self.path.name}: {info.filename} must be uint8 "
                        f"[N, H, W] or [N, H, W, 3], not {dtype} {list(shape)}"
                    )
                part = info.filename.removesuffix("_images.npy")
                streams[part] = (stream, stream.tell(), shape)
        return streams

    def _scan(self):
        for info in self._zip.infolist():
            if not info.filename.endswith("_images.npy"):
                yield Member(info.filename, info.header_offset, info.file_size)
        for part, (_, _, shape) in self._streams.items():
            size = int(np.prod(shape[1:])) + len(_ppm_header(shape))
            for row in range(shape[0]):
                yield Member(f"{part}/{row:06d}.ppm", row, size)

    def _read(self, member: Member) -> bytes:
        if member.name.endswith(".npy"):
            return self._zip.read(member.name)
        stream, start, shape = self._streams[member.name.split("/")[0]]
        size = int(np.prod(shape[1:]))
        stream.seek(start + member.position * size)
        return _ppm_header(shape) + stream.read(size)


def open_archive(path: Path) -> Archive:
    """The archive at `path`: a folder, zip, tar, tar.gz or npz, told by its content.

    A folder that holds nothing but one archive file stands for that file.
    Raises StudyError where `path` is missing or of no such kind.
    """
    path = Path(path)
    if path.is_dir():
        inside = list(path.iterdir())
        if len(inside) != 1 or not _is_packed(inside[0]):
            return FolderArchive(path)
        path = inside[0]
    with suppress(*DAMAGE):  # said below, in our words
        if zipfile.is_zipfile(path):
            packed = NpzArchive if path.suffix.lower() == ".npz" else ZipArchive
            return packed(path)
        if tarfile.is_tarfile(path):
            return TarArchive(path)
    state = "damaged or no archive" if path.exists() else "missing"
    raise StudyError(
        f"{path}: {state}; it must be a folder, zip, tar, tar.gz or npz "
        "(docs/sources.md)"
    )


def _is_packed(path: Path) -> bool:
    endings = (".zip", ".tar", ".tar.gz", ".tgz", ".npz")
    return path.is_file() and path.name.lower().endswith(endings)


def _ppm_header(shape: tuple[int, ...]) -> bytes:
    """PPM (colour) or PGM (grey) header of one image of an array of `shape`."""
    kind = "P6" if len(shape) == 4 else "P5"
    return f"{kind} {shape[2]} {shape[1]} 255\n".encode()


def _zip_name(info: zipfile.ZipInfo) -> str:
    """Name of a zip member; macOS writes UTF-8 without saying so in the flag."""
    name = info.filename
    if not info.flag_bits & 0x800:
        with suppress(UnicodeError):  # then it is truly cp437
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/").removeprefix("./")


def _printable(name: str) -> str:
    """`name` with bytes that are no UTF-8 written as \\xNN: a CSV can hold it."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _on_disk(name: str) -> str:
    """The reverse of `_printable`: the name as the file system holds it."""
    return re.sub(r"\\x([89a-f]\w)", lambda hit: chr(0xDC00 + int(hit[1], 16)), name)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
