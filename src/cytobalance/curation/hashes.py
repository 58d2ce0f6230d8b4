"""Perceptual hashes of cells: 64 bits that survive re-encoding and a small shift."""

import numpy as np
import scipy.fft

SIDE = 64  # pixels a side of a preview
CHUNK = 128  # previews at a time, few enough for the cache
# The window that follows the cell: its width as a part of the side, and its steps.
# Where a copy's window ends on another cell, the hash is lost; a narrow and a wide one
# seldom fail on the same picture: together they find 99.4 % of copies within 8 bits,
# either alone 96 to 98 % (real PBC and MLL cells, docs/curation.md).
WINDOWS = (0.1, 0.25)
STEPS = 10
TURNS = 8  # ways to lay a square picture: four quarter turns, each mirrored or not


def _lowest_frequencies(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of the `count` lowest DCT frequencies after the mean."""
    row, column = np.divmod(np.arange(SIDE * SIDE), SIDE)
    order = np.lexsort((column, row, row**2 + column**2))[1 : count + 1]
    return row[order], column[order]


ROWS, COLUMNS = _lowest_frequencies(64)


def turn_images(images: np.ndarray, turn: int) -> np.ndarray:
    """Images [N, S, S] turned by `turn` (0..7) quarters; from 4 on mirrored too."""
    turned = np.rot90(images, turn % 4, axes=(1, 2))
    return turned[:, :, ::-1] if turn >= 4 else turned


def find_centres(previews: np.ndarray, window: float) -> np.ndarray:
    """Where the cell lies: float32 [N, 2], (x, y) in pixels from the frame's middle.

    previews: uint8 [N, 64, 64]; window: width, part of the side. The centre of the
    dark mass under a Gaussian window that moves with it, so that a shifted copy gives
    a shifted centre.
    """
    # Halved: a centre of mass needs no detail. Sums of slices, since NumPy takes six
    # times as long for a mean over axes of two.
    grey = previews.astype(np.float32)
    grey = grey[:, ::2] + grey[:, 1::2]
    grey = (grey[:, :, ::2] + grey[:, :, 1::2]) / 4
    bright = int(0.85 * SIDE**2 / 4)
    background = np.partition(grey.reshape(len(grey), -1), bright, axis=1)[:, bright]
    # Squared, so that the nucleus weighs more than the cytoplasm and neighbours' rims.
    mass = np.maximum(background[:, None, None] - grey, 0) ** 2
    axis = np.arange(1, SIDE, 2, dtype=np.float32) - SIDE / 2
    centre = np.zeros((len(grey), 2), np.float32)
    for _ in range(STEPS):
        seen = np.exp(-0.5 * ((axis - centre[..., None]) / (window * SIDE)) ** 2)
        seen_x = (seen[:, 1, None] @ mass)[:, 0] * seen[:, 0]
        seen_y = (mass @ seen[:, 0, :, None])[:, :, 0] * seen[:, 1]
        total = np.maximum(seen_x.sum(1), 1e-6)
        centre = np.stack([seen_x @ axis, seen_y @ axis], 1) / total[:, None]
    return centre


def shift_images(images: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Move images float32 [N, S, S] by `shifts` (x, y) pixels, wrapping at the edge."""
    side = images.shape[-1]
    waves = (scipy.fft.rfftfreq(side), scipy.fft.fftfreq(side))
    x, y = (
        np.exp(-2j * np.pi * shifts[:, k, None] * waves[k]).astype(np.complex64)
        for k in (0, 1)
    )
    spectrum = scipy.fft.rfft2(images) * x[:, None, :] * y[:, :, None]
    return scipy.fft.irfft2(spectrum, s=(side, side))


def hash_previews(previews: np.ndarray) -> np.ndarray:
    """Perceptual hashes, uint64 [2, N], of previews uint8 [N, 64, 64] (grey, 0..255).

    The cell is moved to the middle first, found once by each of WINDOWS; a bit is the
    sign of one of the 64 lowest DCT frequencies, so brightness and gain do not matter.
    Copies agree in one of the two hashes (docs/curation.md).
    """
    hashes = np.zeros((len(WINDOWS), len(previews)), np.uint64)
    for start in range(0, len(previews), CHUNK):
        part = np.asarray(previews[start : start + CHUNK])
        grey = part.astype(np.float32)
        for row, window in enumerate(WINDOWS):
            centred = shift_images(grey, -find_centres(part, window))
            waves = scipy.fft.dctn(centred, axes=(1, 2))[:, ROWS, COLUMNS]
            packed = np.ascontiguousarray(np.packbits(waves > 0, axis=1))
            hashes[row, start : start + CHUNK] = packed.view(">u8")[:, 0]
    return hashes
