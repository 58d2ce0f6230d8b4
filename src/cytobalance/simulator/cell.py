"""Render one simulated cell of a smear, with what lies around it."""

import numpy as np

from cytobalance.simulator import shapes
from cytobalance.simulator.morphology import GRANULES, MORPHOLOGY, draw_form
from cytobalance.simulator.nucleus import Nucleus, draw_nucleus, stain_nucleus
from cytobalance.simulator.optics import DYES, Style, expose
from cytobalance.simulator.surroundings import draw_red_cells
from cytobalance.simulator.traits import Morphology, draw_trait, lean_form

AZURE, BASIC, EOSIN, HAEMOGLOBIN = range(len(DYES))
# Further white cells of a crowded field; mostly out of the frame.
_NEIGHBOURS = (
    "neutrophil_segmented",
    "lymphocyte_typical",
    "myelocyte",
    "erythroblast",
)


def render_cell(
    name: str, style: Style, size: tuple[int, int], rng: np.random.Generator
) -> np.ndarray:
    """A field of `size` (height, width) with one cell of type `name` at its centre.

    Returns uint8 [H, W, 3], RGB. All randomness is `rng`'s; `style` is the patient's.
    """
    height, width = size
    um = 1 / style.camera.um_per_pixel
    form, radius = _draw_size(name, style, rng)
    centre = np.array([width, height]) / 2 + rng.normal(size=2) * 0.018 * min(size)
    dyes = np.zeros((height, width, len(DYES)), np.float32)
    dyes[..., HAEMOGLOBIN] = draw_red_cells(size, style, centre, radius, rng)
    for _ in range(rng.poisson(style.camera.neighbours)):
        _add_neighbour(dyes, style, centre, radius, rng)
    for _ in range(rng.poisson(0.8)):  # platelets lie about in every field
        where = rng.uniform((0, 0), (width, height))
        reach = radius + 2.5 * um
        if np.hypot(*(where - centre)) > reach:
            _add_cell(dyes, MORPHOLOGY["platelet"], where, 1.5 * um, style, rng)
    _add_cell(dyes, form, centre, radius, style, rng)
    return expose(dyes, style, rng)


def render_cutout(
    name: str, style: Style, size: tuple[int, int], rng: np.random.Generator
) -> np.ndarray:
    """A cell of type `name` alone, cut out along its outline on black, as C-NMC's.

    Arguments and result as of `render_cell`.
    """
    um = 1 / style.camera.um_per_pixel
    form, radius = _draw_size(name, style, rng)
    half = min(int(radius * (1.2 + 3 * form.rough)) + 6, min(size) // 2)
    cover, dyes = _paint(form, (2 * half, 2 * half), radius, um, style, rng)
    # A segmentation is out by a little, now inside and now outside of the outline.
    ragged = np.clip(0.5 + 0.15 * shapes.grain(rng, cover.shape, 1.2 * um), 0.2, 0.8)
    inside = shapes.blur(cover, 0.3 * um) > ragged
    field = np.zeros((*size, 3), np.uint8)
    away = np.clip(rng.normal(size=2), -2, 2) * 0.008 * min(size)
    most = np.array(size) - 2 * half
    top, left = np.clip(np.round(most / 2 + away), 0, most).astype(int)
    cell = expose(dyes, style, rng) * inside[..., None]
    field[top : top + 2 * half, left : left + 2 * half] = cell
    return field


def _draw_size(name: str, style: Style, rng) -> tuple[Morphology, float]:
    """The form of a patient's cell of type `name`, and its radius in pixels."""
    form = lean_form(draw_form(name, rng), name, style.kinship, style.kin)
    um = 1 / style.camera.um_per_pixel
    return form, 0.5 * um * style.cell_size * max(1.6, draw_trait(form.diameter, rng))


def _add_neighbour(dyes, style: Style, centre, radius: float, rng) -> None:
    """One more white cell, beside the central one and never over it."""
    um = 1 / style.camera.um_per_pixel
    form = MORPHOLOGY[_NEIGHBOURS[rng.integers(len(_NEIGHBOURS))]]
    size = 0.5 * um * draw_trait(form.diameter, rng)
    angle = rng.uniform(0, 2 * np.pi)
    distance = radius + size * rng.uniform(1.0, 1.6) + 0.8 * um
    place = centre + distance * np.array([np.cos(angle), np.sin(angle)])
    _add_cell(dyes, form, place, size, style, rng)


def _add_cell(dyes, form: Morphology, centre, radius: float, style: Style, rng) -> None:
    """Lay one cell of `radius` pixels over `dyes`; what is under it gives way."""
    um = 1 / style.camera.um_per_pixel
    room = 1.75 if form.nucleus == "smudged" else 1.2 + 3 * form.rough
    half = int(radius * room) + 6
    cover, layer = _paint(form, (2 * half, 2 * half), radius, um, style, rng)
    left, top = (round(v) - half for v in centre)
    height, width = dyes.shape[:2]
    x0, x1 = max(0, left), min(width, left + 2 * half)
    y0, y1 = max(0, top), min(height, top + 2 * half)
    if x0 >= x1 or y0 >= y1:
        return
    part = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
    dyes[y0:y1, x0:x1] *= 1 - 0.92 * cover[part][..., None]
    dyes[y0:y1, x0:x1] += layer[part]


def _paint(
    form: Morphology, shape: tuple[int, int], radius: float, um: float, style, rng
) -> tuple[np.ndarray, np.ndarray]:
    """Cover float32 [H, W] in 0..1 and dyes float32 [H, W, 4] of a cell in a patch."""
    centre = (shape[1] / 2, shape[0] / 2)
    nucleus = draw_nucleus(form, shape, radius, um, rng)
    layer = np.zeros((*shape, len(DYES)), np.float32)
    if form.nucleus == "smudged":
        ragged = 0.9 + 0.2 * shapes.grain(rng, shape, 2.0 * um)
        nucleus = Nucleus(nucleus.mask * np.clip(ragged, 0, 1), centre, 0.0)
        body = nucleus.mask
    else:
        mask = np.zeros(shape, np.uint8)
        aspect = float(np.exp(rng.normal() * (0.04 + form.rough)))
        shapes.fill(mask, shapes.outline(rng, radius, form.rough, aspect), centre)
        body = shapes.soft(mask, 0.12 * um)
        nucleus = Nucleus(nucleus.mask * body, nucleus.centre, nucleus.hollow)
        _stain_cytoplasm(layer, form, body, nucleus, radius, um, rng)
    azure, basic = stain_nucleus(nucleus, form, um, rng)
    open_air = np.maximum(layer[..., BASIC] * 0.3, 0)  # blue plasma over the nucleus
    layer *= (1 - nucleus.mask)[..., None]
    layer[..., AZURE] += azure
    layer[..., BASIC] += basic + open_air * nucleus.mask
    for kind, least, most in form.granules:
        count = int(rng.integers(least, most + 1) * style.granularity)
        _add_granules(layer, kind, count, body, nucleus.mask, um, rng)
    rods = rng.random() < form.auer_rods
    if rods:
        _add_auer_rod(layer, body, nucleus.mask, um, rng)
    count = int(rng.integers(form.vacuoles[0], form.vacuoles[1] + 1))
    if count:
        places = _places(body * (1 - 0.7 * nucleus.mask), count, rng)
        if len(places):
            holes = np.zeros(shape, np.uint8)
            shapes.dots(holes, places, um * rng.uniform(0.3, 0.8, len(places)))
            layer *= (1 - 0.85 * shapes.soft(holes, 0.14 * um))[..., None]
    return body, layer


def _stain_cytoplasm(layer, form: Morphology, body, nucleus, radius, um, rng) -> None:
    """Cytoplasm: dyes, mottling, the pale hof at the nucleus, the darker rim."""
    shape = body.shape
    mottle = 1 + 0.14 * shapes.grain(rng, shape, 0.5 * um)
    mottle += 0.10 * shapes.grain(rng, shape, 2.2 * um)
    inside = body * np.maximum(mottle, 0.2)
    basic = inside * draw_trait(form.basic, rng)
    if form.hof:
        y, x = np.ogrid[: shape[0], : shape[1]]
        spot = np.asarray(nucleus.centre) + 0.62 * radius * np.array(
            [np.cos(nucleus.hollow), np.sin(nucleus.hollow)]
        )
        far = ((x - spot[0]) ** 2 + (y - spot[1]) ** 2) / (0.42 * radius) ** 2
        basic *= 1 - form.hof * np.exp(-far).astype(np.float32)
    if form.rim:
        edge = body * (1 - shapes.blur(body, 0.14 * radius))
        basic += 2.2 * form.rim * edge
    layer[..., BASIC] += basic
    layer[..., EOSIN] += inside * draw_trait(form.eosin, rng)
    layer[..., HAEMOGLOBIN] += body * draw_trait(form.haemoglobin, rng)
    layer[..., AZURE] += 0.03 * inside


def _places(where: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """At most `count` points (x, y), drawn with the density `where` in 0..1."""
    height, width = where.shape
    tries = rng.uniform((0, 0), (width - 1, height - 1), (4 * count + 8, 2))
    column, row = tries.astype(int).T
    kept = rng.random(len(tries)) < where[row, column]
    return tries[kept][:count]


def _add_granules(layer, kind: str, count: int, body, nucleus, um, rng) -> None:
    granule = GRANULES[kind]
    reach = shapes.blur(body, 0.3 * um) > 0.85  # none across the outline
    places = _places(reach * (1 - (1 - granule.over_nucleus) * nucleus), count, rng)
    if not len(places):
        return
    spots = np.zeros(body.shape, np.uint8)
    spread = np.clip(rng.normal(size=len(places)), -2, 2)
    shapes.dots(spots, places, um * (granule.radius[0] + granule.radius[1] * spread))
    cover = shapes.soft(spots, 0.06 * um)
    layer[..., AZURE] += granule.azure * cover
    layer[..., BASIC] += granule.basic * cover
    layer[..., EOSIN] += granule.eosin * cover


def _add_auer_rod(layer, body, nucleus, um, rng) -> None:
    """A purple-red needle in the cytoplasm of some myeloblasts."""
    places = _places(body * (1 - nucleus), 1, rng)
    if not len(places):
        return
    rod = np.zeros(body.shape, np.uint8)
    angle = rng.uniform(0, np.pi)
    along = um * rng.uniform(1.0, 1.8) * np.array([np.cos(angle), np.sin(angle)])
    shapes.stroke(rod, places[0] + np.array([-along, along]), 0.3 * um)
    cover = shapes.soft(rod, 0.08 * um) * body
    layer[..., AZURE] += 0.4 * cover
    layer[..., EOSIN] += 0.5 * cover
