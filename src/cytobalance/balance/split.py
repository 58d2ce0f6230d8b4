"""The final table of who trains, validates and tests under a protocol."""

import numpy as np
import pandas as pd

from cytobalance.balance.hold_out import PARTS, visible_cells
from cytobalance.balance.target import UNCUT, class_target
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

    `heldout`: real cells keep their parts, synthetic ones train. `paper`: all are
    dealt at random by image, stratified, groups ignored, as published.
    """
    table = _gather(cells, hold_out, synthetic, protocol)
    if balancer not in UNCUT:
        table = _cut(table, study, protocol)
    if protocol == "paper":
        table["part"] = _deal_by_image(table["label"].to_numpy(), study, balancer)
    weight = np.ones(len(table))
    if balancer == "weighted":
        train = (table["part"] == "train").to_numpy()
        weight[train] = class_weights(table["label"].to_numpy()[train])
    return table.assign(weight=weight)[list(SPLIT_COLUMNS)].reset_index(drop=True)


def class_weights(labels: np.ndarray) -> np.ndarray:
    """Sampling weight of each cell: N_total / (n_classes x N_class), Gungor 2023.

    labels: str [N], of training cells; returns float [N]. Drawn with these weights,
    every class comes up equally often.
    """
    _, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return (len(labels) / (len(counts) * counts))[codes]


def _gather(
    cells: pd.DataFrame, hold_out: pd.DataFrame, synthetic: pd.DataFrame, protocol: str
) -> pd.DataFrame:
    """Real and synthetic cells of the protocol, with their parts under `heldout`."""
    visible = visible_cells(cells, hold_out, protocol)
    if protocol == "heldout":
        visible = np.flatnonzero(hold_out["part"].isin(PARTS))
    real = hold_out.iloc[visible][["cell_id", "label", "part"]]
    real = real.assign(origin="real", row=visible)
    made = synthetic[["cell_id", "label"]]
    made = made.assign(part="train", origin="synthetic", row=np.arange(len(synthetic)))
    return pd.concat([real, made], ignore_index=True)


def _cut(table: pd.DataFrame, study: Study, protocol: str) -> pd.DataFrame:
    """Cut training cells (`paper`: the pool) of each class to its target, at random."""
    target = class_target(study.generate.target, protocol, study.hold_out.train)
    keep = np.ones(len(table), bool)
    for label in study.classes:
        own = (table["label"] == label).to_numpy()
        if protocol == "heldout":
            own = own & (table["part"] == "train").to_numpy()
        stream = random_stream(study.study.seed, "split", protocol, "cut", label)
        keep[stream.permutation(np.flatnonzero(own))[target:]] = False
    return table[keep]


def _deal_by_image(labels: np.ndarray, study: Study, balancer: str) -> np.ndarray:
    """Parts by the study's fractions within each class, image by image."""
    part = np.empty(len(labels), dtype=object)
    for label in study.classes:
        own = np.flatnonzero(labels == label)
        stream = random_stream(study.study.seed, "split", "paper", balancer, label)
        train = round(len(own) * study.hold_out.train)
        test = round(len(own) * (study.hold_out.train + study.hold_out.test))
        ends = np.split(stream.permutation(own), [train, test])
        for name, rows in zip(PARTS, ends, strict=True):
            part[rows] = name
    return part
