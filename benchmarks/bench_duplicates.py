"""Hashing previews; grouping their hashes from 10,000 to a million: time and memory.

Hashes are random with planted copies (2 % of the cells, each turned in up to `distance`
bits), and groups are the connected components of all close pairs. Every size runs in a
process of its own. The yardstick is FAISS comparing all pairs on all cores, run as far
as 100,000; the found pairs must be the same. Hashed are previews of random pixels, as
the time does not depend on what they show, on one core and on all.
"""

import argparse
import multiprocessing
import os
import resource
import time

import faiss
import numpy as np

from cytobalance.curation.duplicates import connect, hash_rows
from cytobalance.curation.hashes import SIDE
from cytobalance.curation.neighbours import find_close_pairs

SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
ALL_PAIRS = 100_000  # largest size at which all pairs are compared
PREVIEWS = 20_000
ROUNDS = 3


def main() -> None:
    """Print one row a size, and whether the wanted marks are reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--distance", type=int, default=8)
    options = parser.parse_args()
    time_hashing()
    print(f"pairs within {options.distance} of 64 bits")
    print("   hashes    pairs   groups  seconds  CPU s  peak MB  all pairs (FAISS)")
    context = multiprocessing.get_context("spawn")
    for size in SIZES:
        with context.Pool(1) as pool:
            seconds, cpu, peak, pairs, groups = pool.apply(
                group_hashes, (size, options.distance)
            )
        row = f"{size:9,} {pairs:8,} {groups:8,} {seconds:8.1f} {cpu:6.1f} {peak:8,.0f}"
        if size <= ALL_PAIRS:
            found, other = compare_all(size, options.distance)
            assert found == pairs, "both must find the same pairs"
            row += f"  {other:6.1f} s, {other / seconds:.1f}x ours"
        print(row, flush=True)
    print(f"a million in {seconds:.0f} s (wanted: under 60), {peak:,.0f} MB (2,000)")


def time_hashing() -> None:
    """Print CPU ms a preview, and how much sooner all cores are done than one."""
    stream = np.random.default_rng(0)
    previews = stream.integers(0, 256, (PREVIEWS, SIDE, SIDE), dtype=np.uint8)
    cores = os.sched_getaffinity(0)
    seconds = {1: float("inf"), len(cores): float("inf")}
    spent = float("inf")
    for _ in range(ROUNDS):
        for count in seconds:
            os.sched_setaffinity(0, sorted(cores)[:count])
            start, cpu = time.perf_counter(), time.process_time()
            hash_rows(np.arange(PREVIEWS), previews, range(1))
            seconds[count] = min(seconds[count], time.perf_counter() - start)
            spent = min(spent, time.process_time() - cpu)
    os.sched_setaffinity(0, cores)
    gain = seconds[1] / seconds[len(cores)]
    print(
        f"hashing: {1e3 * spent / PREVIEWS:.3f} CPU ms a preview; {len(cores)} cores "
        f"{gain:.2f}x as fast as one"
    )


def make_hashes(size: int, distance: int) -> np.ndarray:
    """Random hashes uint64 [size] of which 2 % are near copies of others."""
    stream = np.random.default_rng(size)
    hashes = stream.integers(0, 2**64, size, dtype=np.uint64)
    copies, originals = stream.permutation(size)[: size // 25].reshape(2, -1)
    hashes[copies] = hashes[originals]
    flips = stream.integers(0, distance + 1, len(copies))
    for turn in range(distance):
        bit = np.uint64(1) << stream.integers(0, 64, len(copies), dtype=np.uint64)
        hashes[copies] ^= np.where(turn < flips, bit, np.uint64(0))
    return hashes


def group_hashes(size: int, distance: int) -> tuple[float, float, float, int, int]:
    """Seconds, CPU seconds, peak MB, pairs and groups of more than one."""
    hashes = make_hashes(size, distance)
    start, cpu = time.perf_counter(), time.process_time()
    first, second, _ = find_close_pairs(hashes, distance)
    part = connect(size, first, second)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    return seconds, cpu, peak, len(first), int((np.bincount(part) > 1).sum())


def compare_all(size: int, distance: int) -> tuple[int, float]:
    """Pairs and seconds of FAISS's flat index, which compares all pairs."""
    codes = make_hashes(size, distance).view(np.uint8).reshape(size, 8)
    start = time.perf_counter()
    index = faiss.IndexBinaryFlat(64)
    index.add(codes)
    limits, _, _ = index.range_search(codes, distance + 1)  # FAISS excludes the bound
    return (int(limits[-1]) - size) // 2, time.perf_counter() - start


if __name__ == "__main__":
    main()
