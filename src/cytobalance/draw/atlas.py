"""Many small cells in one picture: laid out, as WebP, and cut apart again."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

# Of WebP: on simulated cells of 32 pixels nearer to them than JPEG of 85 (root mean
# square 5.2 against 6.4, of 255), at three quarters of its bytes.
QUALITY = 85


@dataclass(frozen=True)
class Atlas:
    """N tiles of `side` pixels, `columns` in a row, as one WebP (empty without any)."""

    webp: bytes
    side: int
    columns: int


def lay_out(images: list[np.ndarray], side: int) -> Atlas:
    """Tiles in the order of `images`, uint8 [S, S, 3] each, resized to `side`."""
    columns = max(1, int(np.ceil(np.sqrt(len(images)))))
    rows = -(-len(images) // columns)
    sheet = np.full((rows * side, columns * side, 3), 255, np.uint8)
    for place, image in enumerate(images):
        y, x = (side * part for part in divmod(place, columns))
        sheet[y : y + side, x : x + side] = resize(image, side)
    stream = io.BytesIO()
    if images:
        Image.fromarray(sheet).save(stream, format="webp", quality=QUALITY)
    return Atlas(stream.getvalue(), side, columns)


def resize(image: np.ndarray, side: int) -> np.ndarray:
    """uint8 [S, S, 3] -> [side, side, 3]."""
    if len(image) == side:
        return image
    picture = Image.fromarray(np.ascontiguousarray(image))
    return np.asarray(picture.resize((side, side), Image.Resampling.LANCZOS))


def cut_apart(atlas: Atlas, count: int) -> list[np.ndarray]:
    """The first `count` tiles, uint8 [side, side, 3] each, in their order.

    Raises OSError or ValueError where the picture is damaged or too small.
    """
    if not count:
        return []
    with Image.open(io.BytesIO(atlas.webp), formats=["WEBP"]) as picture:
        sheet = np.asarray(picture.convert("RGB"))
    side, columns = atlas.side, atlas.columns
    rows = -(-count // columns)
    if sheet.shape != (rows * side, columns * side, 3):
        raise ValueError(f"holds a picture of {sheet.shape}, not of {count} tiles")
    return [
        sheet[y : y + side, x : x + side]
        for y, x in (
            (side * (k // columns), side * (k % columns)) for k in range(count)
        )
    ]
