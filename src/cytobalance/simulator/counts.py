"""How many cells of which type, and of which subject, the published sets hold."""

import math

from cytobalance.study.params import Study

# Hazra 2022, Table 1 (33,177 cells), dealt to its three sources; derived, since the
# paper prints only the margins (eone 12,756, lmu 10,300, pbc 10,121: section 2.1).
# Each source keeps to its own codes, no entry exceeds what the published sets hold,
# and eone has 17 types: all but monoblast and smudge cell, which are LMU's.
FULL_COUNTS: dict[str, dict[str, int]] = {
    "basophil": {"eone": 464, "lmu": 60, "pbc": 700},
    "eosinophil": {"eone": 1358, "lmu": 330, "pbc": 1850},
    "erythroblast": {"eone": 587, "lmu": 60, "pbc": 900},
    "immature_granulocyte": {"eone": 1161, "lmu": 0, "pbc": 1720},
    "myelocyte": {"eone": 4, "lmu": 35, "pbc": 0},
    "metamyelocyte": {"eone": 2, "lmu": 11, "pbc": 0},
    "lymphocyte": {"eone": 493, "lmu": 0, "pbc": 720},
    "lymphocyte_atypical": {"eone": 1, "lmu": 6, "pbc": 0},
    "lymphocyte_typical": {"eone": 1318, "lmu": 2500, "pbc": 0},
    "monoblast": {"eone": 0, "lmu": 26, "pbc": 0},
    "monocyte": {"eone": 440, "lmu": 1300, "pbc": 843},
    "myeloblast": {"eone": 904, "lmu": 2200, "pbc": 0},
    "neutrophil": {"eone": 1328, "lmu": 0, "pbc": 1988},
    "neutrophil_band": {"eone": 12, "lmu": 70, "pbc": 0},
    "neutrophil_segmented": {"eone": 3734, "lmu": 3612, "pbc": 0},
    "platelet": {"eone": 939, "lmu": 0, "pbc": 1400},
    "promyelocyte": {"eone": 9, "lmu": 60, "pbc": 0},
    "promyelocyte_bilobed": {"eone": 2, "lmu": 15, "pbc": 0},
    "smudge_cell": {"eone": 0, "lmu": 15, "pbc": 0},
}


def _read(text: str) -> dict[str, int]:
    """Subject -> cells, of `subject:cells subject:cells`."""
    return {s: int(n) for s, n in (pair.split(":") for pair in text.split())}


# C-NMC 2019: folder -> subject -> cells. The folds are those of the published set,
# counted by file name: 7,272 ALL cells of 47 subjects, 3,389 HEM cells of 26. The
# preliminary set's 1,219 and 648 are dealt to invented subjects, since its table is
# published with the images alone.
CNMC_COUNTS: dict[str, dict[str, int]] = {
    "fold_0/all": _read(
        "1:19 3:11 4:113 5:112 11:92 14:99 15:58 17:74 19:9 20:76 22:103 26:142 "
        "28:92 35:155 43:73 45:253 48:268 50:246 52:402"
    ),
    "fold_0/hem": _read(
        "H6:18 H7:18 H11:47 H12:185 H15:162 H16:69 H17:119 H19:108 H24:404"
    ),
    "fold_1/all": _read(
        "2:84 16:53 23:97 30:201 32:212 33:181 34:352 38:145 44:146 46:190 51:757"
    ),
    "fold_1/hem": _read("H10:405 H14:385 H22:373"),
    "fold_2/all": _read(
        "13:89 18:74 21:80 24:161 25:178 27:178 31:111 36:35 37:197 47:278 49:197 "
        "67:267 68:250 72:14 74:31 75:99 78:218"
    ),
    "fold_2/hem": _read(
        "H1:32 H2:112 h3:36 H4:9 H5:28 H8:20 H9:46 H13:137 H18:30 H20:100 H23:327 "
        "H40:140 H46:29 H48:50"
    ),
    "prelim/all": _read(
        "57:180 58:160 59:150 60:130 61:115 62:105 63:95 64:80 65:65 66:55 69:40 "
        "70:30 71:14"
    ),
    "prelim/hem": _read(
        "H25:80 H26:70 H27:65 H28:58 H29:52 H30:45 H31:40 H32:35 H33:30 H34:26 "
        "H35:20 H36:16 H37:10 H38:6 H49:95"
    ),
}


def type_counts(study: Study, layout: str) -> dict[str, int]:
    """Cells of each type that a source of `layout` holds, after every correction.

    Each type's total is Hazra's Table 1 times `simulator.scale` (at least 2 where the
    table has any), dealt to the three layouts by largest remainders; the types of
    `true_counts` keep the numbers of the table.
    """
    counts = {}
    for name, full in FULL_COUNTS.items():
        total = sum(full.values())
        if name not in study.simulator.true_counts:
            total = max(2, round(total * study.simulator.scale))
        counts[name] = share_out(full, total)[layout]
    return counts


def share_out(full: dict[str, int], total: int) -> dict[str, int]:
    """`total` in the proportions of `full`, whole numbers by largest remainders."""
    exact = {key: total * value / sum(full.values()) for key, value in full.items()}
    shares = {key: math.floor(value) for key, value in exact.items()}
    order = sorted(full, key=lambda key: shares[key] - exact[key])
    for key in order[: total - sum(shares.values())]:
        shares[key] += 1
    return shares
