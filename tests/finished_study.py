"""The tiny study run to its end by every stage's `main`: who made and who read what."""

import functools
import importlib
import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from tiny_study import ROOT, write_tiny_study

from cytobalance.study.params import read_study
from cytobalance.study.stages import list_items

GRAPH = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]

Run = tuple[str, tuple[str, ...]]  # a stage and the names of its item, if any


@dataclass(frozen=True)
class FinishedStudy:
    """Places are relative to `folder`, as `data/cells/cells.csv`.

    made: file -> the run that made it; read: run -> the files below its dependencies
    that it opened to read; there: run -> all files below its dependencies.
    """

    folder: Path
    made: dict[str, Run] = field(default_factory=dict)
    read: dict[Run, set[str]] = field(default_factory=dict)
    there: dict[Run, set[str]] = field(default_factory=dict)


def run_main(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a stage in this process and the working folder, as dvc.yaml says."""
    stage, values = run
    pairs = zip(keys_of(stage), values, strict=True)
    arguments = [part for key, value in pairs for part in (f"--{key}", value)]
    monkeypatch.setattr(sys, "argv", [stage, *arguments])
    importlib.import_module(stage).main()


def finish_study(
    folder: Path, monkeypatch: pytest.MonkeyPatch, **groups: dict | list
) -> FinishedStudy:
    """Write the tiny study into `folder` and run every stage, one after the other.

    groups: in the place of the study's groups of settings.
    """
    write_tiny_study(folder, **groups)
    done = FinishedStudy(folder)
    before = set(list_files(folder))
    noting: list[set[str]] = []
    sys.addaudithook(functools.partial(note_read, noting))  # Python removes none
    with monkeypatch.context() as here:
        here.chdir(folder)
        study = read_study()
        for stage, about in GRAPH.items():  # dvc.yaml lists them in order of running
            items = {"": {}}
            if "foreach" in about:
                items = list_items(study)[about["foreach"][len("${items.") : -1]]
            for name, item in items.items():
                run = stage, tuple(item[key] for key in keys_of(stage))
                item = item | {"key": name, "assess.classifier": "sequential_cnn"}
                done.there[run] = list_below(body_of(stage)["deps"], item)
                noting.append(set())
                run_main(run, here)
                done.read[run] = done.there[run] & noting.pop()
                after = set(list_files(folder))
                done.made.update(dict.fromkeys(after - before, run))
                before = after
    return done


def body_of(stage: str) -> dict:
    """What dvc.yaml says of a stage, or of each of its items."""
    return GRAPH[stage].get("do", GRAPH[stage])


def keys_of(stage: str) -> list[str]:
    """The options of a stage that name its item, in their order."""
    return re.findall(r"--(\w+)\s+\$\{item", body_of(stage)["cmd"])


def fill_in(text: str, item: dict[str, str]) -> str:
    """`text` of dvc.yaml with the item's names in the place of ${...}."""
    return re.sub(r"\$\{(?:item\.)?([\w.]+)\}", lambda m: item[m[1]], text)


def list_files(folder: Path) -> list[str]:
    """Every file below `folder`."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return [path.relative_to(folder).as_posix() for path in paths]


def list_below(deps: list[str], item: dict[str, str]) -> set[str]:
    """The files that a stage's dependencies are or hold, without code."""
    files = set()
    for dep in deps:
        dep = fill_in(dep, item)
        if dep == "src" or dep.startswith("stages/"):  # code, and for DVC alone
            continue
        place = Path(dep)
        found = [place / name for name in list_files(place)] or [place]
        files |= {path.as_posix() for path in found}
    return files


def note_read(noting: list[set[str]], event: str, arguments: tuple) -> None:
    """An audit hook: adds a file that is opened to be read to the last set, if any."""
    if not noting or event != "open" or isinstance(arguments[0], int):
        return
    if not arguments[2] & (os.O_WRONLY | os.O_RDWR):
        noting[-1].add(os.path.relpath(os.fsdecode(arguments[0])))
