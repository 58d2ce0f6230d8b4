"""What a haematologist sees in each type of cell: one table of traits."""

import numpy as np

from cytobalance.simulator.traits import Granule, Morphology

GRANULES = {
    # Large, round, brick red, filling the cytoplasm.
    "eosinophil": Granule((0.33, 0.05), 0.06, 0.0, 0.85),
    # Coarse, dark violet, unequal, lying over the nucleus.
    "basophil": Granule((0.30, 0.09), 0.50, 0.30, 0.0, 1.0),
    # Azurophil granules of promyelocytes: purple red, partly over the nucleus.
    "primary": Granule((0.18, 0.05), 0.38, 0.0, 0.35, 0.45),
    # Neutrophil granules: dust at the limit of resolution, lilac pink.
    "specific": Granule((0.13, 0.03), 0.10, 0.0, 0.28),
}

_MYELOBLAST = Morphology(
    diameter=(15.0, 1.8),
    nucleus="round",
    fill=(0.86, 0.045),
    density=(0.70, 0.06),
    chromatin=(0.30, 0.16),
    nucleoli=(2, 4),
    nucleolus=1.5,
    basic=(0.62, 0.10),
    rim=0.25,
    auer_rods=0.15,
)
_PROMYELOCYTE = Morphology(
    diameter=(19.0, 1.6),
    nucleus="round",
    fill=(0.68, 0.05),
    density=(0.72, 0.06),
    chromatin=(0.38, 0.20),
    nucleoli=(1, 2),
    nucleolus=1.9,
    eccentric=0.12,
    basic=(0.55, 0.08),
    eosin=(0.05, 0.03),
    hof=0.6,
    granules=(("primary", 90, 240),),
)
_MYELOCYTE = Morphology(
    diameter=(15.5, 1.5),
    nucleus="round",
    fill=(0.62, 0.05),
    density=(0.82, 0.06),
    chromatin=(0.48, 0.26),
    eccentric=0.14,
    basic=(0.25, 0.09),
    eosin=(0.22, 0.06),
    hof=0.4,
    granules=(("primary", 5, 45), ("specific", 150, 300)),
)
_METAMYELOCYTE = Morphology(
    diameter=(14.2, 1.2),
    nucleus="kidney",
    fill=(0.66, 0.05),
    indent=(0.42, 0.10),
    density=(0.88, 0.06),
    chromatin=(0.52, 0.28),
    eccentric=0.10,
    basic=(0.09, 0.05),
    eosin=(0.28, 0.06),
    granules=(("primary", 0, 12), ("specific", 180, 340)),
)
_BAND = Morphology(
    diameter=(13.2, 1.0),
    nucleus="band",
    fill=(0.66, 0.05),
    density=(0.96, 0.06),
    chromatin=(0.55, 0.28),
    basic=(0.03, 0.02),
    eosin=(0.30, 0.06),
    granules=(("specific", 180, 340),),
)
_SEGMENTED = Morphology(
    diameter=(13.0, 1.0),
    nucleus="lobes",
    fill=(0.64, 0.05),
    lobes=(3, 5),
    density=(1.02, 0.06),
    chromatin=(0.55, 0.26),
    basic=(0.02, 0.02),
    eosin=(0.30, 0.06),
    granules=(("specific", 180, 340),),
)
_LYMPHOCYTE = Morphology(
    diameter=(9.6, 1.1),
    nucleus="round",
    fill=(0.88, 0.04),
    indent=(0.06, 0.06),
    density=(1.0, 0.07),
    chromatin=(0.75, 0.26),
    basic=(0.50, 0.10),
    rough=0.035,
)
_LARGE_LYMPHOCYTE = Morphology(
    diameter=(13.0, 1.2),
    nucleus="round",
    fill=(0.70, 0.05),
    indent=(0.10, 0.08),
    density=(0.92, 0.07),
    chromatin=(0.75, 0.24),
    eccentric=0.12,
    basic=(0.30, 0.08),
    rough=0.05,
    granules=(("primary", 3, 12),),
)

# Lengths after Bain, Blood Cells (5th ed., ch. 3): platelets 2-4 um, lymphocytes 8-12,
# neutrophils 12-14, eosinophils 12-17, basophils 10-14, monocytes 15-20, blasts 12-20,
# promyelocytes 15-25; the other numbers were set by eye against public smears.
MORPHOLOGY: dict[str, Morphology] = {
    "basophil": Morphology(
        diameter=(12.0, 1.0),
        nucleus="lobes",
        fill=(0.70, 0.05),
        lobes=(2, 3),
        density=(0.80, 0.08),
        chromatin=(0.60, 0.15),
        eosin=(0.28, 0.06),
        basic=(0.12, 0.05),
        rough=0.035,
        granules=(("basophil", 90, 260),),
    ),
    "eosinophil": Morphology(
        diameter=(14.3, 1.2),
        nucleus="bilobed",
        fill=(0.64, 0.05),
        density=(0.98, 0.06),
        chromatin=(0.55, 0.24),
        eccentric=0.12,
        eosin=(0.72, 0.10),
        granules=(("eosinophil", 220, 340),),
    ),
    "erythroblast": Morphology(
        diameter=(10.2, 1.6),
        nucleus="round",
        fill=(0.62, 0.08),
        density=(1.18, 0.10),
        chromatin=(0.80, 0.30),
        eccentric=0.14,
        basic=(0.28, 0.16),
        haemoglobin=(0.65, 0.20),
    ),
    "myelocyte": _MYELOCYTE,
    "metamyelocyte": _METAMYELOCYTE,
    "lymphocyte_typical": _LYMPHOCYTE,
    "lymphocyte_atypical": Morphology(
        diameter=(16.0, 1.8),
        nucleus="kidney",
        fill=(0.62, 0.06),
        indent=(0.18, 0.10),
        density=(0.85, 0.07),
        chromatin=(0.60, 0.24),
        nucleoli=(0, 1),
        eccentric=0.14,
        basic=(0.62, 0.10),
        hof=0.35,
        rim=0.55,
        rough=0.10,
        vacuoles=(0, 3),
    ),
    "monoblast": Morphology(
        diameter=(18.5, 1.8),
        nucleus="round",
        fill=(0.72, 0.05),
        indent=(0.10, 0.08),
        density=(0.66, 0.06),
        chromatin=(0.32, 0.16),
        nucleoli=(1, 2),
        nucleolus=2.6,
        eccentric=0.08,
        basic=(0.60, 0.09),
        rim=0.15,
        rough=0.06,
        granules=(("primary", 0, 10),),
        vacuoles=(0, 4),
    ),
    "monocyte": Morphology(
        diameter=(17.2, 1.6),
        nucleus="kidney",
        fill=(0.68, 0.05),
        indent=(0.40, 0.15),
        density=(0.78, 0.06),
        chromatin=(0.55, 0.27),
        eccentric=0.08,
        basic=(0.30, 0.07),
        eosin=(0.08, 0.03),
        rough=0.065,
        granules=(("primary", 0, 25), ("specific", 60, 160)),
        vacuoles=(1, 12),
    ),
    "myeloblast": _MYELOBLAST,
    "neutrophil_band": _BAND,
    "neutrophil_segmented": _SEGMENTED,
    "platelet": Morphology(
        diameter=(3.6, 0.8),
        nucleus="none",
        fill=(0.6, 0.1),
        density=(0.0, 0.0),
        chromatin=(0.5, 0.0),
        basic=(0.24, 0.06),
        eosin=(0.20, 0.05),
        rough=0.09,
        granules=(("primary", 20, 50),),
    ),
    "promyelocyte": _PROMYELOCYTE,
    # The variant form of Matek 2019: a bilobed nucleus and dusty granules.
    "promyelocyte_bilobed": Morphology(
        diameter=(17.5, 1.6),
        nucleus="bilobed",
        fill=(0.84, 0.05),
        density=(0.72, 0.06),
        chromatin=(0.36, 0.18),
        basic=(0.50, 0.08),
        eosin=(0.08, 0.03),
        granules=(("primary", 25, 90),),
    ),
    "smudge_cell": Morphology(
        diameter=(15.5, 2.5),
        nucleus="smudged",
        fill=(0.80, 0.08),
        density=(0.62, 0.10),
        chromatin=(1.1, 0.22),
        rough=0.12,
    ),
    # C-NMC 2019: lymphoblasts (ALL) and normal B-lymphoid precursors (HEM). They differ
    # in degree alone and overlap in each trait: a blast tends to be larger, its
    # chromatin finer, its nucleus less regular, its rim of cytoplasm thinner.
    "all": Morphology(
        diameter=(13.0, 1.7),
        nucleus="kidney",
        fill=(0.90, 0.03),
        indent=(0.12, 0.09),
        density=(0.84, 0.07),
        chromatin=(0.42, 0.17),
        nucleoli=(0, 2),
        nucleolus=1.4,
        basic=(0.48, 0.10),
        rough=0.035,
        vacuoles=(0, 1),
    ),
    "hem": Morphology(
        diameter=(11.2, 1.3),
        nucleus="round",
        fill=(0.87, 0.035),
        indent=(0.05, 0.05),
        density=(0.94, 0.07),
        chromatin=(0.62, 0.23),
        nucleoli=(0, 1),
        nucleolus=1.2,
        eccentric=0.08,
        basic=(0.42, 0.10),
        rough=0.028,
    ),
}

# Types that the sources use for several forms: (form, its part).
FORMS: dict[str, tuple[tuple[Morphology, float], ...]] = {
    "immature_granulocyte": (
        (_MYELOCYTE, 0.45),
        (_METAMYELOCYTE, 0.38),
        (_PROMYELOCYTE, 0.17),
    ),
    "lymphocyte": ((_LYMPHOCYTE, 0.85), (_LARGE_LYMPHOCYTE, 0.15)),
    "lymphocyte_typical": ((_LYMPHOCYTE, 0.88), (_LARGE_LYMPHOCYTE, 0.12)),
    "neutrophil": ((_SEGMENTED, 0.72), (_BAND, 0.28)),
}


def draw_form(name: str, rng: np.random.Generator) -> Morphology:
    """The morphology of one cell of type `name`, where a type has several forms."""
    forms = FORMS.get(name)
    if forms is None:
        return MORPHOLOGY[name]
    return forms[rng.choice(len(forms), p=[part for _, part in forms])][0]
