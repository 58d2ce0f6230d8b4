"""All pairs of 64-bit hashes within a distance, without comparing all pairs."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np

BANDS = ((0, 21), (21, 21), (42, 22))  # first bit and number of bits of each band
# A hash is common where it is close to more than COMMON of SAMPLE (all, of fewer). Of
# 10,765 real cells none is close to more than two others.
SAMPLE = 4096
COMMON = 50
PAIRS = 1_000_000  # candidate pairs compared at a time, to keep memory flat


def find_close_pairs(hashes: np.ndarray, distance: int) -> tuple[np.ndarray, ...]:
    """Every pair of `hashes` (uint64 [N]) that differs in at most `distance` bits.

    Returns first, second (int64 [P], first < second, sorted) and the number of
    differing bits (int64 [P]). Multi-index hashing (Norouzi 2012): the hash is cut
    into 3 bands; two hashes within `distance` must be close in at least one band, so
    that only rows of the same or a neighbouring bucket are compared. Exact.
    """
    found = [np.zeros(0, np.int64)]
    count = np.int64(len(hashes))
    # Pigeonhole: where band b differs in more than near[b] bits for every b, the whole
    # differs in at least sum(near[b] + 1) = distance + 1 bits.
    near = [(distance - 2 + band) // 3 for band in (2, 1, 0)]
    for (first_bit, bits), most in zip(BANDS, near, strict=True):
        shifted = hashes >> np.uint64(first_bit)
        band = (shifted & np.uint64((1 << bits) - 1)).astype(np.int32)
        # Rows of a bucket side by side: the memory is then read in order, which halves
        # the time of a million hashes.
        order = np.argsort(band, kind="stable")
        ordered = hashes[order]
        for a, b in _bucket_pairs(band, bits, most):
            differ = np.bitwise_count(ordered[a] ^ ordered[b])
            close = np.flatnonzero(differ <= distance)
            a, b = order[a[close]], order[b[close]]
            found.append(np.minimum(a, b) * count + np.maximum(a, b))
    first, second = np.divmod(np.unique(np.concatenate(found)), max(count, 1))
    return first, second, np.bitwise_count(hashes[first] ^ hashes[second]).astype(int)


def find_common(hashes: np.ndarray, distance: int) -> np.ndarray:
    """Which of `hashes` (uint64 [N]) are common, bool [N]: they tell no cells apart.

    Such is the hash of pictures that agree in what is not the cell. Their pairs would
    be copies by chance, and too many to compare.
    """
    sample = hashes[:: -(-len(hashes) // SAMPLE) or 1]
    # Two hashes close to a third are within twice the distance of each other: where
    # none of the sample has so many of those, no hash is common, and no more is read.
    if not _count_close(sample, sample, 2 * distance).max(initial=0) > COMMON:
        return np.zeros(len(hashes), bool)
    return _count_close(hashes, sample, distance) > COMMON


def _count_close(hashes: np.ndarray, sample: np.ndarray, distance: int) -> np.ndarray:
    """How many of `sample` each hash is close to, int [N]."""
    counts = np.zeros(len(hashes), int)
    step = max(1, PAIRS // max(len(sample), 1))
    for start in range(0, len(hashes), step):
        part = hashes[start : start + step, None]
        close = np.bitwise_count(part ^ sample) <= distance
        counts[start : start + step] = close.sum(axis=1)
    return counts


def _bucket_pairs(
    band: np.ndarray, bits: int, most: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs whose band values differ in at most `most` bits, in chunks.

    Yields places among the rows sorted by `band`.
    """
    if most < 0:
        return
    size = np.bincount(band, minlength=1 << bits).astype(np.int32)
    start = (np.cumsum(size, dtype=np.int64) - size).astype(np.int32)
    filled = size > 0  # a byte a bucket: the look-ups below stay in the cache
    values = np.flatnonzero(filled)
    crowded = values[size[values] > 1]
    yield from _row_pairs(crowded, crowded, size, start)
    # Each pair of buckets once: from the value where the mask's first bit is 0.
    unset = [values[values >> bit & 1 == 0] for bit in range(bits)]
    for flips in range(1, most + 1):
        for chosen in combinations(range(bits), flips):
            left = unset[chosen[0]]
            right = left ^ sum(1 << bit for bit in chosen)
            hit = np.flatnonzero(filled[right])
            yield from _row_pairs(left[hit], right[hit], size, start)


def _row_pairs(left, right, size, start):
    """Pairs of places in the bucket pairs (left, right), about PAIRS at a time."""
    first, second, wide = start[left], start[right], size[right]
    products = size[left].astype(np.int64) * wide
    ends = np.cumsum(products)
    begin = 0
    while begin < len(left):
        done = ends[begin - 1] if begin else 0
        end = max(begin + 1, np.searchsorted(ends, done + PAIRS, side="right"))
        which = np.repeat(np.arange(begin, end), products[begin:end])
        place = np.arange(done, ends[end - 1]) - (ends - products)[which]
        row, column = np.divmod(place.astype(np.int32), wide[which])
        row, column = first[which] + row, second[which] + column
        # Within one bucket every pair comes twice and every row meets itself.
        keep = row < column if left is right else slice(None)
        yield row[keep], column[keep]
        begin = end
