"""What the readers of every image format share: size limits, depth, alpha, turning."""

from dataclasses import dataclass

import numpy as np

from cytobalance.sources.members import UnreadableError

# A cell's image has at most a few megapixels; more is a slide or an attack.
MAX_PIXELS = 50_000_000
# Below the smallest legal image.size there is no cell to see.
MIN_SIDE = 16
# Bits that cameras deliver; files hold them in 16.
DEPTHS = (8, 10, 12, 14, 16)
# An image whose largest value needs so many bits fewer than its source's is below a
# sixteenth of the brightness: black, or of another camera.
UNCLEAR_BITS = 4
WHITE = 255


@dataclass(frozen=True, slots=True)
class Picture:
    """Pixels uint8 [H, W, 3] (RGB, upright) and what their scale was taken from.

    largest: the largest value of 16-bit samples of which the file does not say how many
    bits are in use; 0 for all other files.
    """

    pixels: np.ndarray
    largest: int = 0


def check_size(width: int, height: int) -> None:
    """Refuse by its size, before it is decoded, what is no image of one cell."""
    if width * height > MAX_PIXELS:
        raise UnreadableError(f"enormous: {width}x{height} pixels")
    if min(width, height) < MIN_SIDE:
        raise UnreadableError(f"too small: {width}x{height} pixels")


def find_depth(largest: int) -> int:
    """Bits in use, one of DEPTHS: the fewest that hold the value `largest`."""
    return next(bits for bits in DEPTHS if largest < 1 << bits)


def to_bytes(samples: np.ndarray, depth: int) -> np.ndarray:
    """Samples uint8 or uint16 of `depth` bits as uint8: 0 stays 0, all bits give 255.

    Depths above 8 lose their low bits; values beyond the depth are cut to 255.
    """
    if depth < 8:
        return (samples.astype(np.uint16) * 255 // ((1 << depth) - 1)).astype(np.uint8)
    if samples.dtype == np.uint8:
        return samples
    return np.minimum(samples >> (depth - 8), 255).astype(np.uint8)


def lay_on_white(
    colours: np.ndarray, alpha: np.ndarray, multiplied: bool = False
) -> np.ndarray:
    """Colours uint8 [H, W, 3] laid on white; `alpha` uint8 or uint16 [H, W].

    Alpha that is 0 everywhere was never written: the colours are the picture, unless
    they are erased too (UnreadableError). At 16 bits its largest value tells its depth,
    which need not be the colours'. multiplied: whether the colours were multiplied by
    alpha already (associated).
    """
    if alpha.dtype == np.uint16:
        alpha = to_bytes(alpha, find_depth(int(alpha.max())))
    if not alpha.any() and colours.min() == colours.max():
        raise UnreadableError("empty image: transparent, and one colour under it")
    if not alpha.any() or alpha.min() == WHITE:
        return colours
    alpha = alpha[..., None].astype(np.uint16)
    seen = colours if multiplied else (colours * alpha + 127) // 255
    return np.minimum(seen + (255 - alpha), 255).astype(np.uint8)


def turn_upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """`pixels` [H, W, ...] turned as EXIF's tag 274 asks; no change by unknown values.

    1 is upright, 2 mirrored, 3 upside down, 4 both; 5 to 8 swap rows and columns first.
    """
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)
