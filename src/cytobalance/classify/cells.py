"""The cells of a training in memory, and in which order it sees them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from cytobalance.study.damage import damaged
from cytobalance.study.room import check_memory
from cytobalance.study.runtime import derive_seed


@dataclass(frozen=True)
class Cells:
    """N cells, ready for a classifier.

    images: uint8 [N, S, S, 3]; labels: int64 [N], class index; weights: float64 [N],
    how often each is seen, relative to others; synthetic: bool [N]. The last two lie
    on the CPU.
    """

    images: Tensor
    labels: Tensor
    weights: Tensor
    synthetic: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def prior(self, classes: int) -> Tensor:
        """How often each class is seen, float32 [classes], sum 1; on the CPU."""
        mass = torch.bincount(self.labels.cpu(), self.weights, minlength=classes)
        return (mass / mass.sum()).float()


def even_weights(cells: Cells) -> Tensor:
    """Weights by which every class is drawn equally often: float64 [N].

    Within a class cells are drawn as often as their weights have it.
    """
    labels = cells.labels.cpu()
    mass = torch.bincount(labels, cells.weights)
    return cells.weights / mass[labels]


def draw_views(cells: Cells, count: int, order: str, stream) -> Tensor:
    """Rows of the cells that `count` views show, in their order: int64 [count].

    order: of the recipe. `synthetic_first` shows the same views, synthetic ones first.
    """
    rows = draw_order(cells.weights, count, stream)
    if order == "synthetic_first":
        first = cells.synthetic[rows]
        rows = torch.cat([rows[first], rows[~first]])
    return rows


def draw_order(weights: Tensor, count: int, stream: torch.Generator) -> Tensor:
    """Cells of all steps, int64 [count]: shuffled rounds, or draws by unequal weights.

    weights: float64 [N]. Draws by weight are with replacement (weighted sampling).
    """
    if (weights == weights[0]).all():
        rounds = -(-count // len(weights))
        return torch.cat(
            [torch.randperm(len(weights), generator=stream) for _ in range(rounds)]
        )[:count]
    # Inverse of the cumulative weights: torch.multinomial ends at 2**24 cells.
    ends = weights.cumsum(0)
    draws = torch.rand(count, generator=stream, dtype=torch.float64) * ends[-1]
    return torch.searchsorted(ends, draws, right=True).clamp_(max=len(weights) - 1)


def to_float(images: Tensor) -> Tensor:
    """uint8 [N, S, S, 3] -> float32 [N, 3, S, S] in 0..255, channels last."""
    return images.permute(0, 3, 1, 2).float()


def named_generator(seed: int, name: str) -> torch.Generator:
    """PyTorch's generator, on the CPU, of the stream `name` under `seed`."""
    return torch.Generator().manual_seed(derive_seed(seed, name))


def tabulate_views(cells: Cells, rows: Tensor, classes: tuple[str, ...]) -> list[dict]:
    """Of each class and origin: label, origin, cells, and views of all of them.

    rows: int64 [views], the cell that each view of a training showed.
    """
    views = torch.bincount(rows.cpu(), minlength=len(cells))
    labels = cells.labels.cpu()
    table = []
    for origin in ("real", "synthetic"):
        of_origin = cells.synthetic == (origin == "synthetic")
        for index, label in enumerate(classes):
            chosen = of_origin & (labels == index)
            row = {"label": label, "origin": origin, "cells": int(chosen.sum())}
            table.append(row | {"views": int(views[chosen].sum())})
    return table


def check_split(
    split: pd.DataFrame, cells: pd.DataFrame, synthetic: pd.DataFrame, path: Path
) -> None:
    """Refuse a split, read from `path`, of other cells than these two tables hold."""
    for origin, table in (("real", cells), ("synthetic", synthetic)):
        rows = split[split["origin"] == origin]
        named = table["cell_id"].reindex(rows["row"]).to_numpy()
        if not np.array_equal(named, rows["cell_id"].to_numpy()):
            raise damaged(path, f"belongs to other {origin} cells")


def gather_cells(
    real: np.ndarray,
    synthetic: np.ndarray,
    split: pd.DataFrame,
    classes: tuple[str, ...],
    device: torch.device,
) -> Cells:
    """The split's rows as tensors on `device`, in the split's order.

    real, synthetic: uint8 [., S, S, 3], memory-mapped; split: rows of a split table.
    """
    size = len(split) * int(np.prod(real.shape[1:]))
    check_memory(size, f"{len(split):,} cells", "generate.target or image.size")
    images = np.empty((len(split), *real.shape[1:]), np.uint8)
    origin, rows = split["origin"].to_numpy(str), split["row"].to_numpy(int)
    for name, source in (("real", real), ("synthetic", synthetic)):
        chosen = origin == name
        images[chosen] = source[rows[chosen]]
    index = {label: k for k, label in enumerate(classes)}
    labels = torch.tensor([index[label] for label in split["label"]], dtype=torch.long)
    return Cells(
        torch.from_numpy(images).to(device),
        labels.to(device),
        torch.tensor(split["weight"].to_numpy(float).copy()),
        torch.from_numpy(origin == "synthetic"),
    )
