"""What shaped the images of each source, kept with the cells and in the classifiers."""

import json
from pathlib import Path
from typing import Any

from cytobalance.study.damage import damaged, reading
from cytobalance.study.runtime import atomic_file

# Of a source: `crop` as in params.yaml; `depth`, bits in use of 16-bit samples that do
# not say it (0: none came); `boxes`, whether cells were cut out of larger images;
# `origin`, simulated or published.
FACTS = ("crop", "depth", "boxes", "origin")
NAME = "inputs.json"


def write_inputs(folder: Path, inputs: dict[str, dict[str, Any]]) -> None:
    """Write the FACTS of every source into `folder`: source -> fact -> value."""
    with atomic_file(Path(folder) / NAME) as partial:
        # Numbers in full: a rounded crop would be another crop.
        partial.write_text(json.dumps(inputs, indent=1) + "\n", encoding="utf-8")


def read_inputs(folder: Path) -> dict[str, dict[str, Any]]:
    """What `write_inputs` wrote. Raises StudyError where it is missing or damaged."""
    path = Path(folder) / NAME
    with reading(path):
        inputs = json.loads(path.read_text(encoding="utf-8"))
        complete = all(set(facts) == set(FACTS) for facts in inputs.values())
    if not complete:
        raise damaged(path, "holds other facts than " + ", ".join(FACTS))
    return inputs
