"""Decode one image file of any common kind to RGB, crop its centre, shrink it."""

import io
import re

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from cytobalance.sources.members import UnreadableError

# A cell's image has at most a few megapixels; more is a slide or an attack.
MAX_PIXELS = 50_000_000
# Below the smallest legal image.size there is no cell to see.
MIN_SIDE = 16
PREVIEW_SIDE = 64
# JPEG segments that change nothing we must know of: JFIF, tables, restart, comment.
PLAIN_SEGMENTS = (0xE0, 0xDB, 0xC4, 0xDD, 0xFE)
PICTURE_SEGMENTS = (0xC0, 0xC1, 0xC2)  # baseline, extended, progressive

# Processes share the work out; and OpenCV's threads would not outlive a fork, so that
# a child process of one that had used them waited for ever.
cv2.setNumThreads(1)
# Our own, lower limit is checked before any pixel is decoded.
Image.MAX_IMAGE_PIXELS = None


def decode(data: bytes) -> np.ndarray:
    """Pixels uint8 [H, W, 3] (RGB, upright) of an image file, told by its content.

    Grey, palette, CMYK, 16-bit (high byte) and turned (EXIF) images are converted;
    transparent pixels are laid on white. Raises UnreadableError with the reason.
    """
    if not data:
        raise UnreadableError("empty file")
    pixels = _decode_plain_jpeg(data)
    if pixels is not None:
        return pixels
    try:
        with Image.open(io.BytesIO(data)) as image:
            _check(image)
            return _decode_any(image)
    except UnreadableError:
        raise
    except UnidentifiedImageError:
        raise UnreadableError("not an image") from None
    except Exception as error:  # decoders of damaged files raise whatever they meet
        text = re.sub(r"<.*?>", "", " ".join(str(error).split()))
        raise UnreadableError(
            f"damaged image: {text or type(error).__name__}"
        ) from None


def crop_centre(pixels: np.ndarray, crop: float | int) -> np.ndarray:
    """Square view of the centre of `pixels` [H, W, ...].

    crop: a part of the shorter side (float), or pixels (int; at most that side).
    """
    height, width = pixels.shape[:2]
    short = min(height, width)
    side = min(crop, short) if isinstance(crop, int) else max(1, round(crop * short))
    top, left = (height - side) // 2, (width - side) // 2
    return pixels[top : top + side, left : left + side]


def shrink(pixels: np.ndarray, size: int) -> np.ndarray:
    """`pixels` uint8 [H, W, ...] as [size, size, ...], each pixel the mean of its area.

    Area averaging lets nothing alias; where the image is smaller than `size`, it is
    enlarged bicubically instead.
    """
    height, width = pixels.shape[:2]
    if min(height, width) < size:
        return cv2.resize(pixels, (size, size), interpolation=cv2.INTER_CUBIC)
    # The mean of 2x2 means is the same mean, and OpenCV halves three times as fast. An
    # odd last row or column is let go: less than one pixel of the result.
    while min(height, width) >= 2 * size:
        height, width = height // 2, width // 2
        even = pixels[: 2 * height, : 2 * width]
        pixels = cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA)
    return cv2.resize(pixels, (size, size), interpolation=cv2.INTER_AREA)


def preview(pixels: np.ndarray) -> np.ndarray:
    """Grey uint8 [64, 64] of the whole frame, for the search for duplicates."""
    return shrink(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), PREVIEW_SIDE)


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise UnreadableError(f"enormous: {width}x{height} pixels")
    if min(width, height) < MIN_SIDE:
        raise UnreadableError(f"too small: {width}x{height} pixels")


def _check(image: Image.Image) -> None:
    """Refuse by the header what is no image of one cell."""
    _check_size(*image.size)
    if (frames := getattr(image, "n_frames", 1)) > 1:
        raise UnreadableError(f"animated or multi-page: {frames} pages")
    if image.mode in ("I", "F"):
        raise UnreadableError("32-bit pixels, whose white is not known")


def _decode_plain_jpeg(data: bytes) -> np.ndarray | None:
    """Pixels of a plain, whole colour JPEG by OpenCV, 1.4x faster than by Pillow.

    None for all others: those with more than JFIF's own segments before the picture's
    (which may turn it, or say CMYK), and those without the end mark, which OpenCV may
    fill up in silence. Segments: ITU T.81, B.1.1.3.
    """
    if not (data.startswith(b"\xff\xd8\xff") and data.endswith(b"\xff\xd9")):
        return None
    if len(data) < 12:  # too short for the fields read below
        return None
    at = 2
    while data[at + 1] in PLAIN_SEGMENTS:
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
        if at + 10 > len(data) or data[at] != 0xFF:
            return None
    if data[at + 1] not in PICTURE_SEGMENTS or data[at + 9] != 3:
        return None
    height, width = (int.from_bytes(data[i : i + 2]) for i in (at + 5, at + 7))
    _check_size(width, height)
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    return cv2.imdecode(np.frombuffer(data, np.uint8), flags)


def _decode_any(image: Image.Image) -> np.ndarray:
    """Pixels by Pillow, whatever the mode."""
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):
        grey = (np.asarray(image) >> 8).astype(np.uint8)
        return cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)
    if image.mode == "RGB":
        return np.array(image)
    if not image.has_transparency_data:
        return np.array(image.convert("RGB"))
    image = image if image.mode == "RGBA" else image.convert("RGBA")
    pixels = np.asarray(image)
    if pixels[..., 3].min() < 255:
        white = Image.new("RGBA", image.size, "white")
        return np.array(Image.alpha_composite(white, image).convert("RGB"))
    return cv2.cvtColor(pixels, cv2.COLOR_RGBA2RGB)
