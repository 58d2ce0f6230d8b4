"""The table of named cells: a row a file, in batches."""

import numpy as np
import pandas as pd

from cytobalance.prediction.files import one_line
from cytobalance.prediction.judgement import Judge, Verdicts
from cytobalance.prediction.reading import Batch

YES = {True: "yes", False: "no"}


def tabulate(batch: Batch, verdicts: Verdicts, judge: Judge) -> pd.DataFrame:
    """Rows of a batch; of a file that can't be read the reason alone is filled."""
    read = [k for k, reason in enumerate(batch.reasons) if not reason]
    table = pd.DataFrame(describe_cells(verdicts, judge), index=read)
    table = table.reindex(range(len(batch.files)))
    table.insert(0, "file", [one_line(file.name) for file in batch.files])
    table.insert(1, "subject", [file.subject for file in batch.files])
    return table.assign(reason=batch.reasons)


def describe_cells(verdicts: Verdicts, judge: Judge) -> dict[str, list]:
    """Column -> a value a cell.

    Classes of a set are joined by `|`, the likeliest first. `unlike_training` is `no`,
    or names what is unlike; empty where nothing could be compared.
    """
    p, classes = verdicts.probability, judge.classes
    ways = list(judge.limits)
    none = "no" if ways else ""
    return {
        "predicted": [classes[k] for k in verdicts.predicted],
        "confidence": list(map(float, p.max(1))) if len(p) else [],
        "set": [
            "|".join(classes[k] for k in np.argsort(-row, kind="stable") if holds[k])
            for row, holds in zip(p, verdicts.sets, strict=True)
        ],
        "unsure": [YES[bool(value)] for value in verdicts.unsure],
        "unlike_training": [_join(ways, row) or none for row in verdicts.unlike],
        "called": [_join(list(judge.thresholds), row) for row in verdicts.called],
        **{f"p_{label}": list(p[:, k]) for k, label in enumerate(classes)},
    }


def _join(names: list[str], chosen: np.ndarray) -> str:
    return "|".join(name for name, is_it in zip(names, chosen, strict=True) if is_it)
