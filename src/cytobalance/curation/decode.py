"""Decode one image file of any common kind to RGB, crop its centre, shrink it."""

import io
import re

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from cytobalance.sources.archive import UnreadableError

# A cell's image has at most a few megapixels; more is a slide or an attack.
MAX_PIXELS = 50_000_000
# Below the smallest legal image.size there is no cell to see.
MIN_SIDE = 16
PREVIEW_SIDE = 64

# Our own, lower limit is checked before any pixel is decoded.
Image.MAX_IMAGE_PIXELS = None


def decode(data: bytes) -> np.ndarray:
    """Pixels uint8 [H, W, 3] (RGB, upright) of an image file, told by its content.

    Grey, palette, CMYK, 16-bit (high byte) and turned (EXIF) images are converted;
    transparent pixels are laid on white. Raises UnreadableError with the reason.
    """
    if not data:
        raise UnreadableError("empty file")
    try:
        with Image.open(io.BytesIO(data)) as image:
            _check(image)
            pixels = _decode_fast(image, data)
            return _decode_any(image) if pixels is None else pixels
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
    if min(height, width) >= 2 * size and height % 2 == 0 and width % 2 == 0:
        # The mean of 2x2 means is the same mean, and OpenCV halves much faster.
        half = (width // 2, height // 2)
        pixels = cv2.resize(pixels, half, interpolation=cv2.INTER_AREA)
    return cv2.resize(pixels, (size, size), interpolation=cv2.INTER_AREA)


def preview(pixels: np.ndarray) -> np.ndarray:
    """Grey uint8 [64, 64] of the whole frame, for the search for duplicates."""
    return shrink(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), PREVIEW_SIDE)


def _check(image: Image.Image) -> None:
    """Refuse by the header what is no image of one cell."""
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise UnreadableError(f"enormous: {width}x{height} pixels")
    if min(width, height) < MIN_SIDE:
        raise UnreadableError(f"too small: {width}x{height} pixels")
    if (frames := getattr(image, "n_frames", 1)) > 1:
        raise UnreadableError(f"animated or multi-page: {frames} pages")
    if image.mode in ("I", "F"):
        raise UnreadableError("32-bit pixels, whose white is not known")


def _decode_fast(image: Image.Image, data: bytes) -> np.ndarray | None:
    """Pixels by OpenCV, 1.4x (JPEG) to 3x (BMP) faster, for plain and whole files.

    None where Pillow must have a look. OpenCV may fill up a JPEG that was cut off, so
    the end mark must be there.
    """
    whole = image.format == "BMP" or data.endswith(b"\xff\xd9")
    upright = "exif" not in image.info or image.getexif().get(0x0112, 1) == 1
    if image.format not in ("JPEG", "BMP") or image.mode != "RGB":
        return None
    if not (whole and upright):
        return None
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
