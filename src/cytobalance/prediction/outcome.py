"""What a run has named so far: counts, cells to show, files that can't be read."""

from dataclasses import dataclass, field

from cytobalance.prediction.counts import Counts
from cytobalance.prediction.gallery import Gallery
from cytobalance.prediction.judgement import Judge, Verdicts
from cytobalance.prediction.reading import Batch


@dataclass
class Outcome:
    """Grows batch by batch. unread: (file, reason) of those without a prediction."""

    counts: Counts
    gallery: Gallery
    done: int = 0
    unread: list[tuple[str, str]] = field(default_factory=list)

    def add(self, batch: Batch, verdicts: Verdicts, judge: Judge) -> None:
        """Take a batch; cells to show are those that have thumbnails."""
        self.counts.add([file.subject for file in batch.read], verdicts)
        if batch.thumbnails:
            self.gallery.add(batch, verdicts, judge)
        self.done += len(batch.files)
        pairs = zip(batch.files, batch.reasons, strict=True)
        self.unread += [(file.name, reason) for file, reason in pairs if reason]
