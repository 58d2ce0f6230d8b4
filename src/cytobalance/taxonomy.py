"""The one table of cell types, classes, colours and the sources' own codes."""

# The 19 types of Hazra 2022, Table 1, in the order of the 12 classes they join.
TYPES = (
    "basophil",
    "eosinophil",
    "erythroblast",
    "immature_granulocyte",
    "myelocyte",
    "metamyelocyte",
    "lymphocyte",
    "lymphocyte_atypical",
    "lymphocyte_typical",
    "monoblast",
    "monocyte",
    "myeloblast",
    "neutrophil",
    "neutrophil_band",
    "neutrophil_segmented",
    "platelet",
    "promyelocyte",
    "promyelocyte_bilobed",
    "smudge_cell",
)

# Types whose share is the share of blasts. A promyelocyte is not one: WHO 2022 counts
# abnormal promyelocytes as their equivalent in acute promyelocytic leukaemia alone, and
# no source tells a subject's diagnosis. `all` is C-NMC's code of a lymphoblast.
BLASTS = ("monoblast", "myeloblast", "lymphoblast", "all")

# Colours of the 12 classes of Hazra 2022, Table 2, in the paper's index order (section
# 3.2): one hue a class, far enough apart in lightness to survive grey printing.
COLOURS = {
    "basophil": "#4b3b8f",
    "eosinophil": "#e4572e",
    "erythroblast": "#a61c3c",
    "immature_granulocyte": "#e9a23b",
    "lymphocyte": "#2e86ab",
    "monoblast": "#17594a",
    "monocyte": "#5aa897",
    "myeloblast": "#7a306c",
    "neutrophil": "#c87fb3",
    "platelet": "#8d8741",
    "promyelocyte": "#b5651d",
    "smudge_cell": "#6c757d",
}

# Codes of each published layout -> type. None: a code that the layout defines and
# that has no place among the 19 types; its cells are left out by rule, and counted.
CODES: dict[str, dict[str, str | None]] = {
    # Acevedo 2020: the file name's prefix is finer than the folder (facts of the set).
    "pbc": {
        "BA": "basophil",
        "EO": "eosinophil",
        "ERB": "erythroblast",
        "IG": "immature_granulocyte",
        "MY": "myelocyte",
        "MMY": "metamyelocyte",
        "PMY": "promyelocyte",
        "LY": "lymphocyte",
        "MO": "monocyte",
        "NEUTROPHIL": "neutrophil",
        "BNE": "neutrophil_band",
        "SNE": "neutrophil_segmented",
        "PLATELET": "platelet",
    },
    # AML-Cytomorphology_LMU, abbreviations.txt of the set.
    "lmu": {
        "BAS": "basophil",
        "EBO": "erythroblast",
        "EOS": "eosinophil",
        "KSC": "smudge_cell",
        "LYA": "lymphocyte_atypical",
        "LYT": "lymphocyte_typical",
        "MMZ": "metamyelocyte",
        "MOB": "monoblast",
        "MON": "monocyte",
        "MYB": "myelocyte",
        "MYO": "myeloblast",
        "NGB": "neutrophil_band",
        "NGS": "neutrophil_segmented",
        "PMB": "promyelocyte_bilobed",
        "PMO": "promyelocyte",
    },
    # Matek 2021, bone marrow, 21 codes. Blasts are myeloblasts in this set's cohort.
    "mll": {
        "ABE": None,  # abnormal eosinophil
        "ART": None,  # artefact
        "BAS": "basophil",
        "BLA": "myeloblast",
        "EBO": "erythroblast",
        "EOS": "eosinophil",
        "FGC": None,  # faggot cell
        "HAC": None,  # hairy cell
        "KSC": "smudge_cell",
        "LYI": None,  # immature lymphocyte
        "LYT": "lymphocyte_typical",
        "MMZ": "metamyelocyte",
        "MON": "monocyte",
        "MYB": "myelocyte",
        "NGB": "neutrophil_band",
        "NGS": "neutrophil_segmented",
        "NIF": None,  # not identifiable
        "OTH": None,  # other cell
        "PEB": "erythroblast",  # proerythroblast
        "PLM": None,  # plasma cell
        "PMO": "promyelocyte",
    },
    # EONE Laboratories' set is private; our layout writes the type's own name.
    "eone": {name: name for name in TYPES},
}


def blast_classes(classes: dict[str, tuple[str, ...]]) -> tuple[list[str], list[str]]:
    """Classes of blasts alone, and classes that mix them with other types.

    classes: class -> types.
    """
    parts = {
        label: [name in BLASTS for name in types] for label, types in classes.items()
    }
    pure = [label for label, part in parts.items() if all(part)]
    return pure, [n for n, part in parts.items() if any(part) and n not in pure]


def readable(name: str) -> str:
    """The readable form of a class or type name: `smudge_cell` -> `smudge cell`."""
    return name.replace("_", " ")
