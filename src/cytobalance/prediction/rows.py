"""The table of named cells: a row a file, in batches."""

import numpy as np
import pandas as pd

from cytobalance.prediction.judgement import Judge, Verdicts
from cytobalance.prediction.reading import Batch

YES = {True: "yes", False: "no"}


def tabulate(batch: Batch, verdicts: Verdicts, judge: Judge) -> pd.DataFrame:
    """Rows of a batch; of a file that can't be read the reason alone is filled."""
    read = [k for k, reason in enumerate(batch.reasons) if not reason]
    table = pd.DataFrame(describe_cells(verdicts, judge), index=read)
    table = table.reindex(range(len(batch.files)))
    table.insert(0, "file", [one_line(file.name) for file in batch.files])
    table.insert(1, "subject", [one_line(file.subject) for file in batch.files])
    return table.assign(reason=batch.reasons)


def describe_cells(verdicts: Verdicts, judge: Judge) -> dict[str, list]:
    """Column -> a value a cell.

    Classes of a set are joined by `|`, the likeliest first. `unlike_training` is empty
    where the classifier has no features.
    """
    p, classes = verdicts.probability, judge.classes
    unlike = verdicts.unlike
    if unlike is None:
        unlike = [None] * len(p)
    return {
        "predicted": [classes[k] for k in verdicts.predicted],
        "confidence": list(map(float, p.max(1))) if len(p) else [],
        "set": [
            "|".join(classes[k] for k in np.argsort(-row, kind="stable") if holds[k])
            for row, holds in zip(p, verdicts.sets, strict=True)
        ],
        "unsure": [YES[bool(value)] for value in verdicts.unsure],
        "unlike_training": [v if v is None else YES[bool(v)] for v in unlike],
        "called": [
            "|".join(np.array(list(judge.thresholds))[row]) if row.any() else ""
            for row in verdicts.called
        ],
        **{f"p_{label}": list(p[:, k]) for k, label in enumerate(classes)},
    }


def one_line(name: str) -> str:
    """A name may hold a line end, as macOS's `Icon\\r` does: a row stays a line."""
    return name.replace("\r", "\\r").replace("\n", "\\n")
