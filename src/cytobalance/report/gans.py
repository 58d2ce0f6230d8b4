"""The GANs on the page: sheets of their cells, and what was measured of them."""

from dataclasses import dataclass
from typing import Any

from cytobalance.report.blocks import Table
from cytobalance.report.wording import number, percent
from cytobalance.taxonomy import readable

# Ends of the sheets' names, in the page's order. Only the first is shown of every
# protocol: each costs the page most of a megabyte.
SHEETS = ("", "-closest", "-training")
# Columns of the table of classes: key -> heading; shares are given in percent.
MEASURES = {
    "synthetic_cells": "synthetic cells",
    "label_recall": "named as asked",
    "kid_mean": "KID",
    "precision": "precision",
    "recall": "recall",
    "coverage": "coverage",
    "spread": "spread",
    "grid": "grid",
    "ssim": "SSIM",
    "memorised": "memorised",
    "tstr_recall": "TSTR recall",
    "trtr_recall": "TRTR recall",
}
SHARES = {
    "label_recall",
    "precision",
    "recall",
    "coverage",
    "memorised",
    "tstr_recall",
    "trtr_recall",
}


# assess.features -> whose they are.
FEATURES = {
    "cells": "our classifier's",
    "imagenet": "EfficientNet-Lite0's (ImageNet)",
    "inception": "Inception's (ImageNet)",
}


@dataclass(frozen=True)
class TrainedGan:
    """One GAN under one protocol. sheets: end of the name -> PNG."""

    key: str
    sheets: dict[str, bytes]
    overall: Table
    classes: Table
    notes: tuple[str, ...]


def gather_gans(
    metrics: dict[str, dict[str, Any]],
    sheets: dict[tuple[str, str], bytes],
    protocol: str,
) -> tuple[TrainedGan, ...]:
    """Each GAN's sheets, measures and notes; of other protocols the first sheet.

    metrics: key -> metrics/gan; sheets: (key, end of the name) -> PNG.
    """
    return tuple(
        TrainedGan(
            key,
            {
                end: sheets[key, end]
                for end in SHEETS
                if about["protocol"] == protocol or not end
            },
            _tabulate_overall(about["overall"], about["features"]),
            _tabulate_classes(about["classes"]),
            tuple(about["notes"]),
        )
        for key, about in metrics.items()
    )


def _tabulate_overall(overall: dict[str, Any], features: str) -> Table:
    """Whatever numbers `overall` holds; `floor` is the same of held-out cells.

    features: what the distances among them were measured in.
    """
    floor = overall.get("floor") or {}
    rows = [
        (readable(name), number(value), number(floor[name]) if name in floor else "")
        for name, value in overall.items()
        if name != "floor"
    ]
    rows.insert(0, ("features of distances", FEATURES[features], ""))
    return Table(("measure", "synthetic cells", "held-out cells"), tuple(rows))


def _tabulate_classes(classes: dict[str, dict[str, Any]]) -> Table:
    """The main numbers of each class."""
    rows = [
        (readable(label), *(_tell(name, measures.get(name)) for name in MEASURES))
        for label, measures in classes.items()
    ]
    return Table(("class", *MEASURES.values()), tuple(rows))


def _tell(name: str, value: float | None) -> str:
    """A measure as text; a dash where there is none."""
    return percent(value) if name in SHARES or value is None else number(value)
