"""Which held-out scores hold for a trained classifier, in words."""

from pathlib import Path
from typing import Any

from cytobalance.study import places
from cytobalance.study.metrics import read_metrics
from cytobalance.study.runtime import StudyError

# Protocol -> why its test cells say nothing of cells like those of training.
NOT_HELD_OUT = {
    "paper": "no strangers to training",
    "source_out": "of a source that training lacked",
}


def find_project(model: Path) -> Path:
    """The project that holds a classifier's folder, where it lies in one."""
    above = [".."] * len(places.classifier("*").parts)
    return model.resolve().joinpath(*above).resolve()


def find_scores(path: Path, about: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The record of all trials' scores, and one line on them for those who predict.

    path: the classifier's metrics file, from `evaluate`; about: what its model files
    tell. The record is empty, and the line says why, where the file is missing or
    unreadable, belongs to another training, or has no held-out cells.
    """
    try:
        if not path.exists():
            return {}, (
                f"no score is known: {path} is missing; run `dvc repro` to evaluate it"
            )
        record = read_metrics(path)
        if record["predictions"] != about["predictions"]:
            return {}, (
                f"no score is known: {path} is of another training; run `dvc repro`"
            )
        if record["protocol"] != "heldout":
            return {}, (
                f"no held-out score: under protocol {record['protocol']} the test "
                f"cells were {NOT_HELD_OUT[record['protocol']]}; take a `heldout-` "
                "classifier"
            )
        return record, _in_words(record, path)
    except (StudyError, KeyError, TypeError, ValueError, OSError):
        return {}, (
            f"no score is known: {path} is damaged or of an older version; run "
            "`dvc repro`"
        )


def _in_words(record: dict[str, Any], path: Path) -> str:
    scores = record["ensemble"]["all"]
    score = scores["overall"]["balanced_accuracy"]
    limits = "no interval, all test cells being of one group"
    if score["low"] is not None:
        level = f"{100 * record['confidence']:g} % interval"
        limits = f"{level} {100 * score['low']:.1f} to {100 * score['high']:.1f}"
    kind = "simulated" if record["simulated"] else "real"
    return (
        f"held-out scores of this classifier ({record['trials']} trials together): "
        f"balanced accuracy {100 * score['mean']:.1f} % ({limits}), calibration error "
        f"{scores['calibration']['ece']:.3f}, on {scores['cells']} {kind} test cells "
        f"in {scores['groups']} groups; they hold for images like those alone ({path})"
    )
