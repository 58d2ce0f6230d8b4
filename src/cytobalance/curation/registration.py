"""Do two pictures show one cell, turned, sheared, zoomed or mirrored in one of them?"""

from dataclasses import dataclass

import cv2
import numpy as np
import scipy.fft

from cytobalance.curation.duplicates import LEAST_CONTRAST
from cytobalance.curation.hashes import SIDE, find_centres

# Corners that a turn left empty, and empty canvases: nearly black or white, from the
# frame's edge on, so many preview pixels at least.
BLACK, WHITE, CORNER = 12, 250, 40
# The disc that is described: its radius in preview pixels, in rings and angles.
REACH, RINGS, ANGLES, WAVES = 22, 16, 64, 16
# Width of the window that follows the cell, a part of the side (as in hashes.py).
WINDOW = 0.2
# The detail that is compared: between two Gaussian blurs, in preview pixels, weighted
# by a Gaussian window about the cell.
FINE, COARSE, WEIGHT = 0.7, 2.0, 12.0
# Least weight in both pictures, of 815 in two whole ones: pictures that show less have
# too little detail to be distinguished.
LEAST_WEIGHT = 300.0
# Registration: a first attempt of few steps, given up below this correlation. Of copies
# that end above 0.93, 1 % stand lower after 8 steps; of other cells 99 %.
FIRST, STEPS, HOPELESS = 8, 32, 0.75
# How far a relation may stretch or shrink in any direction.
LEAST_SCALE, LARGEST_SCALE = 0.5, 2.0
CHUNK = 512  # pictures at a time

ROW, COLUMN = np.mgrid[:SIDE, :SIDE].astype(np.float32)
# The points of the rings about a centre: x and y, float32 [RINGS, ANGLES].
RADIUS = (np.arange(RINGS, dtype=np.float32)[:, None] + 0.5) * (REACH / RINGS)
TURN = np.arange(ANGLES, dtype=np.float32) * (2 * np.pi / ANGLES)
RING_X, RING_Y = RADIUS * np.cos(TURN), RADIUS * np.sin(TURN)


@dataclass(frozen=True)
class Descriptions:
    """What N pictures show, whatever way they are turned.

    centres: (x, y) of the cell, float32 [N, 2] in pixels. rings: spectra of RINGS
    circles about it, complex64 [N, RINGS, WAVES], of norm 1. weight: how much of the
    picture is no empty corner, float32 [N], up to 815; 0 where it is of one grey.
    """

    centres: np.ndarray
    rings: np.ndarray
    weight: np.ndarray

    def invariant(self) -> np.ndarray:
        """float32 [N, RINGS * WAVES]: alike for turned and mirrored pictures."""
        return np.abs(self.rings).reshape(len(self.rings), -1)


def level(preview: np.ndarray, aspect: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Picture uint8 [64, 64] in square pixels, and where it shows anything: bool.

    preview: uint8 [64, 64] of a frame `aspect` times as wide as high. Empty corners
    and bars get the grey of the background, so that their edges are no detail.
    """
    picture, shown = _unsquash(preview, aspect)
    extreme = (picture <= BLACK) | (picture >= WHITE) | ~shown
    rim = (extreme[0], extreme[-1], extreme[:, 0], extreme[:, -1])
    if not any(side.any() for side in rim):
        return picture, shown
    padded = np.ones((SIDE + 2, SIDE + 2), np.uint8)
    padded[1:-1, 1:-1] = extreme
    cv2.floodFill(padded, None, (0, 0), 2)
    empty = (padded[1:-1, 1:-1] == 2) | ~shown
    if empty.sum() < CORNER:
        return picture, shown
    # Two pixels more: interpolation mixes the corner into its neighbours.
    empty = cv2.dilate(empty.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    if not empty.all():
        picture = picture.copy()
        picture[empty] = np.percentile(picture[~empty], 85)
    return picture, ~empty


def _unsquash(preview: np.ndarray, aspect: float) -> tuple[np.ndarray, np.ndarray]:
    """Undo the preview's squaring of a frame; bars beside it are not shown."""
    shown = np.ones((SIDE, SIDE), bool)
    width, height = round(SIDE * min(1, aspect)), round(SIDE * min(1, 1 / aspect))
    width, height = max(width, 1), max(height, 1)
    if min(width, height) > 0.95 * SIDE:
        return preview, shown
    picture, shown = np.zeros_like(preview), ~shown
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    inside = slice(top, top + height), slice(left, left + width)
    picture[inside] = cv2.resize(preview, (width, height), interpolation=cv2.INTER_AREA)
    shown[inside] = True
    return picture, shown


def describe(previews: np.ndarray, aspects: np.ndarray) -> Descriptions:
    """Descriptions of previews uint8 [N, 64, 64]; aspects: width to height, [N]."""
    levelled = [level(*item) for item in zip(previews, aspects, strict=True)]
    pictures = np.stack([picture for picture, _ in levelled])
    centres = (find_centres(pictures, WINDOW) + SIDE / 2 - 0.5).astype(np.float32)
    rings = np.stack(
        [
            cv2.remap(
                picture.astype(np.float32),
                RING_X + x,
                RING_Y + y,
                cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REPLICATE,
            )
            for picture, (x, y) in zip(pictures, centres, strict=True)
        ]
    )
    # A ring counts as its area does, and brightness does not count.
    mean = (rings.mean(2) @ RADIUS / RADIUS.sum())[:, :, None]
    rings = (rings - mean) * np.sqrt(RADIUS)
    spectra = scipy.fft.rfft(rings, axis=2)[:, :, :WAVES]
    spectra[:, :, 1:] *= np.sqrt(2)  # both signs of a frequency
    size = np.linalg.norm(spectra.reshape(len(spectra), -1), axis=1)
    weight = [
        (_window(centre) * shown).sum() * (picture.std() >= LEAST_CONTRAST)
        for centre, (picture, shown) in zip(centres, levelled, strict=True)
    ]
    return Descriptions(
        centres,
        spectra / np.maximum(size, 1e-6)[:, None, None],
        np.array(weight, np.float32),
    )


def turn_to_fit(
    rings: np.ndarray, first: np.ndarray, second: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The turn of each second picture that fits the first best.

    Returns angle (radians), mirrored (bool) and the correlation -1..1, all [P].
    """
    angle = np.zeros(len(first))
    mirrored = np.zeros(len(first), bool)
    score = np.full(len(first), -1.0)
    for start in range(0, len(first), CHUNK):
        here = slice(start, start + CHUNK)
        a, b = rings[first[here]], rings[second[here]]
        for mirror, one in ((False, a.conj()), (True, a)):
            # The sum over rings of the circular correlation, at each angle; the factor
            # undoes the 1 / ANGLES of irfft and its doubling of frequencies above 0.
            product = (one * b).sum(1)
            product[:, 1:] /= 2
            fit = scipy.fft.irfft(product, ANGLES, axis=1) * ANGLES
            turn = fit.argmax(1)
            best = fit[np.arange(len(fit)), turn]
            better = best > score[here]
            angle[here][better] = turn[better] * 2 * np.pi / ANGLES
            mirrored[here][better] = mirror
            score[here][better] = best[better]
    return angle, mirrored, score


def register(
    pictures: tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]],
    centres: tuple[np.ndarray, np.ndarray],
    angle: float,
    mirrored: bool,
) -> float:
    """Correlation of the detail of two pictures once one is laid on the other.

    pictures: two of `level`; centres: of their cells. The affine map starts from the
    turn about the cell's centre and is refined by enhanced correlation (Evangelidis
    2008). -1 where they do not fit or share too little.
    """
    (a, shown_a), (b, shown_b) = pictures
    rotation = np.array(
        [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    )
    if mirrored:
        rotation[:, 1] *= -1
    map_ = np.column_stack([rotation, centres[1] - rotation @ centres[0]]).astype(
        np.float32
    )
    a, b = a.astype(np.float32), b.astype(np.float32)
    mask = shown_b.astype(np.uint8)
    window = _window(centres[0]) * shown_a
    score = -1.0
    for steps in (FIRST, STEPS):
        stop = cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, steps, 1e-4
        try:
            kind = cv2.MOTION_AFFINE
            _, map_ = cv2.findTransformECC(a, b, map_, kind, stop, mask, 5)
        except cv2.error:  # no overlap, or nothing to correlate
            return -1.0
        scales = np.linalg.svd(map_[:, :2], compute_uv=False)
        if scales[0] > LARGEST_SCALE or scales[1] < LEAST_SCALE:
            return -1.0
        score = _correlate_detail(a, b, map_, window, mask)
        if score < HOPELESS:
            return -1.0
    return score


def _correlate_detail(
    a: np.ndarray, b: np.ndarray, map_: np.ndarray, window: np.ndarray, mask: np.ndarray
) -> float:
    """Weighted correlation of the detail of a and of b laid on it; -1 for none.

    a, b: float32 [64, 64]; map_: float32 [2, 3]; window: weights in a; mask: where b
    shows anything, uint8.
    """
    lay = cv2.WARP_INVERSE_MAP
    b = cv2.warpAffine(
        b, map_, (SIDE, SIDE), None, lay | cv2.INTER_CUBIC, cv2.BORDER_REPLICATE
    )
    seen = cv2.warpAffine(
        mask.astype(np.float32), map_, (SIDE, SIDE), None, lay | cv2.INTER_LINEAR
    )
    weight = window * (seen > 0.99)
    total = weight.sum()
    if total < LEAST_WEIGHT:
        return -1.0
    a, b = (
        cv2.GaussianBlur(image, None, FINE) - cv2.GaussianBlur(image, None, COARSE)
        for image in (a, b)
    )
    a = a - (a * weight).sum() / total
    b = b - (b * weight).sum() / total
    size = (a * a * weight).sum() * (b * b * weight).sum()
    return float((a * b * weight).sum() / np.sqrt(max(size, 1e-12)))


def _window(centre: np.ndarray) -> np.ndarray:
    """Weights float32 [64, 64] about `centre` (x, y), 0 where they would be small."""
    squared = (COLUMN - centre[0]) ** 2 + (ROW - centre[1]) ** 2
    weights = np.exp(-squared / (2 * WEIGHT**2))
    return np.where(weights > 0.1, weights, 0).astype(np.float32)
