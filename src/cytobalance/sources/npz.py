"""MedMNIST's .npz: arrays of images, shown as an archive of small image files."""

import zipfile
from functools import cached_property
from tokenize import TokenError
from typing import IO

import numpy as np

from cytobalance.sources.members import Archive, Member
from cytobalance.study.runtime import StudyError


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
                try:
                    shape, by_column, dtype = _read_header(stream)
                except (ValueError, TokenError) as error:
                    why = " ".join(str(error).split())
                    raise zipfile.BadZipFile(f"{info.filename}: {why}") from None
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
        # Here once: rows are read out of order, and then zipfile checks no sum.
        try:
            damaged = self._zip.testzip()
        except (NotImplementedError, RuntimeError) as error:  # rare method; encrypted
            raise zipfile.BadZipFile(str(error)) from None
        if damaged:
            raise zipfile.BadZipFile(f"bad checksum of {damaged}")
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


def _read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether by columns, and type of the array that `stream` begins."""
    formats = np.lib.format
    if formats.read_magic(stream) == (1, 0):
        return formats.read_array_header_1_0(stream)
    return formats.read_array_header_2_0(stream)


def _ppm_header(shape: tuple[int, ...]) -> bytes:
    """PPM (colour) or PGM (grey) header of one image of an array of `shape`."""
    kind = "P6" if len(shape) == 4 else "P5"
    return f"{kind} {shape[2]} {shape[1]} 255\n".encode()
