"""The cheap balancers: changed copies of real cells, and SMOTE's and ADASYN's mixes."""

from dataclasses import dataclass

import cv2
import numpy as np

from cytobalance.study.progress import show_progress
from cytobalance.study.runtime import random_stream
from cytobalance.study.settings import Augmentation, Oversample


@dataclass(frozen=True)
class Mixes:
    """Synthetic cells to be: `parent` + `step` x (`neighbour` - `parent`).

    parent, neighbour: int [M], rows of the real cells; step: float [M] in [0, 1).
    """

    parent: np.ndarray
    neighbour: np.ndarray
    step: np.ndarray


def draw_parents(labels, wanted: dict[str, int], stream) -> np.ndarray:
    """Rows of the cells to be copied, int [M], class by class, each as often as any."""
    drawn = []
    for label, count in wanted.items():
        members = np.flatnonzero(labels == label)
        rounds = -(-count // max(1, len(members)))
        copies = [stream.permutation(members) for _ in range(rounds)]
        drawn.append(np.concatenate([*copies, members[:0]])[:count])
    return np.concatenate(drawn)


def augment(image: np.ndarray, change: Augmentation, stream) -> np.ndarray:
    """One random change of uint8 [S, S, 3]: turned, shifted, sheared, zoomed, mirrored.

    Each amount is uniform within its limit, both ways (Gungor 2023, section 3); what
    enters at the edges is the mirror image of the picture.
    """
    side = image.shape[0]
    turn, shear, zoom, right, down = stream.uniform(-1, 1, size=5)
    angle = np.deg2rad(change.rotation * turn)
    rotation = np.array(
        [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    )
    matrix = rotation @ [[1, change.shear * shear], [0, 1]] * (1 + change.zoom * zoom)
    if change.flip and stream.random() < 0.5:
        matrix = matrix @ [[-1, 0], [0, 1]]
    centre = np.full(2, (side - 1) / 2)
    shift = centre - matrix @ centre + change.shift * side * np.array([right, down])
    return cv2.warpAffine(
        image,
        np.column_stack([matrix, shift]),
        (side, side),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )


def reduce_images(images: np.ndarray, rows: np.ndarray, size: int) -> np.ndarray:
    """Area-averaged small copies of uint8 [N, S, S, 3]: float32 [rows, size**2 * 3]."""
    reduced = np.empty((len(rows), size * size * 3), np.float32)
    for place, row in enumerate(rows):
        small = cv2.resize(images[row], (size, size), interpolation=cv2.INTER_AREA)
        reduced[place] = small.reshape(-1)
    return reduced


def plan_smote(
    features: np.ndarray,
    labels: np.ndarray,
    wanted: dict[str, int],
    neighbours: int,
    streams: dict,
) -> Mixes:
    """SMOTE (Chawla 2002) as in imbalanced-learn: any cell, any of its neighbours.

    features: float [N, F]; labels: str [N]; streams: a generator for each class.
    """
    mixes = []
    for label, count in wanted.items():
        members = np.flatnonzero(labels == label)
        if not count:
            continue
        near = _neighbours_within(features, members, neighbours)
        drawn = streams[label].choice(near.size, size=count)
        parent, column = np.divmod(drawn, near.shape[1])
        step = streams[label].uniform(size=count)
        mixes.append(Mixes(members[parent], members[near[parent, column]], step))
    return _join(mixes)


def plan_adasyn(
    features: np.ndarray,
    labels: np.ndarray,
    wanted: dict[str, int],
    neighbours: int,
    streams: dict,
) -> Mixes:
    """ADASYN (He 2008) as in imbalanced-learn: more where other classes are near.

    Amounts add up to exactly what is wanted (largest remainders; imbalanced-learn
    rounds each). A class without foreign neighbours gets even amounts, and says so.
    """
    everyone = _index_neighbours(features, neighbours)
    mixes = []
    for label, count in wanted.items():
        members = np.flatnonzero(labels == label)
        if not count:
            continue
        around = everyone.kneighbors(features[members], return_distance=False)[:, 1:]
        foreign = (labels[around] != label).mean(1)
        if not foreign.sum():
            print(f"{label}: no cell has neighbours of other classes, even amounts")
            foreign = np.ones(len(members))
        amounts = apportion(foreign / foreign.sum(), count)
        near = _neighbours_within(features, members, neighbours)
        parent = np.repeat(np.arange(len(members)), amounts)
        column = streams[label].choice(near.shape[1], size=count)
        step = streams[label].uniform(size=count)
        mixes.append(Mixes(members[parent], members[near[parent, column]], step))
    return _join(mixes)


def apportion(shares: np.ndarray, count: int) -> np.ndarray:
    """Whole numbers near `shares` x `count` that add up to `count`: int [N]."""
    exact = shares * count
    amounts = np.floor(exact).astype(int)
    largest = np.argsort(amounts - exact, kind="stable")
    amounts[largest[: count - amounts.sum()]] += 1
    return amounts


def write_mixes(images: np.ndarray, mixes: Mixes, output: np.ndarray) -> None:
    """Interpolate real pixels of uint8 [N, S, S, 3] straight into `output` uint8."""
    steps = zip(mixes.parent, mixes.neighbour, mixes.step, strict=True)
    for place, (parent, neighbour, step) in enumerate(
        show_progress(steps, len(output), desc="mixing cells", unit="cells")
    ):
        output[place] = cv2.addWeighted(
            images[parent], 1 - step, images[neighbour], step, 0
        )


def oversample_cells(
    oversampler: str,
    cells: np.ndarray,
    rows: np.ndarray,
    labels: np.ndarray,
    wanted: dict[str, int],
    settings: Oversample,
    seed: int,
    output: np.ndarray,
) -> np.ndarray:
    """Fill `output` with `augmented`, `smote` or `adasyn` cells; return their parents.

    cells: uint8 [N, S, S, 3], all real ones; rows: int [V], those to be seen; labels:
    str [V]; output: uint8 [sum of wanted, S, S, 3], class by class. Parents are rows
    of `cells`. SMOTE and ADASYN seek neighbours on reduced copies and mix real pixels.
    """
    if oversampler == "augmented":
        stream = random_stream(seed, "oversample", oversampler)
        parents = rows[draw_parents(labels, wanted, stream)]
        for place, row in enumerate(
            show_progress(parents, desc="changing cells", unit="cells")
        ):
            output[place] = augment(cells[row], settings.augmentation, stream)
        return parents
    streams = {
        label: random_stream(seed, "oversample", oversampler, label) for label in wanted
    }
    features = reduce_images(cells, rows, settings.neighbours.size)
    plan = {"smote": plan_smote, "adasyn": plan_adasyn}[oversampler]
    mixes = plan(features, labels, wanted, settings.neighbours.count, streams)
    write_mixes(
        cells, Mixes(rows[mixes.parent], rows[mixes.neighbour], mixes.step), output
    )
    return rows[mixes.parent]


def _neighbours_within(features, members: np.ndarray, neighbours: int) -> np.ndarray:
    """Nearest cells of each cell within its class, int [len(members), k], best first.

    A class smaller than asked gives all it has; a lone cell is its only neighbour.
    """
    if len(members) == 1:
        return np.zeros((1, 1), int)
    search = _index_neighbours(features[members], neighbours)
    return search.kneighbors(features[members], return_distance=False)[:, 1:]


def _index_neighbours(features: np.ndarray, neighbours: int):
    """scikit-learn's search for each cell itself and so many neighbours of it."""
    from sklearn.neighbors import NearestNeighbors  # slow to import, seldom needed

    search = NearestNeighbors(n_neighbors=min(neighbours + 1, len(features)))
    return search.fit(features)


def _join(mixes: list[Mixes]) -> Mixes:
    parts = zip(*((m.parent, m.neighbour, m.step) for m in mixes), strict=True)
    joined = [np.concatenate(part) for part in parts]
    return Mixes(*joined) if joined else Mixes(*np.zeros((3, 0), int))
