"""From a number of the page to its cells: what the script of the page looks up."""

import base64
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from cytobalance.draw.atlas import Atlas, lay_out
from cytobalance.report.explained import Explained, Images, ShownCell
from cytobalance.taxonomy import readable

# Cells of each count, then real and then synthetic neighbours of each, from much to
# little: of each the first for which the pictures have room.
LEVELS = ((8, 4, 2, 1), (3, 2, 1, 0), (3, 2, 1, 0))
MOST_TILES = 7_000
# Pixels a side of a picture; above LEAST_SIDE, those of all pictures together: in the
# atlas a pixel of a real cell (PBC) takes 0.25 bytes at 64 a side, and 0.35 at 32.
SIDES = (64, 48, 32, 16)
LEAST_SIDE = 32
MOST_PIXELS = MOST_TILES * LEAST_SIDE**2
# Probabilities shown of a cell: thousandths at least, and how many.
LEAST_CHANCE, MOST_CHANCES = 20, 4

Tile = tuple[str, str]  # origin, cell_id
Shown = dict[tuple[str, str], tuple[ShownCell, ...]]  # (balancer, classifier) -> cells


@dataclass(frozen=True)
class Explorer:
    """What the script looks up.

    data: plain values; atlas: the WebP of all pictures, base64; tiles: the number of
    each cell's picture in it.
    """

    data: dict[str, Any]
    atlas: str
    tiles: dict[Tile, int]


def compose_explorer(
    explained: dict[tuple[str, str], Explained],
    classifier: str,
    classes: list[str],
    protocol: str,
    table: pd.DataFrame,
    images: Images,
) -> Explorer:
    """Confusions of all classifiers with their cells, in as many bytes as are allowed.

    explained: by balancer and classifier; classifier: the one shown in full; table,
    images: of data/cells.
    """
    levels, shown = choose_levels(explained, classifier)
    pictures = {("real", name): image for name, image in images.items()}
    labels: dict[str, str] = {}
    for one in explained.values():
        pictures |= {("synthetic", name): image for name, image in one.made.items()}
        labels |= one.labels
    tiles = sorted({tile for cells in shown.values() for tile in list_tiles(cells)})
    atlas = fit_atlas([pictures[tile] for tile in tiles])
    place = {tile: number for number, tile in enumerate(tiles)}
    about = table.set_index("cell_id")
    index = {label: number for number, label in enumerate(classes)}
    sources = sorted(set(table["source"]))
    data = {
        "protocol": protocol,
        "classes": [readable(label) for label in classes],
        "sources": sources,
        "side": atlas.side,
        "columns": atlas.columns,
        "tiles": [
            _describe(tile, about, labels, index, sources.index) for tile in tiles
        ],
        "classifiers": [
            _describe_training(key, explained[key].about)
            | {"level": levels[key[1]]}
            | {"cells": [_encode(cell, place) for cell in cells]}
            for key, cells in shown.items()
        ],
    }
    return Explorer(data, base64.b64encode(atlas.webp).decode(), place)


def choose_levels(
    explained: dict[tuple[str, str], Explained], classifier: str
) -> tuple[dict[str, list[int] | None], Shown]:
    """The cells to show of each training, with their neighbours.

    Where not all have room, the trainings of `classifier` get as much as half of it
    holds, and the others what is left. Also returns each classifier's level; None
    where nothing was left out.
    """
    main = {key: one for key, one in explained.items() if key[1] == classifier}
    others = {key: one for key, one in explained.items() if key not in main}
    level, shown = choose_level(explained, set(), MOST_TILES)
    levels = {name: level for _, name in explained}
    if others and level:
        levels[classifier], shown = choose_level(main, set(), MOST_TILES // 2)
        taken = {tile for cells in shown.values() for tile in list_tiles(cells)}
        level, more = choose_level(others, taken, MOST_TILES)
        levels |= {name: level for _, name in others}
        shown |= more
    return levels, {key: shown[key] for key in explained}


def choose_level(
    explained: dict[tuple[str, str], Explained], taken: set[Tile], most: int
) -> tuple[list[int] | None, Shown]:
    """The same of some trainings, with at most `most` pictures, `taken` included."""
    level = [counts[-1] for counts in LEVELS]
    for part, counts in enumerate(LEVELS):
        for count in counts:
            level[part] = count
            shown = {key: tuple(thin(one, *level)) for key, one in explained.items()}
            tiles = {tile for cells in shown.values() for tile in list_tiles(cells)}
            if len(tiles | taken) <= most:
                break
    full = [counts[0] for counts in LEVELS]
    return (None if level == full else level), shown


def thin(one: Explained, depth: int, real: int, made: int) -> Iterator[ShownCell]:
    """The first `depth` cells of each count, with so many neighbours of each origin."""
    ranks: Counter = Counter()
    for cell in one.cells:
        ranks[cell.label, cell.named] += 1
        if ranks[cell.label, cell.named] <= depth:
            yield replace(cell, real=cell.real[:real], made=cell.made[:made])


def list_tiles(cells: tuple[ShownCell, ...]) -> Iterator[Tile]:
    """What must be pictured to show cells."""
    for cell in cells:
        yield cell.origin, cell.cell_id
        yield from (("real", name) for name in cell.real)
        yield from (("synthetic", name) for name in cell.made)


def fit_atlas(images: list[np.ndarray]) -> Atlas:
    """The pictures as large as MOST_PIXELS allow, and no larger than they are."""
    largest = max((len(image) for image in images), default=0)
    room = max(MOST_PIXELS, len(images) * LEAST_SIDE**2)
    fitting = [
        side for side in SIDES if side <= largest and len(images) * side**2 <= room
    ]
    return lay_out(images, max(fitting, default=SIDES[-1]))


def _describe_training(key: tuple[str, str], about: dict[str, Any]) -> dict[str, Any]:
    facts = {"balancer": key[0], "classifier": key[1]}
    return facts | {k: about[k] for k in ("trials", "space", "looks", "confusion")}


def _describe(tile: Tile, about: pd.DataFrame, labels, index, source_number) -> list:
    """Class, then of a real cell source, file, subject and type; else its name."""
    origin, name = tile
    if origin == "synthetic":
        return [index[labels[name]], -1, name]
    row = about.loc[name]
    kind = "" if row["type"] == row["label"] else readable(row["type"])
    where = [source_number(row["source"]), row["file"], row["subject"], kind]
    return [index[row["label"]], *where]


def _encode(cell: ShownCell, place: dict[Tile, int]) -> list:
    """Tile, class, class named, its chances, tiles of neighbours, look."""
    order = sorted(range(len(cell.chances)), key=lambda k: (-cell.chances[k], k))
    chances = [
        [k, cell.chances[k]]
        for k in order[:MOST_CHANCES]
        if cell.chances[k] >= LEAST_CHANCE
    ]
    return [
        *(place[cell.origin, cell.cell_id], cell.label, cell.named, chances),
        [place["real", name] for name in cell.real],
        [place["synthetic", name] for name in cell.made],
        cell.look,
    ]
