"""The GANs on the page: sheets of their cells, and what was measured of them."""

from dataclasses import dataclass
from typing import Any

from cytobalance.report.blocks import Cell, Table, shrink_picture
from cytobalance.report.wording import number, percent
from cytobalance.taxonomy import readable

# Ends of the sheets' names, in the page's order.
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
# Measures of the tables that have all GANs, as Hazra 2022's Tables 6 and 7.
CELLS = {
    "fid": "FID",
    "kid_mean": "KID",
    "is_mean": "IS",
    "label_precision": "precision of labels",
    "label_f1": "F1 of labels",
    "label_recall": "named as asked",
    "coverage": "coverage",
    "memorised": "memorised",
    "tstr_balanced_accuracy": "TSTR",
    "trtr_balanced_accuracy": "TRTR",
}
LIKENESS = {
    "psnr": "PSNR, dB",
    "ssim": "SSIM",
    "l1": "l1, %",
    "l2": "l2, %",
    "lpips": "LPIPS",
}
SHARES = {
    "label_precision",
    "label_f1",
    "tstr_balanced_accuracy",
    "trtr_balanced_accuracy",
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
    """One GAN under one protocol. sheets: end of the name -> picture.

    notes: those that are not of every GAN.
    """

    key: str
    sheets: dict[str, bytes]
    overall: Table
    classes: Table
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Gans:
    """All GANs side by side, then each by itself. notes: those of every GAN."""

    cells: Table
    likeness: Table
    trained: tuple[TrainedGan, ...]
    notes: tuple[str, ...]


def gather_gans(
    metrics: dict[str, dict[str, Any]],
    sheets: dict[tuple[str, str], bytes],
    protocol: str,
) -> Gans | None:
    """Every GAN's measures and notes, and the sheets of `protocol`; None without any.

    The sheets of other protocols are in plots/gan alone: each costs the page a tenth
    of a megabyte. metrics: key -> metrics/gan; sheets: (key, end of the name) -> PNG.
    """
    if not metrics:
        return None
    notes = [about["notes"] for about in metrics.values()]
    shared = [note for note in notes[0] if all(note in others for others in notes)]
    trained = tuple(
        TrainedGan(
            key,
            {
                end: shrink_picture(sheets[key, end])
                for end in SHEETS
                if about["protocol"] == protocol
            },
            _tabulate_overall(about["overall"], about["features"]),
            _tabulate_classes(about["classes"]),
            tuple(note for note in about["notes"] if note not in shared),
        )
        for key, about in metrics.items()
    )
    return Gans(
        _tabulate_all(metrics, protocol, CELLS),
        _tabulate_all(metrics, protocol, LIKENESS),
        tuple(sorted(trained, key=lambda gan: not gan.sheets)),
        tuple(shared),
    )


def _tabulate_all(
    metrics: dict[str, dict[str, Any]], protocol: str, columns: dict[str, str]
) -> Table:
    """A row a GAN, those of `protocol` first; small: the same of held-out cells."""
    keys = sorted(metrics, key=lambda key: metrics[key]["protocol"] != protocol)
    rows = []
    for key in keys:
        overall = metrics[key]["overall"]
        floor = overall.get("floor") or {}
        cells = (
            Cell(
                _tell(name, overall.get(name)),
                "" if floor.get(name) is None else f"real {_tell(name, floor[name])}",
            )
            for name in columns
        )
        rows.append((key, *cells))
    return Table(("protocol-GAN", *columns.values()), tuple(rows))


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
