"""BloodMNIST, a MedMNIST .npz of any size, made of PBC; its official split is kept."""

import io
from collections.abc import Iterator

import numpy as np

from cytobalance.runtime import StudyError
from cytobalance.sources.entry import Entry
from cytobalance.sources.members import Archive, Rejected, UnreadableError

# The set's own numbers. 3 joins myelocytes, metamyelocytes and promyelocytes.
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
    labels: dict[str, np.ndarray] = {}
    for file in archive.names():
        part = file.removesuffix("_labels.npy")
        if part in PARTS:
            labels[part] = _read_labels(archive, file)
            yield Rejected(file, "labels, not an image", by_rule=True)
    for file in archive.names():
        part, _, row = file.removesuffix(".ppm").partition("/")
        if not row.isdigit():
            continue
        if part in labels and int(row) < len(labels[part]):
            yield Entry(file, str(labels[part][int(row)]), part=PARTS[part])
        else:
            yield Rejected(file, f"no label: {part}_labels.npy has no such row")


def _read_labels(archive: Archive, file: str) -> np.ndarray:
    """Numbers int [N] of one part."""
    try:
        return np.load(io.BytesIO(archive.read(file)), allow_pickle=False).ravel()
    except (UnreadableError, ValueError, EOFError) as error:
        raise StudyError(
            f"{archive.path.name}: {file} can't be read ({error}); get it again"
        ) from None
