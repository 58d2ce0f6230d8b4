"""Cells side by side in one array, enlarged without blurring their pixels."""

import numpy as np


def enlarge(images: np.ndarray, least: int) -> np.ndarray:
    """Repeat pixels until the side is at least `least` pixels (a whole factor).

    images: uint8 [..., H, W, 3]; returns uint8 [..., kH, kW, 3], k >= 1.
    """
    factor = max(1, -(-least // images.shape[-2]))
    return images.repeat(factor, axis=-3).repeat(factor, axis=-2)


def montage(
    images: np.ndarray, columns: int, least: int = 64, gap: int = 2
) -> np.ndarray:
    """Lay images out row by row on white.

    images: uint8 [N, S, S, 3], N may be 0; each is drawn at least `least` pixels
    wide, with `gap` white pixels between. Returns uint8 [H, W, 3], wide enough for
    `columns` images even where N is smaller, so that montages align.
    """
    tiles = enlarge(np.asarray(images), least)
    side = tiles.shape[-2]
    rows = max(1, -(-len(tiles) // columns))
    step = side + gap
    sheet = np.full((rows * step - gap, columns * step - gap, 3), 255, np.uint8)
    for i, tile in enumerate(tiles):
        y, x = (i // columns) * step, (i % columns) * step
        sheet[y : y + side, x : x + side] = tile
    return sheet
