"""Nuclei: their shapes from round to smudged, their chromatin and nucleoli."""

from dataclasses import dataclass

import numpy as np

from cytobalance.simulator import shapes
from cytobalance.simulator.traits import Morphology, draw_trait


@dataclass(frozen=True)
class Nucleus:
    """Mask float32 [H, W] in 0..1 and where its hollow side looks, in radians."""

    mask: np.ndarray
    centre: tuple[float, float]
    hollow: float


def draw_nucleus(
    form: Morphology,
    shape: tuple[int, int],
    radius: float,
    um: float,
    rng: np.random.Generator,
) -> Nucleus:
    """The nucleus of a cell of `radius` pixels centred in a patch of `shape`.

    `um`: pixels a um.
    """
    mask = np.zeros(shape, np.uint8)
    hollow = rng.uniform(0, 2 * np.pi)
    span = radius * min(0.95, draw_trait(form.fill, rng))
    away = min(form.eccentric * (0.5 + rng.random()) * radius, 0.94 * radius - span)
    away = max(0.0, away)
    centre = (
        shape[1] / 2 - away * np.cos(hollow),
        shape[0] / 2 - away * np.sin(hollow),
    )
    draw = {
        "round": _round,
        "kidney": _kidney,
        "band": _band,
        "lobes": _lobes,
        "bilobed": _bilobed,
        "smudged": _smudged,
    }.get(form.nucleus)
    if draw:
        draw(mask, form, centre, span, hollow, rng)
    edge = 0.6 if form.nucleus == "smudged" else 0.10
    return Nucleus(shapes.soft(mask, edge * um), centre, hollow)


def _round(mask, form, centre, span, hollow, rng) -> None:
    aspect = float(np.exp(rng.normal() * 0.06))
    points = shapes.outline(rng, span, 0.022, aspect)
    depth = draw_trait(form.indent, rng)
    shapes.fill(mask, shapes.indented(points, depth, hollow), centre)


def _kidney(mask, form, centre, span, hollow, rng) -> None:
    """Indented on the hollow side; a deep indentation makes a horseshoe."""
    points = shapes.outline(rng, span, 0.03, float(np.exp(rng.normal() * 0.08)))
    depth = min(0.75, draw_trait(form.indent, rng))
    points = shapes.indented(points, depth, hollow, rng.uniform(0.35, 0.6))
    if rng.random() < 0.35:  # a second, shallow fold
        points = shapes.indented(points, depth * 0.5, rng.uniform(0, 2 * np.pi), 0.3)
    shapes.fill(mask, points, centre)


def _arc(
    span: float, sweep: float, hollow: float, rng: np.random.Generator, count: int
) -> np.ndarray:
    """`count` points on a wavy arc open to the hollow side: [count, 2] around 0."""
    angle = hollow + np.pi + np.linspace(-sweep / 2, sweep / 2, count)
    bend = 1 + 0.12 * np.sin(
        np.linspace(0, rng.uniform(3, 8), count) + rng.uniform(0, 6)
    )
    return span * bend[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)


def _band(mask, form, centre, span, hollow, rng) -> None:
    """A curved rod of even width, a little swollen at its ends."""
    width = span * rng.uniform(0.58, 0.74)
    line = _arc(span - width / 2, rng.uniform(2.6, 4.3), hollow, rng, 24)
    line += np.asarray(centre)
    shapes.stroke(mask, line, width)
    ends = width / 2 * rng.uniform(0.98, 1.18, 2)
    shapes.dots(mask, line[[0, -1]], ends)


def _lobes(mask, form, centre, span, hollow, rng) -> None:
    """Lobes on an arc, tied by threads."""
    count = int(rng.integers(form.lobes[0], form.lobes[1] + 1))
    size = span * (0.50 - 0.035 * (count - 2))
    sweep = rng.uniform(1.3, 1.7) * (count - 1) * size / (span - size)
    spots = _arc(span - size, min(sweep, 5.0), hollow, rng, count)
    spots += rng.normal(size=spots.shape) * 0.05 * span + np.asarray(centre)
    shapes.stroke(mask, spots, max(1.5, 0.16 * span))
    for spot in spots:
        lobe = shapes.outline(
            rng, size * rng.uniform(0.88, 1.1), 0.05, rng.uniform(0.84, 1.2)
        )
        shapes.fill(mask, lobe, tuple(spot))


def _bilobed(mask, form, centre, span, hollow, rng) -> None:
    """Two equal lobes side by side, joined by a short bridge."""
    plump = 0.5 + 0.12 * (form.fill[0] > 0.75)  # a promyelocyte's lobes touch
    size = span * plump * rng.uniform(1.0, 1.12)
    across = np.array([-np.sin(hollow), np.cos(hollow)]) * (span - size) * 1.12
    spots = np.asarray(centre) + np.array([across, -across])
    shapes.stroke(mask, spots, size * rng.uniform(0.3, 1.0))
    for spot in spots:
        lobe = shapes.outline(rng, size * rng.uniform(0.93, 1.07), 0.04)
        lobe = shapes.indented(lobe, 0.12, hollow)
        shapes.fill(mask, lobe, tuple(spot))


def _smudged(mask, form, centre, span, hollow, rng) -> None:
    """A burst nucleus: a ragged spread with strands drawn out to one side."""
    points = shapes.outline(rng, span * 0.85, form.rough, rng.uniform(0.8, 1.25))
    shapes.fill(mask, points, centre)
    for _ in range(rng.integers(2, 5)):
        angle = hollow + rng.normal() * 0.5
        start = shapes.turn(np.array([[span * 0.3, 0.0]]), angle)[0]
        bend = np.linspace(0, 1, 8)[:, None] * span * rng.uniform(0.5, 1.0)
        way = np.array([[np.cos(angle), np.sin(angle)]])
        side = rng.normal() * 0.35 * np.array([[-way[0, 1], way[0, 0]]])
        line = start + bend * (way + side * np.linspace(0, 1, 8)[:, None])
        shapes.stroke(mask, line + np.asarray(centre), span * rng.uniform(0.2, 0.5))


def stain_nucleus(
    nucleus: Nucleus, form: Morphology, um: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Azure and basic dye of a nucleus, float32 [H, W] each.

    Chromatin is coarse where ripe and fine in blasts; a denser rim; pale blue
    nucleoli.
    """
    mask = nucleus.mask
    size, contrast = form.chromatin
    clumps = shapes.grain(rng, mask.shape, size * um)
    fine = shapes.grain(rng, mask.shape, max(1.0, 0.16 * um))
    texture = contrast * np.tanh(1.4 * clumps) + 0.07 * fine
    rim = mask - shapes.blur(mask, 0.5 * um)
    density = draw_trait(form.density, rng) * (1 + texture + 0.35 * rim)
    azure = mask * np.maximum(density, 0.1)
    basic = np.zeros_like(azure)
    count = int(rng.integers(form.nucleoli[0], form.nucleoli[1] + 1))
    inner = np.argwhere(shapes.blur(mask, 0.8 * um) > 0.93)
    if count and len(inner):
        spots = np.zeros(mask.shape, np.uint8)
        for spot in inner[rng.integers(len(inner), size=count)]:
            radius = 0.5 * form.nucleolus * um * rng.uniform(0.7, 1.15)
            ring = shapes.outline(rng, radius, 0.06)
            shapes.fill(spots, ring, (float(spot[1]), float(spot[0])))
        pale = shapes.soft(spots, 0.18 * um) * mask
        azure *= 1 - 0.45 * pale
        basic += 0.18 * pale
    return azure, basic
