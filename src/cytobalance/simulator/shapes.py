"""Outlines, masks and textures that cells are made of, on float32 pixel grids."""

import cv2
import numpy as np

# OpenCV takes points in 1/16 pixel.
_BITS = 4


def outline(
    rng: np.random.Generator, radius: float, rough: float, aspect: float = 1.0
) -> np.ndarray:
    """A closed smooth outline around 0: float [128, 2], in pixels.

    Random Fourier series of the radius (harmonics 2 to 9, falling off), an ellipse of
    `aspect` turned at random; `rough` is the deviation as a part of the radius.
    """
    angle = np.linspace(0, 2 * np.pi, 128, endpoint=False)
    order = np.arange(2, 10)
    weight = rng.normal(size=8) / order**1.2
    waves = np.cos(order[:, None] * angle + rng.uniform(0, 2 * np.pi, (8, 1)))
    r = radius * (1 + 2 * rough * (weight @ waves))
    points = np.stack([r * np.cos(angle) * aspect, r * np.sin(angle) / aspect], 1)
    return turn(points, rng.uniform(0, 2 * np.pi))


def indented(points: np.ndarray, depth: float, towards: float, width: float = 0.55):
    """`points` of an outline pressed in by `depth` (part of the radius) at one side."""
    angle = np.arctan2(points[:, 1], points[:, 0])
    away = np.angle(np.exp(1j * (angle - towards)))
    return points * (1 - depth * np.exp(-0.5 * (away / width) ** 2))[:, None]


def turn(points: np.ndarray, angle: float) -> np.ndarray:
    """`points` [N, 2] turned around 0 by `angle` in radians."""
    c, s = np.cos(angle), np.sin(angle)
    return points @ np.array([[c, s], [-s, c]])


def fill(mask: np.ndarray, points: np.ndarray, centre: tuple[float, float]) -> None:
    """Draw an outline around `centre` (x, y) into `mask` uint8, antialiased."""
    fixed = np.round((points + np.asarray(centre)) * 2**_BITS).astype(np.int32)
    cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, _BITS)


def dots(mask: np.ndarray, places: np.ndarray, radii: np.ndarray) -> None:
    """Draw discs at `places` [N, 2] (x, y) of `radii` [N] into `mask` uint8."""
    fixed = np.round(places * 2**_BITS).astype(int).tolist()
    sizes = np.maximum(1, np.round(radii * 2**_BITS)).astype(int).tolist()
    for place, size in zip(fixed, sizes, strict=True):
        cv2.circle(mask, place, size, 255, -1, cv2.LINE_AA, _BITS)


def stroke(mask: np.ndarray, points: np.ndarray, width: float) -> None:
    """Draw an open line of `width` pixels through `points` [N, 2] into `mask`."""
    fixed = np.round(points * 2**_BITS).astype(np.int32)
    cv2.polylines(mask, [fixed], False, 255, max(1, round(width)), cv2.LINE_AA, _BITS)


def soft(mask: np.ndarray, sigma: float) -> np.ndarray:
    """`mask` uint8 as float32 in 0..1, its edge softened by `sigma` pixels."""
    return blur(mask.astype(np.float32) / 255, sigma)


def blur(values: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur of float32 [H, W] or [H, W, C]; none below 0.3 pixels.

    Wide blurs are made on a small copy: the result is as smooth, at a part of the cost.
    """
    if sigma < 0.3:
        return values
    if sigma > 6:
        height, width = values.shape[:2]
        small = (max(1, round(width * 3 / sigma)), max(1, round(height * 3 / sigma)))
        values = cv2.resize(values, small, interpolation=cv2.INTER_AREA)
        values = cv2.GaussianBlur(values, (0, 0), 3, borderType=cv2.BORDER_REPLICATE)
        return cv2.resize(values, (width, height), interpolation=cv2.INTER_LINEAR)
    return cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)


def grain(rng: np.random.Generator, shape: tuple[int, ...], size: float) -> np.ndarray:
    """Smooth noise float32 of `shape`, mean 0, deviation near 1, grain of `size` px.

    `shape` is (H, W) or (H, W, channels); channels are independent. Coarse grain is
    blurred before it is enlarged, or its lattice would show.
    """
    step = size / 2 if size > 3 else max(1.0, size)
    small = rng.standard_normal(
        (round(shape[0] / step) + 3, round(shape[1] / step) + 3, *shape[2:]),
        dtype=np.float32,
    )
    if size > 3:
        small = 3.2 * cv2.GaussianBlur(small, (7, 7), 1.0)
    return 1.2 * cv2.resize(small, shape[1::-1], interpolation=cv2.INTER_CUBIC)
