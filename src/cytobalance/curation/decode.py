"""Decode one image file of any common kind to RGB, crop its centre, shrink it."""

import io
import re

import cv2
import imagecodecs
import numpy as np
from PIL import Image, UnidentifiedImageError

from cytobalance.curation.cutout import PREVIEW_SIDE, frame_cell
from cytobalance.curation.jpeg import ORIENTATION, decode_jpeg, is_jpeg
from cytobalance.curation.pixels import (
    Picture,
    check_size,
    find_depth,
    lay_on_white,
    to_bytes,
    turn_upright,
)
from cytobalance.curation.tiff import decode_tiff, is_tiff
from cytobalance.sources.entry import Box
from cytobalance.sources.members import UnreadableError

PNG_DEPTH = 24  # where a PNG has its bits a sample: PNG specification, 11.2.1
# A PGM or PPM of all 16 bits: its header says no more than a TIFF's.
DEEP_PNM = re.compile(rb"P[2356](?:(?:\s|#.*\n)+\d+){2}(?:\s|#.*\n)+65535\s")

# Processes share the work out; and OpenCV's threads would not outlive a fork, so that
# a child process of one that had used them waited forever.
cv2.setNumThreads(1)
# MAX_PIXELS, a lower limit, is checked before any pixel is decoded.
Image.MAX_IMAGE_PIXELS = None


def decode(data: bytes) -> np.ndarray:
    """Pixels uint8 [H, W, 3] (RGB, upright) of an image file, whatever its name.

    Raises UnreadableError with the reason. `decode_picture` says more.
    """
    return decode_picture(data).pixels


def decode_picture(data: bytes, depth: int = 0) -> Picture:
    """The picture in an image file, and the largest of its 16-bit samples.

    Grey, palette, CMYK, 16-bit and turned (EXIF) images are converted; transparent
    pixels are laid on white. depth: bits in use of 16-bit samples where the file does
    not say; 0 takes the fewest that hold the largest. Raises UnreadableError with the
    reason.
    """
    if not data:
        raise UnreadableError("empty file")
    try:
        if is_jpeg(data):
            return Picture(decode_jpeg(data))
        if is_tiff(data):
            return decode_tiff(data, depth)
        return _decode_any(data, depth)
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


def cut_box(pixels: np.ndarray, box: Box) -> np.ndarray:
    """Square view of the cell in `box` of a larger image `pixels` [H, W, ...].

    Its side is the longer one of the box, about the box's middle, moved inside where
    it would leave the image; no square where the image is narrower than that. Raises
    UnreadableError where the box itself leaves the image, or holds too few pixels.
    """
    left, top, right, bottom = box
    height, width = pixels.shape[:2]
    if left < 0 or top < 0 or right > width or bottom > height:
        raise UnreadableError(f"its box leaves the image of {width}x{height} pixels")
    check_size(right - left, bottom - top)
    side = max(right - left, bottom - top)
    x = min(max(0, (left + right - side) // 2), max(0, width - side))
    y = min(max(0, (top + bottom - side) // 2), max(0, height - side))
    return pixels[y : y + side, x : x + side]


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
    """Grey uint8 [64, 64] of `pixels` uint8 [H, W, 3], for the search for duplicates.

    Of the whole frame, and of the cell alone where that lies on an empty background.
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return shrink(frame_cell(grey, pixels), PREVIEW_SIDE)


def _decode_any(data: bytes, depth: int) -> Picture:
    """By Pillow; where it keeps the high byte of 16 bits, by libpng or OpenCV."""
    with Image.open(io.BytesIO(data)) as image:
        kind = image.format
        check_size(*image.size)
        if (frames := getattr(image, "n_frames", 1)) > 1:
            raise UnreadableError(
                f"animated or multi-page: {frames} frames; save the one meant as a "
                "file of its own"
            )
        if kind == "PNG":  # its checksums, which loading passes over
            image.verify()
    with Image.open(io.BytesIO(data)) as image:  # again: verifying uses it up
        if kind == "PNG" and data[PNG_DEPTH] == 16:
            pixels, largest = _scale_deep(imagecodecs.png_decode(data), depth)
        elif kind == "PPM" and DEEP_PNM.match(data):
            image.load()  # raises where samples are missing, which OpenCV fills in
            samples = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
            samples = samples.reshape(*samples.shape[:2], -1)[..., ::-1]  # from BGR
            pixels, largest = _scale_deep(samples, depth)
        else:
            pixels, largest = _to_colours(image), 0
        orientation = image.getexif().get(ORIENTATION, 1)
    return Picture(turn_upright(pixels, orientation), largest)


def _scale_deep(samples: np.ndarray, depth: int) -> tuple[np.ndarray, int]:
    """Colours uint8 [H, W, 3] of samples uint16 [H, W, ...], and the largest."""
    samples = samples.reshape(*samples.shape[:2], -1)
    count = 1 if samples.shape[2] < 3 else 3
    largest = max(int(samples[..., :count].max()), 1)
    colours = to_bytes(samples[..., :count], depth or find_depth(largest))
    colours = np.broadcast_to(colours, (*colours.shape[:2], 3))
    if samples.shape[2] > count:
        colours = lay_on_white(colours, samples[..., count])
    return colours, largest


def _to_colours(image: Image.Image) -> np.ndarray:
    """Colours uint8 [H, W, 3] of an opened image, whatever its mode."""
    if image.mode.startswith("I;16") or (image.mode, image.format) == ("I", "PPM"):
        # Scaled to 16 bits by the depth that the header has (JPEG 2000, PGM).
        grey = (np.asarray(image) >> 8).astype(np.uint8)
        return cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)
    if image.mode in ("I", "F"):
        raise UnreadableError("32-bit pixels, whose white is not known")
    if not image.has_transparency_data:
        return np.array(image.convert("RGB"))
    pixels = np.asarray(image.convert("RGBA"))
    return lay_on_white(pixels[..., :3], pixels[..., 3])
