"""The metrics file of one classifier: everything its predictions tell, compactly."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cytobalance.evaluate.predictions import Predictions
from cytobalance.study.tables import read_table


def list_misses(predictions: Predictions) -> dict[str, Any]:
    """Every miss of every trial: with the split it tells each cell's fate.

    Classes stand as their index, to keep the file small.
    """
    rows = []
    for trial, cell in np.argwhere(~predictions.right):
        predicted, true = predictions.predicted[trial, cell], predictions.label[cell]
        p = predictions.probability[trial, cell]
        rows.append(
            [
                int(trial),
                predictions.cell_id[cell],
                predictions.origin[cell],
                int(true),
                int(predicted),
                round(float(p[predicted]), 3),
                round(float(p[true]), 3),
            ]
        )
    columns = ["trial", "cell_id", "origin", "label", "predicted"]
    return {"columns": [*columns, "p_predicted", "p_label"], "rows": rows}


def count_cells(split: pd.DataFrame, classes: tuple[str, ...]) -> dict[str, Any]:
    """Cells of each class, in class order: part -> origin -> list of C numbers."""
    counts = {}
    for part in ("train", "test", "validation"):
        rows = split[split["part"] == part]
        counts[part] = {
            origin: [
                int(((rows["label"] == label) & (rows["origin"] == origin)).sum())
                for label in classes
            ]
            for origin in ("real", "synthetic")
        }
    return counts


def mean_views(table: pd.DataFrame, classes: tuple[str, ...]) -> dict[str, Any]:
    """Mean views of a cell in a training: origin -> list of C numbers, in class order.

    table: of places.views; means over trials. None where a class has no such cells.
    """
    sums = table.groupby(["origin", "label"])[["cells", "views"]].sum()
    means = (sums["views"] / sums["cells"].where(sums["cells"] > 0)).to_dict()
    return {
        origin: [means.get((origin, label)) for label in classes]
        for origin in ("real", "synthetic")
    }


def read_curves(path: Path) -> dict[str, Any]:
    """The training curves as they are, rounded: columns and rows."""
    table = read_table(path).round(5)
    rows = [
        [int(r.trial), int(r.epoch), *(float(v) for v in r[3:])]
        for r in table.itertuples()
    ]
    return {"columns": list(table.columns), "rows": rows}
