"""The traits of a cell: what they are, and how they vary from cell to cell."""

from dataclasses import dataclass, replace

import numpy as np

from cytobalance.study.runtime import random_stream

# A trait as (mean, standard deviation).
Spread = tuple[float, float]


@dataclass(frozen=True)
class Morphology:
    """Traits of one type; lengths in um, dyes in parts of a mature nucleus's stain.

    `nucleus` is round, kidney, band, lobes, bilobed, smudged or none; `fill` its span
    as a part of the cell's diameter; `chromatin` the grain in um and the contrast of
    its clumps; `hof` the pale zone beside the nucleus, 0..1; `rim` the darker blue at
    the outline; `rough` the outline's irregularity as a part of the radius.
    """

    diameter: Spread
    nucleus: str
    fill: Spread
    density: Spread
    chromatin: tuple[float, float]
    lobes: tuple[int, int] = (1, 1)
    indent: Spread = (0.0, 0.0)
    nucleoli: tuple[int, int] = (0, 0)
    nucleolus: float = 1.6
    eccentric: float = 0.06
    basic: Spread = (0.0, 0.0)
    eosin: Spread = (0.0, 0.0)
    haemoglobin: Spread = (0.0, 0.0)
    hof: float = 0.0
    rim: float = 0.0
    rough: float = 0.025
    granules: tuple[tuple[str, int, int], ...] = ()
    vacuoles: tuple[int, int] = (0, 0)
    auer_rods: float = 0.0


@dataclass(frozen=True)
class Granule:
    """One kind of granule: radius in um, its dyes, and whether it hides the nucleus."""

    radius: Spread
    azure: float
    basic: float
    eosin: float
    over_nucleus: float = 0.0


def lean_form(form: Morphology, name: str, kinship: int, kin: float) -> Morphology:
    """`form` as the cells of type `name` tend to look in one patient.

    A patient's blasts are one clone, and toxic or dysplastic change marks all cells of
    a line: the part `kin` (0..1) of each trait's variance lies between patients.
    """
    leaning = {}
    for trait in ("diameter", "fill", "indent", "density", "basic", "eosin"):
        mean, deviation = getattr(form, trait)
        z = float(np.clip(random_stream(kinship, name, trait).normal(), -2, 2))
        shifted = max(0.0, mean + z * deviation * kin**0.5)
        leaning[trait] = (shifted, deviation * (1 - kin) ** 0.5)
    return replace(form, **leaning)


def draw_trait(trait: Spread, rng: np.random.Generator) -> float:
    """One value of a trait: normal, cut at two standard deviations, never below 0."""
    return max(0.0, trait[0] + trait[1] * float(np.clip(rng.normal(), -2, 2)))
