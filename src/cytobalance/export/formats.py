"""The forms in which cell sets are exchanged; each is the same bytes each time."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from cytobalance.export.cell_set import ExportSet
from cytobalance.study.progress import show_progress
from cytobalance.study.room import check_memory
from cytobalance.study.runtime import random_stream

# Cells in a file of shards.
SHARD = 10_000
# Part -> its name in MedMNIST's files.
MNIST_PARTS = {"train": "train", "validation": "val", "test": "test"}


def encode_png(image: np.ndarray, origin: str) -> bytes:
    """A PNG of uint8 [S, S, 3] whose text chunk `origin` says real or synthetic."""
    note = PngInfo()
    note.add_text("origin", origin)
    data = io.BytesIO()
    Image.fromarray(image).save(data, "png", pnginfo=note)
    return data.getvalue()


def write_folders(cells: ExportSet, folder: Path) -> list[str]:
    """`<part>/<class>/<name>.png`, as torchvision's ImageFolder reads a part.

    A class that a part lacks has an empty folder there, so that the classes of all
    parts are numbered alike, or the reader complains. Returns each cell's file.
    """
    for part, _ in cells.parts():
        for label in cells.classes:
            (folder / part / label).mkdir(parents=True)
    table = cells.table
    files = (table["part"] + "/" + table["label"] + "/" + table["name"] + ".png").array
    for row in _progress(range(len(cells))):
        data = encode_png(cells.image(row), table["origin"].iat[row])
        (folder / files[row]).write_bytes(data)
    return list(files)


def write_medmnist(cells: ExportSet, folder: Path) -> list[str]:
    """One npz as MedMNIST's, with who is synthetic beside it.

    `<part>_images` uint8 [n, S, S, 3] and `<part>_labels` uint8 [n, 1] of train, val
    and test; beside them `<part>_synthetic` bool [n], `<part>_cell_ids`, and `classes`.
    The file is named as MedMNIST looks for it, with the side. Returns each cell's file.
    """
    name = f"cells{'_with_synthetic' * cells.synthetic}_{cells.size}.npz"
    keys = "generate.target or image.size"
    size = len(cells) * cells.size**2 * 3
    check_memory(size, f"{len(cells):,} cells", keys)
    arrays = {"classes": np.array(cells.classes)}
    label_type = np.min_scalar_type(max(len(cells.classes) - 1, 0))
    rows_of = dict(cells.parts())
    for part, short in MNIST_PARTS.items():
        rows = rows_of.get(part, np.empty(0, int))
        table = cells.table.iloc[rows]
        images = np.empty((len(rows), cells.size, cells.size, 3), np.uint8)
        for place, row in enumerate(_progress(rows)):
            images[place] = cells.image(row)
        arrays[f"{short}_images"] = images
        arrays[f"{short}_labels"] = table["class"].to_numpy(label_type)[:, None]
        arrays[f"{short}_synthetic"] = (table["origin"] == "synthetic").to_numpy()
        arrays[f"{short}_cell_ids"] = table["cell_id"].to_numpy(str)
    np.savez_compressed(folder / name, **arrays)
    return [name] * len(cells)


def write_shards(cells: ExportSet, folder: Path, seed: int) -> list[str]:
    """`<part>-<number>.tar`, as WebDataset reads them: `png`, `cls` and `json` a cell.

    seed: of the order within a part. A reader shuffles a few shards' cells at a time,
    so classes may not come one after the other. Returns each cell's file.
    """
    files = np.empty(len(cells), object)
    for part, rows in cells.parts():
        rows = random_stream(seed, "export", part).permutation(rows)
        for number, start in enumerate(range(0, len(rows), SHARD)):
            name = f"{part}-{number:06d}.tar"
            chosen = rows[start : start + SHARD]
            files[chosen] = name
            with tarfile.open(folder / name, "w", format=tarfile.USTAR_FORMAT) as tar:
                for row in _progress(chosen):
                    _add_sample(tar, cells, row)
    return list(files)


def _add_sample(tar: tarfile.TarFile, cells: ExportSet, row: int) -> None:
    about = cells.table.iloc[row].to_dict()
    parts = {
        "png": encode_png(cells.image(row), about["origin"]),
        "cls": str(about["class"]).encode(),
        "json": json.dumps(about).encode(),
    }
    for ending, data in parts.items():
        member = tarfile.TarInfo(f"{about['name']}.{ending}")  # of 1970, nobody's
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))


def _progress(rows):
    return show_progress(rows, len(rows), desc="writing", unit="cells")
