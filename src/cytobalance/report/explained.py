"""What `explain` wrote of every classifier of the protocol that the page shows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cytobalance.explain.record import COLUMNS, named_cells, read_record
from cytobalance.study import places
from cytobalance.study.damage import damaged
from cytobalance.study.stages import View

Images = Mapping[str, np.ndarray]  # cell_id -> uint8 [S, S, 3]


@dataclass(frozen=True)
class ShownCell:
    """A test cell as all trials of a classifier together name it.

    label, named: class index; chances: thousandths, in class order; real, made: ids
    of its nearest training cells, real and synthetic ones; look: Grad-CAM's grid as
    hexadecimal digits, empty where there is none.
    """

    cell_id: str
    origin: str
    label: int
    named: int
    chances: list[int]
    real: list[str]
    made: list[str]
    look: str

    @property
    def right(self) -> bool:
        """Whether it is named rightly."""
        return self.label == self.named


@dataclass(frozen=True)
class Explained:
    """One classifier's cells, by class, class named, and rank.

    made: images uint8 [S, S, 3] of its synthetic cells, by id; labels: their classes.
    """

    about: dict[str, Any]
    cells: tuple[ShownCell, ...]
    made: dict[str, np.ndarray]
    labels: dict[str, str]


def read_explained(study: View, images: Images) -> dict[tuple[str, str], Explained]:
    """Every classifier of the protocol shown, by balancer and classifier.

    images: of data/cells. Raises StudyError where a file is missing, damaged, or names
    cells that are not there.
    """
    explained = {}
    for name in study.training_names:
        path = places.explained(places.key(study.shown_protocol, name))
        about, made = read_record(path)
        rows = (dict(zip(COLUMNS, row, strict=True)) for row in about["cells"]["rows"])
        cells = tuple(ShownCell(**row) for row in rows)
        real = {cell.cell_id for cell in cells if cell.origin == "real"}
        if not images.keys() >= real | {*named_cells(about, "real")}:
            raise damaged(path, f"names cells that {places.CELLS} does not hold")
        labels = dict(zip(made, about["made"]["labels"], strict=True))
        explained[places.key_names(name)] = Explained(about, cells, made, labels)
    return explained
