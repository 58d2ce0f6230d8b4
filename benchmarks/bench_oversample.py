"""ADASYN to a target against imbalanced-learn in pixel space: time and memory.

Each runs in a process of its own, from the same images on disk to balanced cells: ours
writes synthetic cells as uint8 to disk, imbalanced-learn ends in an array in memory.
The whole job of the paper is `--classes 12 --target 10000 --size 128`, for which
imbalanced-learn needs some 50 GB; the default is a fortieth of it.
"""

import argparse
import multiprocessing
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

REDUCED = 32  # pixels a side on which ours seeks neighbours


def main() -> None:
    """Print seconds, peak memory and both ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--classes", type=int, default=6)
    parser.add_argument("--target", type=int, default=1500)
    parser.add_argument("--size", type=int, default=64)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        labels = write_cells(folder, options)
        print(
            f"{len(labels)} cells of {options.classes} classes brought to "
            f"{options.target} each, {options.size} px"
        )
        found = {}
        for job in (run_ours, run_imblearn):
            found[job] = measure(job, folder, options.target)
            seconds, anonymous, resident = found[job]
            print(
                f"{job.__name__[4:]:10} {seconds:7.1f} s   peak {anonymous:7.0f} MB of "
                f"its own, {resident:7.0f} MB with mapped files"
            )
    ours, theirs = found[run_ours], found[run_imblearn]
    print(f"speed   {theirs[0] / ours[0]:.1f}x  (wanted: 5x or more)")
    print(f"memory  {ours[1] / theirs[1]:.2f} of it  (wanted: 0.25 or less)")
    print(f"memory with mapped files  {ours[2] / theirs[2]:.2f} of it")


def write_cells(folder: Path, options) -> np.ndarray:
    """Blob cells, classes overlapping: one that is full, others far from it.

    imbalanced-learn refuses a class that needs less than half a cell for each it has.
    """
    stream = np.random.default_rng(0)
    shares = np.r_[1, np.linspace(0.4, 0.05, options.classes - 1)]
    counts = (shares * options.target).astype(int)
    labels = np.repeat([f"class_{k:02d}" for k in range(options.classes)], counts)
    shape = (len(labels), options.size, options.size, 3)
    images = np.lib.format.open_memmap(
        folder / "images.npy", mode="w+", dtype=np.uint8, shape=shape
    )
    coarse = options.size // 8
    for k, label in enumerate(labels):
        tone = 110 + 4 * int(label[-2:])
        blocks = stream.normal(tone, 30, size=(coarse, coarse, 3)).clip(0, 255)
        images[k] = blocks.astype(np.uint8).repeat(8, 0).repeat(8, 1)
    np.save(folder / "labels.npy", labels)
    return labels


def run_ours(folder: Path, target: int) -> Iterator[None]:
    from cytobalance.balance.oversample import oversample_cells
    from cytobalance.study.cells import create_images
    from cytobalance.study.params import Augmentation, Neighbours, Oversample

    yield  # imports are not timed
    images = np.load(folder / "images.npy", mmap_mode="r")
    labels = np.load(folder / "labels.npy")
    names, counts = np.unique(labels, return_counts=True)
    wanted = {str(n): int(target - c) for n, c in zip(names, counts, strict=True)}
    settings = Oversample(
        augmentation=Augmentation(
            rotation=0.0, shift=0.0, shear=0.0, zoom=0.0, flip=False
        ),
        neighbours=Neighbours(count=5, size=REDUCED),
    )
    output = folder / "ours"
    output.mkdir()
    made = create_images(output, sum(wanted.values()), images.shape[1])
    rows = np.arange(len(labels))
    oversample_cells("adasyn", images, rows, labels, wanted, settings, 1, made)


def run_imblearn(folder: Path, target: int) -> Iterator[None]:
    from imblearn.over_sampling import ADASYN

    yield  # imports are not timed
    images = np.load(folder / "images.npy")
    labels = np.load(folder / "labels.npy")
    flat = images.reshape(len(images), -1).astype(np.float32)
    strategy = {str(name): target for name in np.unique(labels)}
    ADASYN(sampling_strategy=strategy, random_state=1).fit_resample(flat, labels)


def measure(job, folder: Path, target: int) -> tuple[float, float, float]:
    """Seconds and peak megabytes (own, resident) of `job` in a fresh process."""
    context = multiprocessing.get_context("spawn")
    answer, ask = context.Pipe(duplex=False)
    worker = context.Process(target=watch, args=(ask, job, folder, target))
    worker.start()
    found = answer.recv()
    worker.join()
    return found


def watch(ask, job, folder: Path, target: int) -> None:
    """Run `job`; sample this process's memory every 10 ms (Linux)."""
    peaks, done = {"RssAnon:": 0, "VmRSS:": 0}, threading.Event()

    def sample() -> None:
        while not done.wait(0.01):
            for line in Path("/proc/self/status").read_text().splitlines():
                name, *rest = line.split()
                if name in peaks:
                    peaks[name] = max(peaks[name], int(rest[0]))

    work = job(folder, target)
    next(work)
    thread = threading.Thread(target=sample)
    thread.start()
    start = time.perf_counter()
    next(work, None)
    seconds = time.perf_counter() - start
    done.set()
    thread.join()
    ask.send((seconds, peaks["RssAnon:"] / 1024, peaks["VmRSS:"] / 1024))


if __name__ == "__main__":
    main()
