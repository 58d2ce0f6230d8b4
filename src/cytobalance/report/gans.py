"""The report's section on the GANs: sheets of their cells, and what was measured."""

from html import escape
from typing import Any

from cytobalance.report import page
from cytobalance.report.claims import number, percent
from cytobalance.report.inputs import Material
from cytobalance.taxonomy import readable

# End of a sheet's name -> what it shows. Only the first is shown of every protocol:
# each costs the page most of a megabyte.
SHEETS = {
    "": "Training cells left, synthetic ones right.",
    "-closest": (
        "Does it copy? The synthetic cells most like one single training cell, each "
        "beside that cell: copies would look the same. Right, the same of held-out "
        "real cells, which copy nothing."
    ),
    "-training": "Cells of the same latents on the way through the training.",
}
# Columns of the table of classes: key -> heading; shares are given in percent.
MEASURES = {
    "synthetic_cells": "synthetic cells",
    "label_recall": "named as asked",
    "kid_mean": "KID",
    "precision": "precision",
    "recall": "recall",
    "ssim": "SSIM",
    "memorised": "memorised",
    "tstr_recall": "TSTR recall",
    "trtr_recall": "TRTR recall",
}
SHARES = {
    "label_recall",
    "precision",
    "recall",
    "memorised",
    "tstr_recall",
    "trtr_recall",
}


def show_gans(protocol: str, material: Material) -> list[str]:
    """Each GAN's sheets, measures and notes; of other protocols the first sheet."""
    parts = []
    for key, metrics in material.gans.items():
        parts.append(f"<h3>{escape(key)}</h3>")
        told = metrics["protocol"] == protocol
        for end, caption in SHEETS.items():
            if key + end in material.sheets and (told or not end):
                alt = f"{key}: {caption.split(':')[0]}"
                parts.append(page.picture(material.sheets[key + end], alt, caption))
        parts += [_overall_table(metrics), _class_table(metrics)]
        parts += [page.paragraph(note, "quiet") for note in metrics["notes"]]
    return parts


def _overall_table(metrics: dict[str, Any]) -> str:
    """Whatever numbers `overall` holds; `floor` is the same of held-out cells."""
    overall = dict(metrics["overall"])
    floor = overall.pop("floor", None) or {}
    rows = [
        [
            escape(readable(name)),
            number(value),
            number(floor[name]) if name in floor else "",
        ]
        for name, value in overall.items()
    ]
    return page.table(["measure", "synthetic cells", "held-out cells"], rows)


def _class_table(metrics: dict[str, Any]) -> str:
    """The main numbers of each class, folded away."""

    def told(own: dict[str, Any], name: str) -> str:
        dash_or_share = name in SHARES or own[name] is None
        return percent(own[name]) if dash_or_share else number(own[name])

    rows = [
        [escape(readable(label)), *(told(own, name) for name in MEASURES)]
        for label, own in metrics["classes"].items()
    ]
    table = page.table(["class", *MEASURES.values()], rows)
    return f"<details><summary>Every class</summary>{table}</details>"
