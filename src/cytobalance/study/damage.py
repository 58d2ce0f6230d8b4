"""Files that one stage hands to the next: damage is one line that names who mends it.

A stage that reads them raises `damaged`; DVC itself restores a file from its cache, or
makes it again, when the stage named there is run.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from cytobalance.study.runtime import StudyError, describe_error

GRAPH = Path(__file__).parents[3] / "dvc.yaml"


def find_stage(path: Path) -> str:
    """The stage, `split@heldout-plain` say, whose output `path` is or lies in.

    path: as seen from the project's top folder, or absolute. Empty where no stage of
    dvc.yaml makes it for the study of params.yaml.
    """
    # Here, since these modules read files themselves.
    from cytobalance.study.params import read_study
    from cytobalance.study.stages import list_items

    sought = {path.absolute(), *path.absolute().parents}
    graph = yaml.safe_load(GRAPH.read_text(encoding="utf-8"))["stages"]
    try:
        repeated = list_items(read_study())
    except (StudyError, OSError):
        return ""  # no study here, so none of its files
    for stage, about in graph.items():
        names = (
            repeated[about["foreach"][len("${items.") : -1]] if "do" in about else {}
        )
        for name, parts in (names or {"": {}}).items():
            if sought & _place_outs(about.get("do", about)["outs"], name, parts):
                return "@".join(filter(None, (stage, name)))
    return ""


def _place_outs(outs: list, key: str, parts: dict[str, str]) -> set[Path]:
    """Absolute paths of a stage's outputs, for one of the items it is repeated for.

    key: the item's name; parts: of that name.
    """
    places = set()
    for out in outs:
        place = next(iter(out)) if isinstance(out, dict) else out
        place = place.replace("${key}", key)
        for part, value in parts.items():
            place = place.replace(f"${{item.{part}}}", value)
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
