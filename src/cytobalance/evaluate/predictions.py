"""A classifier's predictions of one part, all trials aligned cell by cell."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from cytobalance.study.damage import damaged
from cytobalance.study.tables import read_table


@dataclass(frozen=True)
class Predictions:
    """What T trials say of the same N cells of C classes.

    cell_id, origin: str [N]; label: int [N], true class index; group: int [N],
    0..G-1, cells that may be alike (one patient); predicted: int [T, N];
    probability: float [T, N, C], rows sum to 1.
    """

    classes: tuple[str, ...]
    cell_id: np.ndarray
    origin: np.ndarray
    label: np.ndarray
    group: np.ndarray
    predicted: np.ndarray
    probability: np.ndarray

    def __len__(self) -> int:
        return len(self.label)

    @property
    def right(self) -> np.ndarray:
        """bool [T, N]: whether a trial names the cell's true class."""
        return self.predicted == self.label

    @property
    def ensemble(self) -> "Predictions":
        """All trials as one classifier: the class of the highest mean probability."""
        mean = self.probability.mean(0, keepdims=True)
        return replace(self, predicted=mean.argmax(-1), probability=mean)

    def of_origin(self, origin: str) -> "Predictions":
        """The same predictions of `real` or of `synthetic` cells alone."""
        return self.select(self.origin == origin)

    def select(self, keep: np.ndarray) -> "Predictions":
        """The same predictions of some cells alone. keep: bool [N]."""
        return replace(
            self,
            cell_id=self.cell_id[keep],
            origin=self.origin[keep],
            label=self.label[keep],
            group=pd.factorize(self.group[keep])[0],
            predicted=self.predicted[:, keep],
            probability=self.probability[:, keep],
        )


def read_predictions(
    path: Path, part: str, classes: tuple[str, ...], groups: dict[str, str]
) -> Predictions:
    """Read one part (`test` or `validation`) of data/predictions/<key>.csv.

    groups: cell_id -> group of every real cell; a synthetic cell counts as a group of
    its own, though it may be like its parent: intervals of test sets that hold such
    cells (`paper`) are too narrow. Raises StudyError where the trials judged
    different cells or a class is unknown.
    """
    table = read_table(path)
    columns = [f"p_{label}" for label in classes]
    if [name for name in table if name.startswith("p_")] != columns:
        raise damaged(path, "has other classes than merge.classes")
    table = table[table["part"] == part].sort_values(
        ["trial", "origin", "cell_id"], kind="stable"
    )
    for column in ("label", "predicted"):
        unknown = sorted(set(table[column]) - set(classes))
        if unknown:
            raise damaged(
                path, f"has the {column} {unknown[0]!r}, no class of the study"
            )
    trials = [rows for _, rows in table.groupby("trial")]
    if not trials:
        raise damaged(path, f"holds no {part} cells")
    first = trials[0]
    for rows in trials[1:]:
        if not np.array_equal(
            rows[["origin", "cell_id"]], first[["origin", "cell_id"]]
        ):
            raise damaged(path, f"has trials that judged different {part} cells")
    index = pd.Index(classes)
    real = first.loc[first["origin"] == "real", "cell_id"]
    if not set(real) <= groups.keys():
        raise damaged(path, "names cells that data/cells does not hold")
    probability = np.stack([rows[columns].to_numpy(float) for rows in trials])
    own_group = [
        f"group {groups[cell]}" if origin == "real" else f"cell {cell}"
        for cell, origin in zip(first["cell_id"], first["origin"], strict=True)
    ]
    return Predictions(
        classes=tuple(classes),
        cell_id=first["cell_id"].to_numpy(str),
        origin=first["origin"].to_numpy(str),
        label=index.get_indexer(first["label"]),
        group=pd.factorize(pd.Series(own_group))[0],
        predicted=np.stack([index.get_indexer(rows["predicted"]) for rows in trials]),
        # The file holds six digits; bring the rows back to a sum of exactly 1.
        probability=probability / probability.sum(-1, keepdims=True),
    )
