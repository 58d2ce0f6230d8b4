"""The cells behind one classifier's counts, with their neighbours and Grad-CAM."""

from typing import Any

import numpy as np
import pandas as pd
import torch

from cytobalance.assess.likeness import Selection
from cytobalance.classify.classifier import Classifier
from cytobalance.evaluate.predictions import Predictions
from cytobalance.explain.gradcam import find_looks
from cytobalance.explain.neighbours import find_neighbours
from cytobalance.explain.record import Neighbours, compose_record
from cytobalance.explain.selection import choose_cells
from cytobalance.study.cells import CellSet


def explain_classifier(
    test: Predictions,
    trials: list[Classifier],
    split: pd.DataFrame,
    sets: dict[str, CellSet],
    device: torch.device,
    stream: np.random.Generator,
) -> dict[str, Any]:
    """What `report` needs to show the cells behind each count (record.py).

    test: of all trials together; split: the table that the trials learned from; sets:
    the cells of each origin; stream: chooses the right cells.
    """
    chosen = choose_cells(test, stream)
    images = gather_images(test.origin[chosen], test.cell_id[chosen], split, sets)
    neighbours = search_training(trials, images, split, sets, device)
    looks = find_looks(trials, images, test.predicted[0, chosen])
    made = set(test.cell_id[chosen][test.origin[chosen] == "synthetic"])
    made |= {cell for cells in neighbours.made for cell in cells}
    pictures = picture_cells(sorted(made), sets["synthetic"])
    return compose_record(test, chosen, neighbours, looks, pictures)


def search_training(
    trials: list[Classifier],
    images: np.ndarray,
    split: pd.DataFrame,
    sets: dict[str, CellSet],
    device: torch.device,
) -> Neighbours:
    """The nearest real and synthetic training cells of each image."""
    near, space = {}, ""
    for origin, cells in sets.items():
        seen = split[(split["part"] == "train") & (split["origin"] == origin)]
        # A cell of weight 0 is never drawn.
        rows = seen.loc[seen["weight"] > 0, "row"].to_numpy(int)
        among = Selection(cells.images, rows)
        found, space = find_neighbours(trials, images, among, device)
        near[origin] = cells.table["cell_id"].to_numpy(str)[rows[found]].tolist()
    return Neighbours(near["real"], near["synthetic"], space)


def gather_images(
    origin: np.ndarray,
    cell_id: np.ndarray,
    split: pd.DataFrame,
    sets: dict[str, CellSet],
) -> np.ndarray:
    """Images uint8 [M, S, S, 3] of cells of the split."""
    rows = split.set_index(["origin", "cell_id"])["row"]
    cells = zip(origin, cell_id, strict=True)
    return np.stack([sets[of].images[rows[of, cell]] for of, cell in cells])


def picture_cells(ids: list[str], cells: CellSet) -> dict[str, tuple[str, np.ndarray]]:
    """Class and image of cells: id -> (class, uint8 [S, S, 3])."""
    about = cells.table.set_index("cell_id")["label"]
    rows = zip(ids, about.index.get_indexer(ids), strict=True)
    return {cell: (about[cell], cells.images[row]) for cell, row in rows}
