"""Red cells around the white cell: biconcave discs, crowded as the smear is."""

import cv2
import numpy as np

from cytobalance.simulator.optics import Style

# Mean diameter of a red cell on a smear, um (Bain, Blood Cells).
RED_DIAMETER = 7.3


def draw_red_cells(
    size: tuple[int, int],
    style: Style,
    centre: np.ndarray,
    radius: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Haemoglobin float32 [H, W] of a field of `size` (height, width).

    They keep off the white cell of `radius` pixels at `centre` (x, y), as the smear
    pushes them aside, though some touch it. Drawn at half the resolution: they have
    no finer detail.
    """
    height, width = size[0] // 2 + 1, size[1] // 2 + 1
    red = 0.25 * RED_DIAMETER * style.red_size / style.camera.um_per_pixel
    field = np.zeros((height, width), np.float32)
    crowd = style.crowd * np.exp(0.35 * rng.normal())
    wanted = int(crowd * (height + 2 * red) * (width + 2 * red) / (3.5 * red * red))
    tries = rng.uniform((-red, -red), (width + red, height + red), (3 * wanted, 2))
    closest = rng.uniform(1.55, 2.05, len(tries)) * red
    keep_off = (radius / 2 + red) * rng.uniform(0.96, 1.08, len(tries))
    placed = np.empty((0, 2))
    for place, gap, off in zip(tries, closest, keep_off, strict=True):
        if np.hypot(*(place - centre / 2)) < off:
            continue
        if len(placed) and np.hypot(*(placed - place).T).min() < gap:
            continue
        placed = np.vstack([placed, place])
        _add_red_cell(field, place, red * np.exp(0.06 * rng.normal()), style, rng)
        if len(placed) >= wanted:
            break
    return cv2.resize(field, size[::-1], interpolation=cv2.INTER_LINEAR)


def _add_red_cell(field, place, radius: float, style: Style, rng) -> None:
    """Add one disc: dense ring, pale centre, slightly oval."""
    reach = int(radius * 1.25) + 2
    x0, x1 = max(0, int(place[0]) - reach), min(field.shape[1], int(place[0]) + reach)
    y0, y1 = max(0, int(place[1]) - reach), min(field.shape[0], int(place[1]) + reach)
    if x0 >= x1 or y0 >= y1:
        return
    oval = np.exp(0.05 * rng.normal())
    angle = rng.uniform(0, np.pi)
    x = (np.arange(x0, x1, dtype=np.float32) - np.float32(place[0]))[None, :]
    y = (np.arange(y0, y1, dtype=np.float32) - np.float32(place[1]))[:, None]
    u = (x * np.cos(angle) + y * np.sin(angle)) * (oval / radius)
    v = (y * np.cos(angle) - x * np.sin(angle)) / (oval * radius)
    square = (u * u + v * v).astype(np.float32)
    edge = np.clip((1.06 - square) * (0.22 * radius), 0, 1)
    pallor = style.pallor * rng.uniform(0.6, 1.15)
    depth = 1 - pallor * np.exp(-((square / 0.28) ** 1.5))
    field[y0:y1, x0:x1] += edge * depth * np.float32(rng.uniform(0.9, 1.1))
