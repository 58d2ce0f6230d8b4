"""Shortcuts that a cell set offers: what tells a source, or a class, beside the cell.

A small classifier is asked for the source of cells of one class, and for the class of a
cell of which it sees the border of the image alone. Where it succeeds, a network may
take the same way; whether one does is another question (protocol `source_out`).
"""

from typing import Any

import numpy as np
import pandas as pd

from cytobalance.study.runtime import derive_seed, random_stream

# Thumbnails have so many fields a side; the outermost ones are the border.
FIELDS = 8
# Steps of grey a channel's histogram counts.
BINS = 8
# Images whose features are worked out at a time, to bound memory.
CHUNK = 1000
# Parts of a cross-validation, in whole groups.
FOLDS = 5
# A source or class takes part with so many cells, in at least FOLDS groups.
LEAST_CELLS = 25
# Cells of a source or class at most, drawn at random: more would change little.
MOST_CELLS = 500
# Weak: so few cells for so many features.
PENALTY = 0.1


def find_shortcuts(
    images: np.ndarray,
    table: pd.DataFrame,
    classes: tuple[str, ...],
    sources: tuple[str, ...],
    seed: int,
) -> dict[str, Any]:
    """How well sources and classes are named that way, for metrics/shortcuts.json.

    images: uint8 [N, S, S, 3], S a multiple of 8; table: of data/cells. `source` holds,
    for each class, the score of naming the source; `border` that of naming the class.
    What has below LEAST_CELLS cells or FOLDS groups takes no part: its cells stand in
    `left_out`, and a score is None where fewer than two sources or classes are left.
    """
    labels, source = (table[name].to_numpy(str) for name in ("label", "source"))
    groups = pd.factorize(table["group"])[0]
    by_class = {}
    for label in classes:
        rows = np.flatnonzero(labels == label)
        by_class[label] = _score(
            *(images, rows, source[rows], groups[rows], sources),
            border=False,
            seed=seed,
            name=label,
        )
    everyone = np.arange(len(table))
    border = _score(
        *(images, everyone, labels, groups, classes), border=True, seed=seed, name=""
    )
    return {"source": by_class, "border": border}


def _score(images, rows, names, groups, order, border, seed, name) -> dict[str, Any]:
    """Score of naming `names` [rows] from features: cross-validated in whole groups."""
    present = [n for n in order if (names == n).any()]
    enough = [n for n in present if _is_enough(groups[names == n])]
    score: dict[str, Any] = {
        "balanced_accuracy": None,
        "chance": None,
        "cells": {},
        "left_out": {n: int((names == n).sum()) for n in present if n not in enough},
    }
    if len(enough) < 2:
        score["left_out"] = {n: int((names == n).sum()) for n in present}
        return score
    kept = []
    for n in enough:
        stream = random_stream(seed, "probe", name, n)
        drawn = stream.permutation(np.flatnonzero(names == n))[:MOST_CELLS]
        kept.append(np.sort(drawn))
    kept = np.concatenate(kept)
    features = describe_images(images, rows[kept], border)
    named = _name_all(features, names[kept], groups[kept], seed, name)
    right = [(named == n)[names[kept] == n].mean() for n in enough]
    return score | {
        "balanced_accuracy": np.mean(right),
        "chance": 1 / len(enough),
        "cells": {n: int((names[kept] == n).sum()) for n in enough},
    }


def _name_all(features, names, groups, seed, name) -> np.ndarray:
    """What each row is named by a classifier that its group did not teach: str [N]."""
    # Slow to import.
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(
        StandardScaler(),
        LogisticRegression(C=PENALTY, class_weight="balanced", tol=1e-3, max_iter=300),
    )
    folds = StratifiedGroupKFold(
        FOLDS, shuffle=True, random_state=derive_seed(seed, "probe", name) % 2**32
    )
    return cross_val_predict(model, features, names, groups=groups, cv=folds)


def _is_enough(groups: np.ndarray) -> bool:
    return len(groups) >= LEAST_CELLS and len(np.unique(groups)) >= FOLDS


def describe_images(images: np.ndarray, rows: np.ndarray, border: bool) -> np.ndarray:
    """Small features of some images, or of their borders alone: float32 [rows, F].

    Deviation and histogram of each channel; mean and 8 x 8 thumbnail of grey, red minus
    green and blue minus green, in which stain and scanner show apart from brightness.
    The border is the ring of outermost fields of the thumbnail, an eighth of the side
    wide.
    """
    ring = np.zeros((FIELDS, FIELDS), bool)
    ring[[0, -1]] = ring[:, [0, -1]] = True
    fields = ring if border else np.ones_like(ring)
    return np.concatenate(
        [
            _describe(images[rows[start : start + CHUNK]], fields)
            for start in range(0, len(rows), CHUNK)
        ]
    )


def _describe(images: np.ndarray, fields: np.ndarray) -> np.ndarray:
    """Features of uint8 [n, S, S, 3] within the chosen fields, bool [8, 8]."""
    count, side = images.shape[:2]
    step = side // FIELDS
    tiles = images.reshape(count, FIELDS, step, FIELDS, step, 3)
    tiles = tiles.transpose(0, 1, 3, 5, 2, 4)[:, fields]  # [n, fields, 3, step, step]
    tiles = tiles.reshape(count, fields.sum(), 3, step * step)
    red, green, blue = np.moveaxis(tiles.mean(-1, dtype=np.float32), -1, 0)
    grey = (red + green + blue) / 3
    thumbnail = np.stack([grey, red - green, blue - green], -1)
    pixels = tiles.transpose(0, 2, 1, 3).reshape(count, 3, -1)
    level = pixels // (256 // BINS)
    shares = [(level == k).mean(-1, dtype=np.float32) for k in range(BINS)]
    spread = pixels.std(-1, dtype=np.float32)
    parts = [thumbnail.mean(1), spread, *shares, thumbnail.reshape(count, -1)]
    return np.concatenate(parts, 1)
