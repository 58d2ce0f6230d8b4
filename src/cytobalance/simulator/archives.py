"""Write simulated cells in the published form of each source: zip, TIFF tree, CSV."""

import io
import struct
import zipfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from PIL import Image

from cytobalance.simulator.cell import render_cell, render_cutout
from cytobalance.simulator.cnmc import PRELIMINARY
from cytobalance.simulator.optics import draw_style
from cytobalance.simulator.plan import TOP, plan_smears
from cytobalance.study.params import Study
from cytobalance.study.progress import show_progress
from cytobalance.study.runtime import count_cores, random_stream

# One process a core already; and a process forked after OpenCV has used threads of its
# own can hang.
cv2.setNumThreads(1)
# A field is rendered with a margin, so that a near copy can be cropped beside it.
MARGIN = 0.03
QUALITY = {"pbc": 92, "eone": 90}  # JPEG
COPY_QUALITY = 78  # of a near copy
# What macOS leaves behind; the first stands in the published zip.
LITTER = (
    "PBC_dataset_normal_DIB/neutrophil/.DS_169665.jpg",
    "PBC_dataset_normal_DIB/.DS_Store",
    "__MACOSX/PBC_dataset_normal_DIB/._neutrophil",
)
_LITTER_BYTES = b"\0\0\0\1Bud1\0".ljust(6148, b"\0")
# Zip members carry a time; a fixed one keeps the archive's bytes stable.
_ZIP_TIME = (2020, 4, 8, 0, 0, 0)


def write_source(study: Study, source: str, folder: Path) -> None:
    """Render `source` of `study` into `folder`, as that source's archive is published.

    pbc: PBC_dataset_normal_DIB.zip; lmu: AML-Cytomorphology_LMU/<CODE>/*.tiff and
    annotations.dat; eone: images/*.jpg and cells.csv; cnmc: C-NMC_Leukemia.zip without
    the final test set, which has no labels. The same study gives the same bytes,
    whatever the number of processes. The key (`plan_smears`) stays outside.
    """
    plan = plan_smears(study)
    plan = plan[plan["source"].eq(source)]
    layout = study.sources[source].layout
    write = {
        "cnmc": _write_cnmc,
        "eone": _write_eone,
        "lmu": _write_lmu,
        "pbc": _write_pbc,
    }[layout]
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write(study, plan, folder, _render_files(study, plan))


def render_file(study: Study, row: dict) -> bytes:
    """The bytes of one file of the plan, `row` as a dict of PLAN_COLUMNS."""
    style = draw_style(study, row["source"], row["patient"])
    height, width = style.camera.size
    pad = round(MARGIN * max(height, width))
    rng = random_stream(
        study.simulator.seed, "simulator", "cell", row["source"], row["scene"]
    )
    size = (height + 2 * pad, width + 2 * pad)
    render = render_cutout if row["layout"] == "cnmc" else render_cell
    field = render(row["type"], style, size, rng)
    top = pad + round(row["shift_y"] * height)
    left = pad + round(row["shift_x"] * width)
    pixels = field[top : top + height, left : left + width]
    if row["fault"] == "near_copy":
        pixels = np.clip(np.rint(pixels * row["gain"]), 0, 255).astype(np.uint8)
    return _damage(_encode(pixels, row), row["damage"])


def _encode(pixels: np.ndarray, row: dict) -> bytes:
    """Encode as the source does; a near copy with another quality or compression."""
    stream = io.BytesIO()
    copy = row["fault"] == "near_copy"
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if row["layout"] == "cnmc":
        image.save(stream, "BMP")
        bmp = stream.getvalue()
        return _lengthen_header(bmp) if PRELIMINARY in row["file"] else bmp
    if row["layout"] != "lmu":
        quality = COPY_QUALITY if copy else QUALITY[row["layout"]]
        image.save(stream, "JPEG", quality=quality)
        return stream.getvalue()
    # Some of the published TIFFs have an opaque alpha channel: here one patient in
    # five. Tag 317: horizontal differences.
    if row["patient"].endswith(("0", "5")):
        image = image.convert("RGBA")
    kind = "tiff_adobe_deflate" if copy else "tiff_lzw"
    image.save(stream, "TIFF", compression=kind, tiffinfo={317: 2})
    return stream.getvalue()


def _lengthen_header(bmp: bytes) -> bytes:
    """A BMP with 138 bytes before its pixels, not 54: C-NMC's preliminary set."""
    pixels = bmp[54:]
    first = struct.pack("<2sIII", b"BM", 138 + len(pixels), 0, 138)
    # BITMAPV5HEADER: the old header's fields, no masks, sRGB, no end points or gamma.
    second = struct.pack("<I", 124) + bmp[18:54] + bytes(16) + b"BGRs" + bytes(64)
    return first + second + pixels


def _damage(data: bytes, kind: str) -> bytes:
    """`data` made unreadable the way `kind` says (faults.DAMAGES); empty: as it is."""
    if kind == "truncated":
        return data[: len(data) // 3]
    if kind == "text":
        return b"<html><body>503 Service Unavailable</body></html>\n"
    if kind == "noise":
        return bytes(byte ^ 0x5A for byte in data)
    return b"" if kind == "empty" else data


def _render_files(study: Study, plan: pd.DataFrame) -> Iterator[tuple[str, bytes]]:
    """File and bytes of every row of `plan`, in its order, on all cores.

    A copy of exactly the same bytes is rendered again: it costs a cell, and no order.
    """
    rows = plan.to_dict("records")
    with ProcessPoolExecutor(count_cores()) as pool:
        files = pool.map(partial(render_file, study), rows, chunksize=8)
        bar = show_progress(
            files, len(rows), desc="rendering simulated cells", unit="cells"
        )
        for row, data in zip(rows, bar, strict=True):
            yield row["file"], data


def _write_pbc(study, plan, folder: Path, files) -> None:
    path = folder / "PBC_dataset_normal_DIB.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for file, data in files:
            archive.writestr(_member(file), data)
        for file in LITTER:
            archive.writestr(_member(file), _LITTER_BYTES)


def _write_cnmc(study, plan, folder: Path, files) -> None:
    """One zip, as people share the set; black borders make it a tenth of its files."""
    rows = plan[plan["file"].str.contains(PRELIMINARY)]
    table = pd.DataFrame(
        {
            "Patient_ID": rows["uid"],
            "new_names": rows["file"].str.rsplit("/", n=1).str[1],
            "labels": rows["code"].eq("all").astype(int),
        }
    )
    path = folder / "C-NMC_Leukemia.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file, data in files:
            archive.writestr(_member(file), data, zipfile.ZIP_DEFLATED)
        text = table.to_csv(index=False, lineterminator="\n")
        archive.writestr(_member(f"{TOP['cnmc']}{PRELIMINARY}_labels.csv"), text)


def _member(file: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(file, _ZIP_TIME)
    member.create_system = 3  # Unix, whatever the machine
    member.external_attr = 0o644 << 16
    return member


def _write_lmu(study, plan, folder: Path, files) -> None:
    _write_files(folder, files)
    names = plan["file"].str.split("/", n=1)
    rows = zip(names, plan["code"], strict=True)
    rng = random_stream(study.simulator.seed, "simulator", "annotations")
    lines = [f"{name[1]} {code} {_read_again(code, rng)}\n" for name, code in rows]
    top = folder / "AML-Cytomorphology_LMU"
    (top / "annotations.dat").write_text("".join(lines), "utf-8")


def _read_again(code: str, rng: np.random.Generator) -> str:
    """Two re-annotations, `nan` where not asked again: 10 % were (published set).

    They agree with the label on 85 % and 80 %; where not, they say UNC, so that no
    majority of readers overturns a label: that is the expert map's part here.
    """
    asked, first, second = rng.random(3)
    if asked > 0.10:
        return "nan nan"
    return f"{code if first < 0.85 else 'UNC'} {code if second < 0.80 else 'UNC'}"


def _write_eone(study, plan, folder: Path, files) -> None:
    _write_files(folder, files)
    table = pd.DataFrame(
        {
            "file": plan["file"].str.removeprefix("images/"),
            "label": plan["code"],
            "patient": plan["patient"],
        }
    )
    table.to_csv(folder / "cells.csv", index=False, lineterminator="\n")


def _write_files(folder: Path, files) -> None:
    for file, data in files:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
