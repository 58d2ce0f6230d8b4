"""Metrics files: JSON that is small, readable in a diff, and the same bytes twice."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from cytobalance.runtime import atomic_file


def write_metrics(path: Path, metrics: dict[str, Any]) -> None:
    """Write JSON atomically: rounded by `_round`, NaN as null, a line a list."""
    with atomic_file(path) as partial:
        partial.write_text(_to_json(_plain(metrics)) + "\n", encoding="utf-8")


def read_metrics(path: Path) -> dict[str, Any]:
    """Read a metrics file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


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
