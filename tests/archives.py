"""Small archives for tests: images of noise, and folders, zips and tars of them."""

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from cytobalance.sources.archive import open_archive
from cytobalance.sources.listing import Listing, list_source
from cytobalance.study.settings import Source


def png(seed: int = 0, side: int = 24) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (side, side, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def write_folder(path: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def write_zip(
    path: Path, files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def write_tar(path: Path, files: dict[str, bytes]) -> Path:
    packing = path.suffix.removeprefix(".").replace("tar", "")
    with tarfile.open(path, f"w:{packing}") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def list_files(layout: str, path: Path, **settings) -> Listing:
    source = Source(layout=layout, origin="published", archive="x", **settings)
    return list_source("mine", source, open_archive(path))


def facts(found: Listing) -> list[tuple[str, str, str]]:
    return [(e.file, e.raw_label, e.subject) for e in found.entries]


def reasons(found: Listing) -> dict[str, str]:
    return {item.file: item.reason for item in found.rejected}
