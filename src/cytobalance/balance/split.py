"""The final table of who trains, validates and tests under a protocol."""

import numpy as np
import pandas as pd

from cytobalance.balance.hold_out import PARTS, visible_cells
from cytobalance.balance.settings import Recipe
from cytobalance.balance.target import class_target
from cytobalance.study import places
from cytobalance.study.params import Study
from cytobalance.study.runtime import random_stream
from cytobalance.study.tables import columns_of

SPLIT_COLUMNS = columns_of(places.split("*", "*"))


def split_cells(
    cells: pd.DataFrame,
    hold_out: pd.DataFrame,
    synthetic: pd.DataFrame,
    study: Study,
    protocol: str,
    balancer: str,
) -> pd.DataFrame:
    """The split of a balancer: SPLIT_COLUMNS, real cells before synthetic ones.

    hold_out: the protocol's deal. `paper`: all cells are dealt at random by image,
    stratified, groups ignored, as published. Otherwise real cells keep their parts,
    and synthetic ones train. `weight` says how often a training cell is seen, relative
    to others.
    """
    recipe = study.recipes[balancer]
    table = _gather(cells, hold_out, synthetic, protocol)
    if recipe.pools:
        table = _cut(table, study, protocol)
    if protocol == "paper":
        table["part"] = _deal_by_image(table["label"].to_numpy(), study, balancer)
    weight = np.ones(len(table))
    train = (table["part"] == "train").to_numpy()
    made = (table["origin"] == "synthetic").to_numpy()
    weight[train] = weigh_views(
        *(table[name].to_numpy()[train] for name in ("label", "source")),
        *(made[train], recipe),
    )
    return table.assign(weight=weight)[list(SPLIT_COLUMNS)].reset_index(drop=True)


def weigh_views(
    labels: np.ndarray, sources: np.ndarray, synthetic: np.ndarray, recipe: Recipe
) -> np.ndarray:
    """How often each training cell is seen, relative to others: float [N], mean 1.

    labels, sources: str [N]; synthetic: bool [N], of no source. `balanced` sampling
    gives Gungor's (2023) N_total / (n_classes x N_class). Where a class has cells of
    one kind alone, all its views are of that kind, whatever the recipe's `share`.
    """
    classes, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    made = np.bincount(codes, weights=synthetic, minlength=len(classes))
    real = counts - made
    # A class is as common as it has cells; with a share, as it has real ones.
    drawn = counts if recipe.share is None else np.where(real > 0, real, made)
    if isinstance(recipe.sampling, dict):
        mass = drawn * np.array([recipe.sampling[label] for label in classes])
    else:
        mass = drawn ** {"natural": 1.0, "sqrt": 0.5, "balanced": 0.0}[recipe.sampling]
    weight = (mass / counts)[codes]
    if recipe.share is not None:
        share = np.array([_share_of(label, recipe.share) for label in classes])
        part = np.where(synthetic, share[codes], 1 - share[codes])
        cells = np.where(synthetic, made[codes], real[codes])
        both = ((made > 0) & (real > 0))[codes]
        weight = np.where(both, mass[codes] * part / cells, weight)
    if recipe.sources != "natural":
        weight = weight * _even_sources(codes, sources, synthetic, recipe.sources)
    return weight * len(labels) / weight.sum()


def _even_sources(
    codes: np.ndarray, sources: np.ndarray, synthetic: np.ndarray, how: str
) -> np.ndarray:
    """Factor of each cell, of mean 1 over the real and the synthetic ones of a class.

    how: `balanced`, all sources of a class equally often; `sqrt`, by their roots.
    """
    keys = pd.DataFrame({"class": codes, "made": synthetic, "source": sources})
    cells = keys.groupby(["class", "made", "source"])["source"].transform("size")
    factor = cells ** {"balanced": -1.0, "sqrt": -0.5}[how]
    means = factor.groupby([keys["class"], keys["made"]]).transform("mean")
    return (factor / means).to_numpy()


def _share_of(label: str, share: float | dict[str, float]) -> float:
    """The synthetic part of a class's views; 0 where the recipe does not name it."""
    return share.get(label, 0.0) if isinstance(share, dict) else share


def _gather(
    cells: pd.DataFrame, hold_out: pd.DataFrame, synthetic: pd.DataFrame, protocol: str
) -> pd.DataFrame:
    """Real and synthetic cells of the protocol, with their parts in the deal."""
    visible = visible_cells(cells, hold_out, protocol)
    if protocol != "paper":
        visible = np.flatnonzero(hold_out["part"].isin(PARTS))
    real = hold_out.iloc[visible][["cell_id", "label", "part"]]
    source = cells["source"].to_numpy()[visible]
    real = real.assign(origin="real", row=visible, source=source)
    made = synthetic[["cell_id", "label"]]
    made = made.assign(
        part="train", origin="synthetic", row=np.arange(len(synthetic)), source=""
    )
    return pd.concat([real, made], ignore_index=True)


def _cut(table: pd.DataFrame, study: Study, protocol: str) -> pd.DataFrame:
    """Cut training cells (`paper`: the pool) of each class to its target, at random."""
    target = class_target(study.generate.target, protocol, study.hold_out.train)
    keep = np.ones(len(table), bool)
    for label in study.classes:
        of_class = (table["label"] == label).to_numpy()
        if protocol != "paper":
            of_class = of_class & (table["part"] == "train").to_numpy()
        stream = random_stream(study.study.seed, "split", protocol, "cut", label)
        keep[stream.permutation(np.flatnonzero(of_class))[target:]] = False
    return table[keep]


def _deal_by_image(labels: np.ndarray, study: Study, balancer: str) -> np.ndarray:
    """Parts by the study's fractions within each class, image by image."""
    part = np.empty(len(labels), dtype=object)
    for label in study.classes:
        members = np.flatnonzero(labels == label)
        stream = random_stream(study.study.seed, "split", "paper", balancer, label)
        train = round(len(members) * study.hold_out.train)
        test = round(len(members) * (study.hold_out.train + study.hold_out.test))
        ends = np.split(stream.permutation(members), [train, test])
        for name, rows in zip(PARTS, ends, strict=True):
            part[rows] = name
    return part
