"""Cells cut out on an empty background: what such a frame shows is its cell alone."""

import cv2
import numpy as np

# The border, up to an eighth of the side from each corner, where a cell that fills its
# frame leaves most free, is empty where 0.65 of it have exactly one colour: a mask
# leaves one, and JPEG keeps it. Of 5,383 copies of real frames (PBC, MLL; JPEG, moved)
# at most 61 % of it has; of cells cut out with 10 pixels to spare 71 % and more.
CORNER = 1 / 8
EMPTY_PART = 0.65
# Grey levels from the background at which the cell begins: above what JPEG leaves
# around an edge and what brightness moves across white. A faint cell begins halfway.
RIM_LEVELS = 32
LEAST_LEVELS = 16  # a fainter cell looks like a stain on the glass
# Side of the square around the cell, in root mean square radii of its area: a disc then
# fills 5/6 of the width. Moments, not a bounding box: a stray pixel must not move it.
SIDE = 3.4
# Part of the (disc's) radius over which the cell fades into its mean grey at the rim,
# so that no outline is left: all round cells share it.
FADE = 0.3
# Pixels across the square below which nothing is left to tell two cells by.
LEAST_SIDE = 24
PREVIEW_SIDE = 64  # pixels a side of a preview; a smaller square is enlarged
SPECK = 0.1  # areas below this part of the largest are dust, not the cell
# A cut-out shows a cell, at times in pieces. More areas are red cells on a photographed
# ground, from which JPEG of low quality has taken the noise.
MOST_AREAS = 2
# Blur, pixels: in a cell that is small in its file, the finest detail is what a copy
# that was rescaled and written as JPEG has lost.
BLUR = 0.8


def find_background(pixels: np.ndarray) -> np.ndarray | None:
    """Colour uint8 [3] of the empty background that `pixels` [H, W, 3] lie on, or None.

    Empty means one colour around the corners, as where a cell was cut out by a mask; a
    photographed background varies by more.
    """
    border = []
    for lines in (pixels, pixels.swapaxes(0, 1)):
        length = max(1, round(CORNER * lines.shape[1]))
        border += [lines[[0, -1], :length], lines[[0, -1], -length:]]
    border = np.concatenate([part.reshape(-1, 3) for part in border])
    colour = np.median(border, axis=0).astype(np.uint8)
    # All four sides too: a frame turned before it was published has empty corners, but
    # reaches its sides.
    sides = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    empty = min((part == colour).all(axis=1).mean() for part in (border, sides))
    return colour if empty >= EMPTY_PART else None


def frame_cell(grey: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Square grey uint8 [S, S] around a cell on an empty background, filled by it.

    grey: uint8 [H, W] of `pixels` uint8 [H, W, 3]. Outside of the cell stands its mean
    grey; neither the background nor the outline is left to compare. Returned as it is
    where the background is not empty, and as one flat grey where nothing, or nothing
    large enough to be recognised, lies on it.
    """
    background = find_background(pixels)
    if background is None:
        return grey
    red, green, blue = cv2.split(cv2.absdiff(pixels, (*map(float, background), 0.0)))
    differ = cv2.max(cv2.max(red, green), blue)
    mask = _mask_cell(differ)
    if mask is None:
        return grey
    moments = cv2.moments(mask, binaryImage=True)
    area = max(moments["m00"], 1)
    radius = np.sqrt((moments["mu20"] + moments["mu02"]) / area)
    side = round(SIDE * radius)
    if differ.max() < LEAST_LEVELS or side < LEAST_SIDE:
        return np.full_like(grey, grey.mean())
    # Warped, not cut: a whole pixel more or less is another scale in a small cell.
    width = max(side, PREVIEW_SIDE)
    scale = width / (SIDE * radius)
    x, y = moments["m10"] / area, moments["m01"] / area
    shift = (width - 1) / 2 - scale * np.array([x, y])
    matrix = np.column_stack([scale * np.eye(2), shift])
    return _fade(grey, mask, matrix, width)


def _mask_cell(differ: np.ndarray) -> np.ndarray | None:
    """Where the cell lies, uint8 [H, W] of 0 and 1; None where the areas are too many.

    differ: grey levels from the background, uint8 [H, W].
    """
    rim = min(RIM_LEVELS, differ.max() / 2)
    mask = (differ > rim).astype(np.uint8)
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    _, areas, boxes, _ = cv2.connectedComponentsWithStats(mask)
    size = boxes[:, cv2.CC_STAT_AREA].copy()
    size[0] = 0  # the background
    large = size >= max(SPECK * size.max(), 1)
    return None if large.sum() > MOST_AREAS else large[areas].astype(np.uint8)


def _fade(
    grey: np.ndarray, mask: np.ndarray, matrix: np.ndarray, width: int
) -> np.ndarray:
    """The cell laid by `matrix` [2, 3] on its mean grey, uint8 [width, width]."""
    grey = cv2.GaussianBlur(grey, (0, 0), BLUR)
    grey = cv2.warpAffine(grey, matrix, (width, width), flags=cv2.INTER_CUBIC)
    mask = cv2.warpAffine(255 * mask, matrix, (width, width), flags=cv2.INTER_LINEAR)
    mask = (mask > 127).astype(np.uint8)
    mean = float(cv2.mean(grey, mask)[0])
    depth = cv2.distanceTransform(np.pad(mask, 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
    # A disc's radius is its root mean square radius times the root of 2.
    weight = np.clip(depth * SIDE / (FADE * np.sqrt(2) * width), 0, 1)
    return np.round(mean + weight * (grey - mean)).astype(np.uint8)
