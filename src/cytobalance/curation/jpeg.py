"""JPEG: what libjpeg warns of is damage, and the first picture of the file counts."""

import io

import numpy as np
import simplejpeg
from PIL import Image

from cytobalance.curation.pixels import check_size, turn_upright
from cytobalance.sources.members import UnreadableError

ORIENTATION = 274  # EXIF and TIFF


def is_jpeg(data: bytes) -> bool:
    """Whether `data` begins as a JPEG does."""
    return data.startswith(b"\xff\xd8\xff")


def decode_jpeg(data: bytes) -> np.ndarray:
    """Pixels uint8 [H, W, 3] (RGB, upright) of the first picture in `data`.

    What stands behind it (a phone's second picture, other data) is not read. Raises
    UnreadableError where libjpeg only warns, too: it fills what it misses with grey and
    goes on, and readers that ignore the warning return that as a picture.
    """
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
        check_size(width, height)
        in_ink = colours in ("CMYK", "YCCK")
        pixels = simplejpeg.decode_jpeg(data, "CMYK" if in_ink else "RGB")
    except (ValueError, KeyError) as error:  # KeyError: a sampling of no name
        raise UnreadableError(f"damaged image: {_explain(error)}") from None
    if in_ink:  # checked now; Pillow knows which programs write ink inverted
        with Image.open(io.BytesIO(data)) as image:
            pixels = np.array(image.convert("RGB"))
    if b"\xff\xe1" in data:  # EXIF or XMP may turn it
        with Image.open(io.BytesIO(data)) as image:
            pixels = turn_upright(pixels, image.getexif().get(ORIENTATION, 1))
    return pixels


def check_jpeg(data: bytes) -> None:
    """Raise ValueError where libjpeg warns of `data`, a picture inside a TIFF."""
    simplejpeg.decode_jpeg(data, "GRAY")


def _explain(error: Exception) -> str:
    if isinstance(error, KeyError) or "subsampling" in str(error):
        return "JPEG header damaged, or of a rare colour sampling; save it as PNG"
    return str(error)
