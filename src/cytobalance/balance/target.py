"""How many cells every class needs: the target of a balanced study."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd


def class_target(target: int, protocol: str, train_fraction: float) -> int:
    """Cells a class is brought to: the pool (`paper`) or the training part of it."""
    return target if protocol == "paper" else round(target * train_fraction)


def wanted_counts(
    labels: Iterable[str],
    classes: tuple[str, ...],
    target: int,
    protocol: str,
    train_fraction: float,
) -> dict[str, int]:
    """Synthetic cells that each class needs, in class order.

    labels: those of the real cells the maker sees (`visible_cells`). A class that
    already holds the target gets none, nor does one without a real cell to learn from.
    """
    real = pd.Series(list(labels), dtype=str).value_counts()
    wanted = class_target(target, protocol, train_fraction)
    return {
        label: max(0, wanted - int(real[label])) if label in real else 0
        for label in classes
    }


def synthetic_table(
    maker: str, wanted: dict[str, int], parents: Sequence[str] | str = ""
) -> pd.DataFrame:
    """Table of a maker's cells, class by class: cell_id, label, parent.

    parents: cell_id each cell was derived from; empty for cells made from nothing.
    """
    total = sum(wanted.values())
    return pd.DataFrame(
        {
            "cell_id": [f"{maker}-{number:06d}" for number in range(total)],
            "label": np.repeat(list(wanted), list(wanted.values())),
            "parent": parents,
        }
    )
