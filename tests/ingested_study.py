"""Ingested sources made by hand: painted cells whose duplicates are known."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import yaml

from cytobalance.curation.decode import preview
from cytobalance.study.cells import pixel_id
from cytobalance.study.inputs import write_inputs

SIDE = 160  # pixels of a painted frame
ROOT = Path(__file__).parent.parent


def paint(seed: int, shift: tuple[float, float] = (0, 0)) -> np.ndarray:
    """A frame uint8 [160, 160, 3]: a lobed cell amid red cells, moved by `shift`.

    shift: (x, y), parts of the side; what comes in at the edge is part of the scene.
    """
    rng = np.random.default_rng(seed)
    big = np.full((3 * SIDE, 3 * SIDE, 3), 232, np.uint8)
    for x, y in rng.uniform(0, 3 * SIDE, (60, 2)):
        cv2.circle(big, (int(x), int(y)), 15, (205, 170, 172), -1, cv2.LINE_AA)
    middle = np.array([1.5, 1.5]) * SIDE
    radius = int(rng.uniform(24, 34))
    cv2.circle(big, tuple(map(int, middle)), radius, (190, 160, 200), -1, cv2.LINE_AA)
    for lobe in rng.normal(0, radius / 3, (4, 2)):
        place = tuple(map(int, middle + lobe))
        cv2.circle(big, place, radius // 3, (90, 50, 140), -1, cv2.LINE_AA)
    for speck in rng.normal(0, radius / 2, (25, 2)):
        place = tuple(map(int, middle + speck))
        colour = tuple(map(int, rng.integers(60, 200, 3)))
        cv2.circle(big, place, 3, colour, -1, cv2.LINE_AA)
    x, y = (round(SIDE * (1 - part)) for part in shift)
    frame = cv2.GaussianBlur(big[y : y + SIDE, x : x + SIDE], (0, 0), 1.2)
    noise = rng.normal(0, 2, frame.shape)
    return np.clip(frame + noise, 0, 255).astype(np.uint8)


def degrade(
    frame: np.ndarray, quality: int = 70, scale: float = 1, gain: float = 1
) -> np.ndarray:
    """The frame rescaled, brightened and written as JPEG."""
    side = round(len(frame) * scale)
    frame = cv2.resize(frame, (side, side), interpolation=cv2.INTER_AREA)
    frame = np.clip(frame * gain, 0, 255).astype(np.uint8)
    return cv2.imdecode(
        cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])[1],
        cv2.IMREAD_COLOR,
    )


def write_source(
    folder: Path, source: str, rows: list[tuple], rejected: tuple[tuple, ...] = ()
) -> None:
    """Write data/ingested/<source> below `folder`.

    rows: (file, frame, type, subject); rejected: (file, raw_label, reason).
    """
    rows = sorted(rows, key=lambda row: row[0])
    place = folder / "data/ingested" / source
    place.mkdir(parents=True)
    frames = [row[1] for row in rows]
    small = [cv2.resize(f, (16, 16), interpolation=cv2.INTER_AREA) for f in frames]
    np.save(place / "images.npy", np.stack(small))
    np.save(place / "previews.npy", np.stack([preview(f) for f in frames]))
    table = pd.DataFrame(
        {
            "cell_id": [pixel_id(frame) for frame in frames],
            "source": source,
            "file": [row[0] for row in rows],
            "subject": [row[3] for row in rows],
            "raw_label": [row[2] for row in rows],
            "type": [row[2] for row in rows],
            "width": [frame.shape[1] for frame in frames],
            "height": [frame.shape[0] for frame in frames],
            "published_part": "",
        }
    )
    table.to_csv(place / "cells.csv", index=False)
    left_out = [(source, f, label, "ingest", reason) for f, label, reason in rejected]
    columns = ["source", "file", "raw_label", "stage", "reason"]
    pd.DataFrame(left_out, columns=columns).to_csv(place / "rejected.csv", index=False)


def write_params(folder: Path, classes: dict[str, list[str]], **changes) -> None:
    """The shipped params.yaml with two sources, these classes and group changes."""
    shipped = (ROOT / "params.yaml").read_text(encoding="utf-8")
    study = yaml.safe_load(shipped)
    source = {"layout": "pbc", "origin": "simulated"}
    study["sources"] = {"first": source, "second": source}
    study["image"]["size"] = study["oversample"]["neighbours"]["size"] = 16
    study["merge"]["classes"] = classes
    study["balancers"] = {"plain": {}}  # the others name classes of the shipped study
    study["relabel"]["maps"] = []
    facts = {"crop": 1.0, "depth": 0, "boxes": False, "origin": "simulated"}
    ingested = folder / "data/ingested"
    ingested.mkdir(parents=True, exist_ok=True)
    write_inputs(ingested, dict.fromkeys(study["sources"], facts))
    for group, values in changes.items():
        study[group] |= values
    (folder / "params.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
