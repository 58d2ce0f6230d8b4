"""Are two pictures copies? Align them, fit brightness, compare what is left."""

from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.ndimage

from cytobalance.curation.hashes import SIDE, shift_images, turn_images

CHUNK = 128  # pairs at a time, few enough for the cache
# Detail: what a Gaussian blur of so many preview pixels takes away. Any two cells are
# dark discs on a light ground and agree in the coarse; copies agree in the detail too.
DETAIL = 1.5


@dataclass(frozen=True)
class Comparison:
    """P pairs after alignment, all float32 [P].

    x, y: shift of the second picture against the first, parts of the side.
    difference: root mean square difference, 0..255, after the best gain and offset.
    correlation: of the detail, -1..1.
    """

    x: np.ndarray
    y: np.ndarray
    difference: np.ndarray
    correlation: np.ndarray


def _detail(images: np.ndarray) -> np.ndarray:
    """Images float32 [N, S, S] without their coarse part."""
    return images - scipy.ndimage.gaussian_filter(images, (0, DETAIL, DETAIL))


def _find_shifts(a: np.ndarray, b: np.ndarray, reach: int) -> np.ndarray:
    """Shift (x, y) of b against a, float32 [P, 2], to a part of a pixel.

    a, b: details float32 [P, S, S]. The peak of their cross-correlation within
    `reach` pixels, refined by a parabola through its neighbours.
    """
    product = np.conj(scipy.fft.rfft2(a)) * scipy.fft.rfft2(b)
    surface = scipy.fft.irfft2(product, s=a.shape[1:])
    span = np.arange(-reach - 1, reach + 2)
    near = surface[:, span[:, None], span]  # negative shifts wrap to the end
    inner = near[:, 1:-1, 1:-1]
    row, column = np.divmod(inner.reshape(len(a), -1).argmax(1), inner.shape[2])
    pair = np.arange(len(a))

    def refine(before, peak, after):
        bend = np.minimum(before - 2 * peak + after, -1e-9)
        return np.clip((before - after) / (2 * bend), -0.5, 0.5)

    peak = near[pair, row + 1, column + 1]
    x = refine(near[pair, row + 1, column], peak, near[pair, row + 1, column + 2])
    y = refine(near[pair, row, column + 1], peak, near[pair, row + 2, column + 1])
    return np.stack([column - reach + x, row - reach + y], 1).astype(np.float32)


def _correlate(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Correlation of pictures [P, K], and how far b is from its best fit to a."""
    a = a - a.mean(1, keepdims=True)
    b = b - b.mean(1, keepdims=True)
    aa, bb, ab = (a * a).mean(1), (b * b).mean(1), (a * b).mean(1)
    correlation = ab / np.sqrt(np.maximum(aa * bb, 1e-12))
    # Of the two fits (a to b, b to a) the worse: a flat picture fits anything.
    unexplained = np.maximum(aa, bb) * (1 - np.clip(correlation, 0, 1) ** 2)
    return correlation, np.sqrt(unexplained)


def compare_pairs(
    previews: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    max_shift: float,
    turn: int = 0,
) -> Comparison:
    """Compare pictures `first` with pictures `second` (rows of `previews`).

    previews: uint8 [N, 64, 64]. max_shift: largest shift, part of the side. turn: how
    the second pictures are turned first, as in `turn_images`. Judged is the middle
    that both pictures show whatever the shift.
    """
    reach = int(np.ceil(max_shift * SIDE))
    middle = slice(reach, SIDE - reach)
    taper = np.hanning(SIDE + 2)[1:-1].astype(np.float32)
    parts = [np.zeros((4, 0), np.float32)]
    for start in range(0, len(first), CHUNK):
        rows = slice(start, start + CHUNK)
        a = previews[first[rows]].astype(np.float32)
        b = turn_images(previews[second[rows]], turn).astype(np.float32)
        fine = [_detail(image) * taper[:, None] * taper for image in (a, b)]
        shifts = _find_shifts(*fine, reach)
        b = shift_images(b, -shifts)
        inside = [image[:, middle, middle] for image in (a, b)]
        _, difference = _correlate(*(image.reshape(len(a), -1) for image in inside))
        fine = [_detail(image).reshape(len(a), -1) for image in inside]
        correlation, _ = _correlate(*fine)
        parts.append(np.stack([*(shifts.T / SIDE), difference, correlation]))
    return Comparison(*np.concatenate(parts, axis=1).astype(np.float32))
