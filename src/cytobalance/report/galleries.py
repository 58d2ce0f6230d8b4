"""Galleries of single cells: rightly named ones, and misses with their confidence."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cytobalance.draw.montage import enlarge
from cytobalance.report.blocks import encode_png
from cytobalance.report.records import Record, validation_accuracy
from cytobalance.taxonomy import readable

# Misses shown, the surest first: those cost most trust.
MISSES = 12
# Cells below this side are enlarged before embedding: a printer may blur them.
LEAST = 64

Images = Mapping[str, np.ndarray]  # cell_id -> uint8 [S, S, 3]


@dataclass(frozen=True)
class Hit:
    """A rightly named cell."""

    png: bytes
    title: str


@dataclass(frozen=True)
class Miss:
    """A wrongly named cell: its class, the one it was taken for, confidence in each.

    Confidence in whole percent.
    """

    png: bytes
    label: str
    predicted: str
    p_label: str
    p_predicted: str


@dataclass(frozen=True)
class Galleries:
    """Test cells as one balancer's first trial names them."""

    balancer: str
    hits: tuple[Hit, ...]
    misses: tuple[Miss, ...]


def gather_galleries(records: dict[str, Record], images: Images) -> Galleries:
    """Those of the balancer with the highest balanced accuracy on validation cells.

    records: balancer -> record, of one protocol and classifier.
    """
    best = max(records, key=lambda name: validation_accuracy(records[name]))
    record = records[best]
    return Galleries(
        best, tuple(list_hits(record, images)), tuple(list_misses(record, images))
    )


def list_hits(record: Record, images: Images) -> list[Hit]:
    """Rightly named cells titled as in Hazra 2022, Figs 9 and 10.

    Title: predicted class, confidence, (true class).
    """
    hits = []
    for cell_id, label, confidence in record["hits"]["rows"]:
        name = readable(record["classes"][label]).capitalize()
        png = encode_png(enlarge(images[cell_id], LEAST))
        hits.append(Hit(png, f"{name} {100 * confidence:.0f} % ({name})"))
    return hits


def list_misses(record: Record, images: Images) -> list[Miss]:
    """The surest misses of the first trial among real cells (Hazra 2022, Fig 7)."""
    rows = [
        row
        for row in record["misses"]["rows"]
        if row[0] == 0 and row[2] == "real" and row[1] in images
    ]
    rows = sorted(rows, key=lambda row: (-row[5], row[1]))[:MISSES]
    return [
        Miss(
            encode_png(enlarge(images[cell_id], LEAST)),
            readable(record["classes"][label]),
            readable(record["classes"][predicted]),
            f"{100 * p_label:.0f}",
            f"{100 * p_predicted:.0f}",
        )
        for _, cell_id, _, label, predicted, p_predicted, p_label in rows
    ]
