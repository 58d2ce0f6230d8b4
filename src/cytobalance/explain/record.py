"""What `explain` writes of one classifier, and how `report` reads it again."""

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cytobalance.draw.atlas import Atlas, cut_apart, lay_out
from cytobalance.evaluate.predictions import Predictions
from cytobalance.explain.selection import count_confusion
from cytobalance.study.damage import reading
from cytobalance.study.metrics import read_metrics

# Pixels a side of the synthetic cells, which travel in the file, at most.
SIDE = 48
COLUMNS = ("cell_id", "origin", "label", "named", "chances", "real", "made", "look")
FORM = {
    "trials": int,
    "classes": list,
    "confusion": list,
    "space": str,
    "cells": {"columns": list, "rows": list},
    "looks": {"side": int, "reason": str},
    "made": {"cells": list, "labels": list, "columns": int, "side": int, "webp": str},
}


@dataclass(frozen=True)
class Neighbours:
    """Ids of the nearest training cells of M cells, by origin; nearest first.

    space: by what they are the nearest, `features` or `pixels`.
    """

    real: list[list[str]]
    made: list[list[str]]
    space: str


@dataclass(frozen=True)
class Looks:
    """What spoke for the class that was named, in each of N cells.

    grids: uint8 [N, g, g], 255 where most did, all 0 where nothing did. reason: why
    there are none, empty where there are.
    """

    grids: np.ndarray
    reason: str = ""


def compose_record(
    test: Predictions,
    chosen: np.ndarray,
    neighbours: Neighbours,
    looks: Looks,
    made: dict[str, tuple[str, np.ndarray]],
) -> dict[str, Any]:
    """One classifier's cells behind its counts, as plain data.

    test: of all trials together; chosen: rows of it; made: id -> class and image
    uint8 [S, S, 3] of every synthetic cell that is named. Chances are in thousandths,
    a look is a grid of bytes, row by row, as hexadecimal digits.
    """
    thousandths = (1000 * test.probability[0, chosen]).round().astype(int)
    rows = [
        [
            *(test.cell_id[row], test.origin[row], test.label[row]),
            *(test.predicted[0, row], chances, real, synthetic, look.tobytes().hex()),
        ]
        for row, chances, real, synthetic, look in zip(
            *(chosen, thousandths, neighbours.real, neighbours.made, looks.grids),
            strict=True,
        )
    ]
    images = [image for _, image in made.values()]
    atlas = lay_out(images, min([SIDE, *(len(image) for image in images)]))
    return {
        "classes": test.classes,
        "confusion": count_confusion(test),
        "space": neighbours.space,
        "cells": {"columns": COLUMNS, "rows": rows},
        "looks": {"side": looks.grids.shape[-1], "reason": looks.reason},
        "made": {
            "cells": list(made),
            "labels": [label for label, _ in made.values()],
            "columns": atlas.columns,
            "side": atlas.side,
            "webp": base64.b64encode(atlas.webp).decode(),
        },
    }


def named_cells(record: dict[str, Any], column: str) -> Iterable[str]:
    """Ids of all neighbours in a column of the record, `real` or `made`."""
    place = COLUMNS.index(column)
    return (cell for row in record["cells"]["rows"] for cell in row[place])


def read_record(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The record of a classifier, and the images of its synthetic cells by id.

    Raises StudyError naming the stage that mends it where it is missing or damaged.
    """
    record = read_metrics(path, FORM)
    made = record["made"]
    with reading(path):
        webp = base64.b64decode(made["webp"], validate=True)
        tiles = cut_apart(
            Atlas(webp, made["side"], made["columns"]), len(made["cells"])
        )
        images = dict(zip(made["cells"], tiles, strict=True))
        known = {*images}
        if not known >= set(named_cells(record, "made")):
            raise ValueError("a synthetic cell has no picture")
    return record, images
