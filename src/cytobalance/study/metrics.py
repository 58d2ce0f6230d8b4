"""Metrics files: JSON that is small, readable in a diff, and the same bytes twice."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from cytobalance.study.damage import damaged, reading
from cytobalance.study.runtime import atomic_file


def write_metrics(path: Path, metrics: dict[str, Any]) -> None:
    """Write JSON atomically: rounded by `_round`, NaN as null, a line a list."""
    with atomic_file(path) as partial:
        partial.write_text(_to_json(_plain(metrics)) + "\n", encoding="utf-8")


# Which values a metrics file must hold: key -> kind, or the same of a group within.
Shape = dict[str, "type | Shape"]


def read_metrics(path: Path, shape: "type | Shape" = dict) -> dict[str, Any]:
    """Read a metrics file that holds `shape`, and more.

    Raises StudyError naming the stage that mends it where it is missing or damaged.
    """
    with reading(path):
        metrics = json.loads(Path(path).read_text(encoding="utf-8"))
    if wrong := _find_misfit(metrics, shape):
        raise damaged(path, f"holds no {wrong} as it should")
    return metrics


def _find_misfit(value: Any, shape: "type | Shape", name: str = "metrics") -> str:
    """The first key that is missing or of another kind; empty where all is well."""
    if isinstance(shape, type):
        return "" if isinstance(value, shape) else name
    if not isinstance(value, dict):
        return name
    steps = (_find_misfit(value.get(key), form, key) for key, form in shape.items())
    return next(filter(None, steps), "")


def _plain(value: Any) -> Any:
    """NumPy values as plain ones; numbers rounded; NaN as None."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(item) for item in value]
    if isinstance(value, float | np.floating):
        return _round(float(value)) if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value


def _round(value: float) -> float:
    """Five significant digits, and never less than four decimals.

    So a large count keeps all of its digits, and a mean of counts over trials gives
    their sum again.
    """
    return round(value, 4) if abs(value) >= 1 else float(f"{value:.5g}")


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
