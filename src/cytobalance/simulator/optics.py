"""Stain and microscope of each source and patient: from dyes to pixels."""

from dataclasses import dataclass

import cv2
import numpy as np

from cytobalance.simulator.shapes import blur, grain
from cytobalance.study.params import Study
from cytobalance.study.runtime import random_stream

# Optical density of one unit of each dye in red, green and blue (Romanowsky stain).
# azure: azure B with eosin on DNA, purple; basic: azure B on RNA, blue; eosin: salmon;
# haemoglobin: pink brown. Ratios read from public May-Gruenwald-Giemsa smears.
DYES = ("azure", "basic", "eosin", "haemoglobin")
_STAIN = np.array(
    [[1.08, 1.80, 0.42], [0.86, 0.66, 0.20], [0.16, 0.52, 0.40], [0.25, 0.41, 0.32]],
    np.float32,
)


@dataclass(frozen=True)
class Camera:
    """A source's microscope, camera and stain; lengths in um, light in 0..255."""

    size: tuple[int, int]  # height, width in pixels
    um_per_pixel: float
    light: tuple[float, float, float]  # empty field
    stain: tuple[float, float, float, float]  # strength of each dye
    blur: float  # um
    noise: float  # grey levels
    noise_grain: float  # pixels; a sensor behind a colour filter, or JPEG, smooths
    vignette: float  # light lost in the corner
    crowd: float  # red cells in a field, as a part of the closest packing
    neighbours: float  # mean number of further white cells


# Sizes are the published ones (pbc, lmu, cnmc); eone's set is private: a 4:3 camera
# (ours). C-NMC's cells are cut out, so nothing lies around them.
# Marrow (eone) is crowded, blood (pbc) is not; LMU's scanner gives a grey-yellow field.
CAMERAS = {
    "pbc": Camera(
        size=(363, 360),
        um_per_pixel=0.080,
        light=(252.0, 229.0, 205.0),
        stain=(1.0, 1.0, 1.0, 1.0),
        blur=0.09,
        noise=1.5,
        noise_grain=1.4,
        vignette=0.02,
        crowd=0.75,
        neighbours=0.05,
    ),
    "lmu": Camera(
        size=(400, 400),
        um_per_pixel=0.070,
        light=(226.0, 221.0, 200.0),
        stain=(1.05, 1.05, 0.85, 0.75),
        blur=0.13,
        noise=0.35,
        noise_grain=2.5,
        vignette=0.05,
        crowd=0.80,
        neighbours=0.15,
    ),
    "eone": Camera(
        size=(300, 400),
        um_per_pixel=0.098,
        light=(236.0, 233.0, 243.0),
        stain=(0.92, 1.15, 1.10, 0.95),
        blur=0.13,
        noise=2.0,
        noise_grain=1.2,
        vignette=0.10,
        crowd=0.65,
        neighbours=0.8,
    ),
    "cnmc": Camera(
        size=(450, 450),
        um_per_pixel=0.068,
        light=(240.0, 226.0, 240.0),
        stain=(0.80, 1.10, 0.90, 0.0),
        blur=0.14,
        noise=1.2,
        noise_grain=2.0,
        vignette=0.02,
        crowd=0.0,
        neighbours=0.0,
    ),
}


@dataclass(frozen=True)
class Style:
    """What all cells of one patient share: stain [4, 3], light [3], optics, blood."""

    camera: Camera
    stain: np.ndarray
    light: np.ndarray
    blur: float
    vignette: float
    cell_size: float
    granularity: float
    crowd: float
    red_size: float
    pallor: float
    kinship: int  # root of the streams by which the patient's cells are alike
    kin: float  # part of the types' spread that lies between patients


def draw_style(study: Study, source: str, patient: str) -> Style:
    """The style of one patient of one simulated source.

    `simulator.patient_variation` scales every deviation from the optics of the source.
    """
    camera = CAMERAS[study.sources[source].layout]
    rng = random_stream(study.simulator.seed, "simulator", "patient", source, patient)
    spread = study.simulator.patient_variation

    def vary(size: int | None, deviation: float):
        return np.exp(spread * deviation * np.clip(rng.normal(size=size), -2, 2))

    strength = np.array(camera.stain)[:, None] * vary(4, 0.26)[:, None]
    hue = _STAIN * vary(12, 0.12).reshape(4, 3)
    light = np.array(camera.light) * vary(None, 0.06) * vary(3, 0.035)
    return Style(
        camera=camera,
        stain=(strength * hue).astype(np.float32),
        light=np.minimum(light, 254).astype(np.float32),
        blur=camera.blur * float(vary(None, 0.35)),
        vignette=camera.vignette * float(vary(None, 0.5)),
        cell_size=float(vary(None, 0.045)),
        granularity=float(vary(None, 0.25)),
        crowd=camera.crowd * float(vary(None, 0.25)),
        red_size=float(vary(None, 0.05)),
        pallor=min(0.9, 0.5 * float(vary(None, 0.3))),
        kinship=int(rng.integers(2**62)),
        kin=min(0.9, 0.8 * spread),
    )


def expose(dyes: np.ndarray, style: Style, rng: np.random.Generator) -> np.ndarray:
    """Photograph dyes float32 [H, W, 4] (DYES' order): uint8 [H, W, 3], RGB.

    Beer and Lambert: light falls by exp(-density); then uneven illumination, focus
    and the sensor's noise.
    """
    camera = style.camera
    height, width = dyes.shape[:2]
    # Not a BLAS product, whose threads may change the last bit.
    seen = cv2.exp(cv2.transform(dyes, -style.stain.T))
    focus = style.blur * float(np.exp(0.2 * np.clip(rng.normal(), -2, 2)))
    seen = blur(seen, focus / camera.um_per_pixel)
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    tilt = rng.normal(size=2) * 0.01
    lamp = 1 - style.vignette * (x * x + y * y) / 2 + tilt[0] * x + tilt[1] * y
    seen *= lamp.astype(np.float32)[..., None] * style.light
    seen += camera.noise * grain(rng, (height, width, 3), camera.noise_grain)
    return np.clip(seen + 0.5, 0, 255).astype(np.uint8)
