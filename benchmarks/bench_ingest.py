"""Ingest against the decoder alone: the same files, two processes, one run.

Then ingest's own steps one by one, which tell how near to the decoder it can come.
Takes PBC's zip where CYTOBALANCE_REAL_DATA (or ../shared/data) has it, and otherwise
JPEG files of the same size made here.
"""

import io
import os
import tempfile
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from cytobalance.curation.decode import crop_centre, decode, preview, shrink
from cytobalance.curation.intake import take_in
from cytobalance.sources.archive import open_archive
from cytobalance.study.cells import pixel_id
from cytobalance.study.settings import Source

PROCESSES = 2
ROUNDS = 3
SIZE = 64
CROP = 0.6
STEP_IMAGES = 1000  # on which single steps are timed
SHRUNK = 128  # of the yardsticks; ours shrinks to SIZE and a preview of 64


def main() -> None:
    """Print rates, and ratios by CPU time, of the best of several rounds.

    CPU time, since another program on the same cores changes the clock far more.
    """
    with tempfile.TemporaryDirectory() as scratch:
        archive = find_archive(Path(scratch))
        with zipfile.ZipFile(archive) as opened:
            names = [n for n in opened.namelist() if "/." not in n]
        jobs = {
            "Pillow, decoder alone": lambda: decode_all(archive, names, decode_pillow),
            "OpenCV, decoder alone": lambda: decode_all(archive, names, decode_opencv),
            "Pillow, and shrunk": lambda: decode_all(archive, names, shrink_pillow),
            "OpenCV, and shrunk": lambda: decode_all(archive, names, shrink_opencv),
            "ingest": lambda: ingest(archive, Path(scratch)),
        }
        best = dict.fromkeys(jobs, (float("inf"), float("inf")))
        for _ in range(ROUNDS):
            for name, job in jobs.items():
                best[name] = min(best[name], measure(job))
        steps = time_steps(archive)
    print(f"{len(names)} images of {archive.name}, {PROCESSES} processes")
    print(
        "                     images/s  CPU ms an image  ingest's rate (CPU) against it"
    )
    for name, (cpu, seconds) in best.items():
        print(
            f"{name:22s} {len(names) / seconds:6.0f} {1e3 * cpu / len(names):16.2f} "
            f"{cpu / best['ingest'][0]:14.2f}"
        )
    decoder = 1e3 * best["OpenCV, decoder alone"][0] / len(names)
    print_steps(steps, decoder)


def time_steps(archive: Path) -> dict[str, float]:
    """CPU ms an image of each step of ingest, in this process; best of the rounds."""
    opened = open_archive(archive)
    members = sorted(opened.members.values(), key=lambda member: member.position)
    members = members[:STEP_IMAGES]
    files = [opened.read_member(member) for member in members]
    images = [decode(data) for data in files]
    steps = {
        "read": (opened.read_member, members),
        "decode": (decode, files),
        "SHA-256 of the pixels": (pixel_id, images),
        "crop and shrink": (
            lambda image: shrink(crop_centre(image, CROP), SIZE),
            images,
        ),
        "preview": (preview, images),
    }
    best = dict.fromkeys(steps, float("inf"))
    for _ in range(ROUNDS):
        for name, (step, inputs) in steps.items():
            start = time.process_time()
            for value in inputs:
                step(value)
            spent = 1e3 * (time.process_time() - start) / len(inputs)
            best[name] = min(best[name], spent)
    return best


def print_steps(steps: dict[str, float], decoder: float) -> None:
    """Print the steps, and the rate that decoder and SHA-256 alone would allow."""
    print("steps of ingest, CPU ms an image:")
    for name, spent in steps.items():
        print(f"  {name:22s} {spent:.3f}")
    identity = steps["SHA-256 of the pixels"]
    print(
        f"decoder and SHA-256 alone: {decoder / (decoder + identity):.2f} of OpenCV's"
    )


def measure(job: Callable[[], None]) -> tuple[float, float]:
    """CPU seconds of this process and its children, and seconds on the clock."""
    start, before = time.perf_counter(), os.times()
    job()
    seconds, after = time.perf_counter() - start, os.times()
    return sum(after[:4]) - sum(before[:4]), seconds


def find_archive(scratch: Path) -> Path:
    """PBC's zip, or one made of 3,000 JPEG files of PBC's size."""
    shelf = Path(os.environ.get("CYTOBALANCE_REAL_DATA", "../shared/data"))
    if (real := shelf / "PBC_dataset_normal_DIB.zip").exists():
        return real
    random = np.random.default_rng(0)
    path = scratch / "made.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(3000):
            coarse = random.integers(80, 230, (24, 24, 3), dtype=np.uint8)
            image = Image.fromarray(coarse).resize((360, 363), Image.Resampling.BICUBIC)
            buffer = io.BytesIO()
            image.save(buffer, "JPEG", quality=90)
            archive.writestr(f"neutrophil/SNE_{number}.jpg", buffer.getvalue())
    return path


def ingest(archive: Path, scratch: Path) -> None:
    """Our whole stage but the printing: identities, crops, previews and tables too."""
    source = Source(layout="pbc", origin="published", archive=archive.name, crop=CROP)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        take_in("pbc", source, archive, SIZE, Path(folder), PROCESSES)


def decode_all(archive: Path, names: list[str], decode) -> None:
    """Read and decode every file, and keep nothing."""
    chunks = [(archive, names[at : at + 64], decode) for at in range(0, len(names), 64)]
    with ProcessPoolExecutor(PROCESSES) as pool:
        list(pool.map(decode_chunk, chunks))


def decode_chunk(job) -> None:
    cv2.setNumThreads(1)
    path, names, decode = job
    archive = open_zip(path)
    for name in names:
        decode(archive.read(name))


@cache
def open_zip(path: Path) -> zipfile.ZipFile:
    """Opened once a process."""
    return zipfile.ZipFile(path)


def decode_pillow(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def decode_opencv(data: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)


def shrink_pillow(data: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(data)).convert("RGB")
    return np.asarray(image.resize((SHRUNK, SHRUNK), Image.Resampling.BILINEAR))


def shrink_opencv(data: bytes) -> np.ndarray:
    return cv2.resize(
        decode_opencv(data), (SHRUNK, SHRUNK), interpolation=cv2.INTER_AREA
    )


if __name__ == "__main__":
    main()
