"""The metrics file of one classifier: everything its predictions tell, compactly."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cytobalance.cells import read_table
from cytobalance.runtime import atomic_file
from cytobalance.score.predictions import Predictions

# Correctly named cells kept for the report, a class and a trial.
HITS = 2


def list_misses(predictions: Predictions) -> dict[str, Any]:
    """Every miss of every trial: with the split it tells each cell's fate.

    Classes stand as their index, to keep the file small.
    """
    rows = []
    for trial, cell in np.argwhere(~predictions.right):
        said, true = predictions.predicted[trial, cell], predictions.label[cell]
        p = predictions.probability[trial, cell]
        rows.append(
            [
                int(trial),
                predictions.cell_id[cell],
                predictions.origin[cell],
                int(true),
                int(said),
                round(float(p[said]), 3),
                round(float(p[true]), 3),
            ]
        )
    columns = ["trial", "cell_id", "origin", "label", "predicted"]
    return {"columns": [*columns, "p_predicted", "p_label"], "rows": rows}


def list_hits(predictions: Predictions, stream: np.random.Generator) -> dict[str, Any]:
    """A few cells of each class that the first trial names rightly, drawn by chance."""
    rows = []
    for i in range(len(predictions.classes)):
        own = np.flatnonzero(predictions.right[0] & (predictions.label == i))
        for cell in np.sort(stream.permutation(own)[:HITS]):
            confidence = float(predictions.probability[0, cell, i])
            rows.append([predictions.cell_id[cell], i, round(confidence, 3)])
    return {"columns": ["cell_id", "label", "p_label"], "rows": rows}


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


def read_curves(path: Path) -> dict[str, Any]:
    """The training curves as they are, rounded: columns and rows."""
    table = read_table(path).round(5)
    rows = [
        [int(r.trial), int(r.epoch), *(float(v) for v in r[3:])]
        for r in table.itertuples()
    ]
    return {"columns": list(table.columns), "rows": rows}


def write_record(path: Path, record: dict[str, Any]) -> None:
    """Write JSON atomically: five digits, NaN as null, one line a list of numbers."""
    with atomic_file(path) as partial:
        partial.write_text(_to_json(_plain(record)) + "\n", encoding="utf-8")


def read_record(path: Path) -> dict[str, Any]:
    """Read a metrics file of this module."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def _plain(value: Any) -> Any:
    """NumPy values as plain ones; numbers rounded; NaN as None."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(item) for item in value]
    if isinstance(value, float | np.floating):
        return round(float(value), 5) if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value


def _to_json(value: Any, indent: str = "") -> str:
    """JSON with a line for each list of scalars: small, and readable in a diff."""
    nested = isinstance(value, dict | list) and any(
        isinstance(item, dict | list)
        for item in (value.values() if isinstance(value, dict) else value)
    )
    if not nested:
        return json.dumps(value, ensure_ascii=False)
    inner = indent + " "
    if isinstance(value, dict):
        items = [
            f"{inner}{json.dumps(k, ensure_ascii=False)}: {_to_json(v, inner)}"
            for k, v in value.items()
        ]
        return "{\n" + ",\n".join(items) + f"\n{indent}}}"
    items = [inner + _to_json(item, inner) for item in value]
    return "[\n" + ",\n".join(items) + f"\n{indent}]"
