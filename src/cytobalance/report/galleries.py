"""Galleries of single cells for the page: hits, and misses with their confidence."""

from html import escape
from typing import Any

import numpy as np

from cytobalance.draw.montage import enlarge
from cytobalance.report.page import cell_picture
from cytobalance.taxonomy import readable

# Misses shown, the surest first: those cost most trust.
MISSES = 12
# Cells below this side are enlarged before embedding: a printer may blur them.
LEAST = 64


def show_hits(record: dict[str, Any], images: dict[str, np.ndarray]) -> str:
    """Rightly named cells titled as in Hazra 2022, Figs 9 and 10.

    images: cell_id -> uint8 [S, S, 3], a read-only lookup. Title: predicted class,
    confidence, (true class).
    """
    figures = []
    for cell_id, label, confidence in record["hits"]["rows"]:
        name = readable(record["classes"][label]).capitalize()
        text = f"{name} {100 * confidence:.0f} % ({name})"
        figures.append(
            cell_picture(enlarge(images[cell_id], LEAST), text, escape(text))
        )
    return f'<div class="cells">{"".join(figures)}</div>'


def show_misses(record: dict[str, Any], images: dict[str, np.ndarray]) -> str:
    """The surest misses of the first trial, confidence as bars (Hazra 2022, Fig 7)."""
    rows = [
        row
        for row in record["misses"]["rows"]
        if row[0] == 0 and row[2] == "real" and row[1] in images
    ]
    rows = sorted(rows, key=lambda row: (-row[5], row[1]))[:MISSES]
    figures = []
    for _, cell_id, _, true, said, p_said, p_true in rows:
        names = [readable(record["classes"][i]) for i in (said, true)]
        caption = _bar("said", names[0], p_said, "wrong")
        caption += _bar("is", names[1], p_true, "true")
        alt = f"{names[1]} taken for {names[0]}"
        figures.append(cell_picture(enlarge(images[cell_id], LEAST), alt, caption))
    return f'<div class="misses">{"".join(figures)}</div>'


def _bar(word: str, name: str, share: float, kind: str) -> str:
    value = f"{100 * share:.0f}"
    return (
        f"{word} <b>{escape(name)}</b> {value} %"
        f'<div class="bar"><i class="{kind}" style="width:{value}%"></i></div>'
    )
