"""What another study left in metrics/ and plots/: a study owns them whole."""

from collections.abc import Iterable
from pathlib import Path
from typing import get_args

from cytobalance.study.params import Study
from cytobalance.study.settings import Gan, Oversampler, Protocol

MAKERS = {*get_args(Gan), *get_args(Oversampler)}


def remove_leftovers(study: Study, folders: Iterable[Path]) -> list[Path]:
    """Delete files of protocols, makers or classifiers that `study` does not have.

    folders: those of a file or more a key (`heldout-plain-sequential_cnn.json`), the
    key's last name being a classifier in one called `classifiers`. A file that is not
    named as the pipeline names its own stays. Returns what was deleted, sorted.
    """
    gone = []
    for folder in folders:
        for path in sorted(folder.glob("*-*.*")):
            protocol, maker, *rest = path.stem.split("-")
            if protocol not in get_args(Protocol) or maker not in MAKERS:
                continue
            theirs = protocol not in study.protocols or maker not in study.balancers
            if folder.name == "classifiers":
                theirs = theirs or not set(rest[:1]) & set(study.classifiers)
            if theirs:
                path.unlink()
                gone.append(path)
    return gone
