"""What another study left in metrics/ and plots/: a study owns them whole."""

from collections.abc import Iterable
from pathlib import Path
from typing import get_args

from cytobalance.study import places
from cytobalance.study.params import Study
from cytobalance.study.settings import Gan, Protocol


def remove_leftovers(study: Study, folders: Iterable[Path]) -> list[Path]:
    """Delete files of protocols, GANs or classifiers that `study` does not have.

    folders: those with files of GANs (`heldout-acgan.json`), or, called `classifiers`
    or `explained`, of classifiers (`heldout-plain-sequential_cnn.json`). A file that is
    not named as the pipeline names its own stays. Returns what was deleted, sorted.
    """
    gone = []
    for folder in folders:
        for path in sorted(folder.glob("*-*.*")):
            protocol, *names = places.key_names(path.stem)
            if protocol not in get_args(Protocol):
                continue
            if folder.name in ("classifiers", "explained"):
                ours = len(names) == 2
                kept = places.key(*names) in study.training_names
                # `explain` runs for the protocol that the page shows alone.
                shown = protocol == study.shown_protocol
                kept &= shown or folder.name == "classifiers"
            else:
                ours = names[0] in get_args(Gan)
                kept = names[0] in study.gans
            if ours and not (kept and protocol in study.protocols):
                path.unlink()
                gone.append(path)
    return gone
