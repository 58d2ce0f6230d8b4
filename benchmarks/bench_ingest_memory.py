"""Ingest of 120,000 images: what memory all of its processes hold at the worst moment.

The images are 500 JPEG files of PBC's size, made here and repeated in one zip. Counted
is private memory (RssAnon in /proc, so Linux only); pages of the arrays that are being
written are mapped files, which the system takes back whenever it needs room.
"""

import argparse
import io
import tempfile
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from cytobalance.curation.intake import take_in
from cytobalance.study.settings import Source

DIFFERENT = 500
SIZE = 64
PROCESSES = 2


def main() -> None:
    """Print the peak of memory and the rate."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=120_000)
    count = parser.parse_args().images
    source = Source(layout="pbc", origin="published", archive="made.zip", crop=0.6)
    peaks = {"private": 0, "mapped": 0}
    over = threading.Event()
    with tempfile.TemporaryDirectory() as scratch:
        archive, folder = Path(scratch, "made.zip"), Path(scratch, "out")
        write_archive(archive, count)
        folder.mkdir()
        watch = threading.Thread(target=keep_peaks, args=(peaks, over))
        watch.start()
        start = time.perf_counter()
        take_in("pbc", source, archive, SIZE, folder, PROCESSES)
        seconds = time.perf_counter() - start
        over.set()
        watch.join()
    print(
        f"{count} images, {PROCESSES} processes: at most {peaks['private'] >> 10} MB "
        f"private (wanted: under 1,000), {peaks['mapped'] >> 10} MB of mapped files; "
        f"{count / seconds:.0f} images/s"
    )


def write_archive(path: Path, count: int) -> None:
    """A zip of `count` JPEG files of PBC's size and layout."""
    random = np.random.default_rng(0)
    files = []
    for _ in range(DIFFERENT):
        coarse = random.integers(80, 230, (24, 24, 3), dtype=np.uint8)
        image = Image.fromarray(coarse).resize((360, 363), Image.Resampling.BICUBIC)
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=90)
        files.append(buffer.getvalue())
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(count):
            archive.writestr(f"neutrophil/SNE_{number}.jpg", files[number % DIFFERENT])


def keep_peaks(peaks: dict[str, int], over: threading.Event) -> None:
    """Note the largest memory, in kB, of this process and its children."""
    while not over.wait(0.2):
        private, mapped = 0, 0
        for line in read_status():
            private += int(line.split()[1]) if line.startswith("RssAnon") else 0
            mapped += int(line.split()[1]) if line.startswith("RssFile") else 0
        peaks["private"] = max(peaks["private"], private)
        peaks["mapped"] = max(peaks["mapped"], mapped)


def read_status() -> list[str]:
    """Lines of /proc/<pid>/status of this process and its children, one after another.

    A child that ends meanwhile is passed over.
    """
    children = Path("/proc/self/task").glob("*/children")
    ids = ["self", *(pid for path in children for pid in path.read_text().split())]
    lines = []
    for pid in ids:
        try:
            lines += Path("/proc", pid, "status").read_text().splitlines()
        except OSError:
            continue
    return lines


if __name__ == "__main__":
    main()
