"""The cells of a split, with all that is known of each: what an export writes."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cytobalance.balance.hold_out import PARTS
from cytobalance.classify.cells import check_split
from cytobalance.study import places
from cytobalance.study.cells import read_cells
from cytobalance.study.params import Study
from cytobalance.study.runtime import StudyError
from cytobalance.study.tables import check_labels, read_table

# Of a real cell: what its table says beside its class -> the column here.
KNOWN = {
    "source": "source",
    "file": "source_file",
    **{name: name for name in ("subject", "group", "raw_label", "type")},
}


@dataclass(frozen=True)
class ExportSet:
    """N cells of one split.

    table: a row a cell, by part and then as in the split: `name` (unique; begins with
    the cell's origin), `part`, `label`, `class` (its index), `origin` (real or
    synthetic), `maker` and `parent` (of synthetic cells), `weight` (in training),
    `cell_id`, and the columns of KNOWN, which are empty for synthetic cells. left:
    cells of the study, real or synthetic, that the split leaves out.
    """

    protocol: str
    balancer: str
    classes: tuple[str, ...]
    size: int
    table: pd.DataFrame
    left: int
    _images: dict[str, np.ndarray]
    _rows: np.ndarray

    def __len__(self) -> int:
        return len(self.table)

    @property
    def synthetic(self) -> bool:
        """Whether any cell is synthetic."""
        return bool((self.table["origin"] == "synthetic").any())

    def image(self, row: int) -> np.ndarray:
        """The image uint8 [S, S, 3] of a row of the table."""
        return self._images[self.table["origin"].iat[row]][self._rows[row]]

    def parts(self) -> Iterator[tuple[str, np.ndarray]]:
        """Every part that has cells, and its rows of the table."""
        for part in PARTS:
            rows = np.flatnonzero(self.table["part"] == part)
            if len(rows):
                yield part, rows


def gather_set(study: Study, protocol: str, balancer: str) -> ExportSet:
    """The cells of the split of a protocol and a recipe.

    Raises StudyError where the study has no such split, or its files are missing,
    damaged or belong to different runs.
    """
    for name, legal in ((protocol, study.protocols), (balancer, study.balancers)):
        if name not in legal:
            raise StudyError(f"params.yaml has no {name}; it has: {', '.join(legal)}")
    size = study.image.size
    maker = study.recipes[balancer].maker
    real = read_cells(places.CELLS, size)
    made = read_cells(places.synthetic(protocol, maker), size)
    path = places.split(protocol, balancer)
    split = read_table(path)
    check_split(split, real.table, made.table, path)
    check_labels(split, study.classes, path)
    split["part"] = pd.Categorical(split["part"], PARTS)
    split = split.sort_values("part", kind="stable", ignore_index=True)
    return ExportSet(
        *(protocol, balancer, study.classes, size),
        table=_describe(split, real.table, made.table, study.classes, maker),
        left=len(real) + len(made) - len(split),
        _images={"real": real.images, "synthetic": made.images},
        _rows=split["row"].to_numpy(),
    )


def _describe(
    split: pd.DataFrame,
    real: pd.DataFrame,
    made: pd.DataFrame,
    classes: tuple[str, ...],
    maker: str,
) -> pd.DataFrame:
    """The table of an ExportSet; the split's rows keep their order."""
    synthetic = (split["origin"] == "synthetic").to_numpy()
    rows = split["row"].to_numpy()
    index = {label: number for number, label in enumerate(classes)}
    table = pd.DataFrame(
        {
            "name": split["origin"] + "_" + split["cell_id"],
            "part": split["part"].astype(str),
            "label": split["label"],
            "class": split["label"].map(index),
            "origin": split["origin"],
            "maker": np.where(synthetic, maker, ""),
            "parent": "",
            "weight": split["weight"],
            "cell_id": split["cell_id"],
        }
    )
    table.loc[synthetic, "parent"] = made["parent"].to_numpy()[rows[synthetic]]
    for name, column in KNOWN.items():
        table[column] = ""
        table.loc[~synthetic, column] = real[name].to_numpy()[rows[~synthetic]]
    if table["name"].duplicated().any():
        raise StudyError(
            f"{places.CELL_TABLE} holds a cell twice; run `dvc repro merge`"
        )
    return table
