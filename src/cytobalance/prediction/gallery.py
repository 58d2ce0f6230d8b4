"""The cells that the page shows: of each class those first that need a look."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from cytobalance.prediction.judgement import Judge, Verdicts
from cytobalance.prediction.reading import Batch
from cytobalance.prediction.rows import describe_cells
from cytobalance.taxonomy import readable


@dataclass(frozen=True)
class Shown:
    """A cell: JPEG, file, confidence in 0..1, and its doubts in words.

    unlike: in what it is unlike the training cells; fits_none: whether its set holds
    none but undecided classes, which every set holds; others: further classes of its
    set; called: rare classes that it is called.
    """

    jpeg: bytes
    file: str
    confidence: float
    unlike: tuple[str, ...]
    unsure: bool
    fits_none: bool
    others: tuple[str, ...]
    called: tuple[str, ...]

    @property
    def place(self) -> str:
        """The end of its path, short enough for a caption."""
        return "/".join(PurePosixPath(self.file).parts[-2:])

    @property
    def rank(self) -> tuple:
        """Those unlike training first, then the unsure, then by confidence."""
        return not self.unlike, not self.unsure, self.confidence


class Gallery:
    """At most `most` cells of each class, gathered batch by batch."""

    def __init__(self, classes: list[str], most: int):
        self.most = most
        self.shown: dict[str, list[Shown]] = {label: [] for label in classes}

    def add(self, batch: Batch, verdicts: Verdicts, judge: Judge) -> None:
        """Take a batch, whose thumbnails are those of its images."""
        told = describe_cells(verdicts, judge)
        undecided = {
            label
            for label, lacks in zip(
                judge.classes, judge.conformal.undecided, strict=True
            )
            if lacks
        }
        for k, (file, jpeg) in enumerate(
            zip(batch.read, batch.thumbnails, strict=True)
        ):
            label = told["predicted"][k]
            cell = Shown(
                jpeg,
                file.name,
                told["confidence"][k],
                unlike=_name(told["unlike_training"][k], {"no"}),
                unsure=told["unsure"][k] == "yes",
                fits_none=not _name(told["set"][k], undecided - {label}),
                others=_name(told["set"][k], undecided | {label}),
                called=_name(told["called"][k], {label}),
            )
            self.shown[label].append(cell)
        for cells in self.shown.values():
            cells.sort(key=lambda cell: cell.rank)
            del cells[self.most :]


def _name(joined: str, without: set[str]) -> tuple[str, ...]:
    """Names of the classes that `|` joined, but for some."""
    return tuple(
        readable(label) for label in joined.split("|") if label and label not in without
    )
