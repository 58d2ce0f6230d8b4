"""Files that one stage hands to the next: damage is one line that names who mends it.

A stage that reads them raises `damaged`; DVC itself restores a file from its cache, or
makes it again, when the stage named there is run.
"""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from cytobalance.study.runtime import StudyError, describe_error

GRAPH = Path(__file__).parents[3] / "dvc.yaml"


def find_stage(path: Path) -> str:
    """The stage, `split@heldout-plain` say, whose output `path` is or lies in.

    path: as seen from the project's top folder, or absolute. Empty where no stage of
    dvc.yaml with the lists of params.yaml makes it.
    """
    places = {path.absolute(), *path.absolute().parents}
    stages = yaml.safe_load(GRAPH.read_text(encoding="utf-8"))["stages"]
    try:
        lists = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
        for name, stage in stages.items():
            keys = list(stage.get("matrix", {}))
            for item in itertools.product(*(lists[f"{key}s"] for key in keys)):
                if places & _place_outs(stage["outs"], keys, item):
                    return "@".join(filter(None, (name, "-".join(item))))
    except (OSError, ValueError, yaml.YAMLError, LookupError, TypeError):
        pass  # no study here, so none of its files
    return ""


def _place_outs(outs: list, keys: list[str], item: tuple[str, ...]) -> set[Path]:
    """Absolute paths of a stage's outputs, for one item of its matrix."""
    places = set()
    for out in outs:
        place = next(iter(out)) if isinstance(out, dict) else out
        for key, value in zip(keys, item, strict=True):
            place = place.replace(f"${{item.{key}}}", value)
        places.add(Path(place).absolute())
    return places


def damaged(path: Path, what: str) -> StudyError:
    """The error of a file between stages. what: as "is cut short"."""
    stage = find_stage(Path(path))
    command = f"dvc repro {stage}" if stage else "dvc repro"
    return StudyError(f"{path} {what}; run `{command}`, which restores it")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Whatever a file raises on its way in becomes a StudyError (`damaged`).

    A full memory, or a file that this user may not read, is no damage and passes.
    """
    try:
        yield
    except FileNotFoundError:
        raise damaged(path, "is missing") from None
    except Exception as error:
        if describe_error(error) is not None:
            raise
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise damaged(path, f"is damaged ({reason})") from None
