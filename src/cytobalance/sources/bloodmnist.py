"""BloodMNIST, a MedMNIST .npz of any size, made of PBC; its official split is kept."""

import io
from collections import Counter
from collections.abc import Iterator

import numpy as np

from cytobalance.sources.entry import Entry
from cytobalance.sources.members import Archive, Rejected, UnreadableError
from cytobalance.sources.npz import NpzArchive
from cytobalance.study.runtime import StudyError

# The label numbers of the set. 3 joins myelocytes, metamyelocytes and promyelocytes.
CODES = {
    "0": "basophil",
    "1": "eosinophil",
    "2": "erythroblast",
    "3": "immature_granulocyte",
    "4": "lymphocyte",
    "5": "monocyte",
    "6": "neutrophil",
    "7": "platelet",
}
PARTS = {"train": "train", "val": "validation", "test": "test"}


def list_entries(archive: Archive) -> Iterator[Entry | Rejected]:
    """Entries `<part>/<row>.ppm` with the number as label and the published part."""
    if not isinstance(archive, NpzArchive):
        raise StudyError(
            f"{archive.path.name}: layout `bloodmnist` reads MedMNIST's .npz file alone"
        )
    labels: dict[str, np.ndarray] = {}
    for file in archive.names():
        part = file.removesuffix("_labels.npy")
        if part in PARTS:
            labels[part] = _read_labels(archive, file)
            yield Rejected(file, "labels, not an image", by_rule=True)
    images = [
        (file, *file.removesuffix(".ppm").split("/", 1))
        for file in archive.names()
        if file.endswith(".ppm")
    ]
    counts = Counter(part for _, part, _ in images)
    for part in labels:
        if len(labels[part]) != counts[part]:
            raise StudyError(
                f"{archive.path.name}: {len(labels[part])} labels for {counts[part]} "
                f"images of `{part}`; get it again"
            )
    for file, part, row in images:
        if part in labels:
            yield Entry(file, str(labels[part][int(row)]), part=PARTS[part])
        else:
            yield Rejected(file, f"no label: there is no {part}_labels.npy")


def _read_labels(archive: Archive, file: str) -> np.ndarray:
    """Numbers int [N] of one part."""
    try:
        labels = np.load(io.BytesIO(archive.read(file)), allow_pickle=False)
    except (UnreadableError, ValueError, EOFError) as error:
        reason = " ".join(str(error).split())
        raise StudyError(
            f"{archive.path.name}: {file} can't be read ({reason}); get it again"
        ) from None
    if labels.dtype.kind not in "iu" or labels.shape not in (
        (labels.size,),
        (labels.size, 1),
    ):
        raise StudyError(
            f"{archive.path.name}: {file} must hold whole numbers [N] or [N, 1], not "
            f"{labels.dtype} {list(labels.shape)}"
        )
    return labels.ravel()
