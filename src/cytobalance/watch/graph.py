"""Which stages dvc.lock says are done, without asking DVC, whose locks a run needs."""

import hashlib
import json
import os
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from cytobalance.study import places

GRAPH, LOCK = Path("dvc.yaml"), Path("dvc.lock")
# It runs each time, in a second, and its outputs are compared file by file.
ALWAYS = "check"
# Larger files are taken for what DVC noted of them.
MOST_BYTES = 50_000_000


@dataclass
class Graph:
    """The study's stages in order, and what dvc.lock noted of each.

    steps: stage and item joined by `@`, as DVC names them. noted: step -> its entry in
    dvc.lock, where there is one.
    """

    steps: list[str] = field(default_factory=list)
    noted: dict[str, dict[str, Any]] = field(default_factory=dict)


def read_graph() -> Graph:
    """The graph of the study in this folder.

    Raises OSError or ValueError where a file vanishes or is cut while it is read: DVC
    writes dvc.lock in place.
    """
    stages = _read_yaml(GRAPH)["stages"]
    items = _read_yaml(places.STAGES / "items.yaml")["items"]
    noted = _read_yaml(LOCK)["stages"] if LOCK.exists() else {}
    steps = []
    for stage, about in stages.items():
        if stage == ALWAYS:
            continue
        if "foreach" not in about:
            steps.append(stage)
            continue
        repeated = items[about["foreach"][len("${items.") : -1]]
        steps += [f"{stage}@{item}" for item in repeated]
    return Graph(steps, {name: noted[name] for name in steps if name in noted})


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), _LOADER)
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: {error}") from None
    if not isinstance(values, dict):
        raise ValueError(f"{path} is empty")
    return values


# The one in C, where PyYAML has it: dvc.lock has thousands of lines.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def find_done(graph: Graph) -> set[str]:
    """Steps whose last run had the inputs that are there now.

    The others run, or DVC takes their results from its cache, or, where the data that
    they wait for come out as before, it skips them.
    """
    makers = {
        out["path"]: (step, out.get("md5"))
        for step, entry in graph.noted.items()
        for out in entry.get("outs", ())
    }
    known: dict[str, bool] = {}

    def is_done(step: str) -> bool:
        if step not in known:
            known[step] = False  # also while its inputs are looked at
            entry = graph.noted.get(step)
            known[step] = entry is not None and all(
                is_current(dep) for dep in entry.get("deps", ())
            )
        return known[step]

    def is_current(dep: dict[str, Any]) -> bool:
        path, noted = dep["path"], dep.get("md5")
        if path in makers:
            step, made = makers[path]
            return made == noted and is_done(step)
        around = [m for p, (m, _) in makers.items() if _touch(path, p)]
        return all(map(is_done, around)) and hash_path(Path(path)) in (None, noted)

    return {step for step in graph.steps if is_done(step)}


def _touch(path: str, other: str) -> bool:
    """Whether one of two places lies in the other."""
    return path.startswith(f"{other}/") or other.startswith(f"{path}/")


def hash_path(path: Path) -> str | None:
    """The hash of a file or folder as DVC notes it; None where it can't be told."""
    try:
        if path.is_file():
            return _hash_file(path)
        files = [Path(top, name) for top, _, names in os.walk(path) for name in names]
        listed = [
            {"md5": _hash_file(file), "relpath": file.relative_to(path).as_posix()}
            for file in files
        ]
    except OSError:
        return None
    if not listed or any(file["md5"] is None for file in listed):
        return None
    listed.sort(key=lambda file: file["relpath"])
    text = json.dumps(listed, sort_keys=True)
    return hashlib.md5(text.encode()).hexdigest() + ".dir"


def _hash_file(path: Path) -> str | None:
    about = path.stat()
    if about.st_size > MOST_BYTES:
        return None
    return _hash_bytes(path, about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=100_000)
def _hash_bytes(path: Path, size: int, time: int) -> str:
    """The hash of a file, once for each size and time of change."""
    return hashlib.md5(path.read_bytes()).hexdigest()
