"""What can change a stage's result beside its data: the settings it reads, its code.

A stage reads params.yaml through `read_settings`, which gives it the settings listed
here and no others. The stage `check` writes both to `stages/`, one small file a stage,
and DVC reruns a stage where that file changes: other settings, comments and docstrings
rerun nothing.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from cytobalance.study.code import fingerprint_code
from cytobalance.study.params import Study, read_study

TOP = Path(__file__).parents[2]
# What defines the settings: their values are among a stage's inputs, so that this code
# need not be. Nor need `places`: DVC knows where a stage reads and writes.
DEFINITIONS = {
    f"cytobalance/study/{name}.py"
    for name in ("code", "params", "places", "settings", "stages")
}


def of_sources(facts: str) -> tuple[str, ...]:
    """Names of some facts of every source."""
    return tuple(f"sources.*.{fact}" for fact in facts.split())


# Where images come from.
ORIGIN = ("simulated", "simulator", *of_sources("archive layout origin sha256 url"))
# Stage -> what it reads of the study; `*` stands for every name.
READS = {
    "survey": ORIGIN,
    "download": ORIGIN,
    "ingest": ("image", "ingest", *of_sources("codes crop layout origin parts")),
    "relabel": ("relabel", "source_names"),
    "dedup": ("dedup", "merge", "source_names"),
    "merge": (
        *("classes", "dedup.related", "image", "merge", "simulated", "source_names"),
    ),
    "draw_cells": ("classes", "simulated", "source_names", "study"),
    "hold_out": ("classes", "hold_out", "study.seed"),
    "train_gan": ("classes", "gan_settings.{}", "image", "study.seed"),
    "generate": ("classes", "generate", "hold_out.train", "image", "study.seed"),
    "oversample": (
        *("classes", "generate.target", "hold_out.train", "image", "oversample"),
        "study.seed",
    ),
    "split": ("classes", "generate.target", "hold_out", "study.seed"),
    "train_classifier": ("classes", "classifier", "image", "study.seed"),
    "evaluate": ("classes", "evaluate", "simulated", "study.seed"),
    "assess": ("assess", "classes", "classifier", "image", "simulated", "study.seed"),
    "draw_gan": ("classes", "simulated", "study"),
    "report": (
        *("balancers", "classes", "classifiers", "gans", "oversamplers", "protocols"),
        *("simulated", "study"),
    ),
}
# Stage -> the list of the study whose items have inputs each, and the code that an item
# adds. `{}` is the item's name, here and above.
ITEMS = {
    "train_gan": ("gans", "cytobalance/generators/gans/{}.py"),
    "generate": ("gans", "cytobalance/generators/gans/{}.py"),
}
# What `download` imports by name, where a source is simulated.
SIMULATOR = "cytobalance/simulator/archives.py"


class View:
    """Those settings of a study that a stage listed; any other is an AttributeError."""

    def __init__(self, values: dict[str, Any]):
        self.__dict__.update(values)


def read_settings(stage: str, item: str = "", path: Path | str = "params.yaml") -> View:
    """Check the whole of params.yaml; return what `stage` may read of it.

    item: a GAN, where the stage has inputs for each. Raises StudyError as `read_study`
    does.
    """
    return select(read_study(path), [name.format(item) for name in READS[stage]])


def select(value: Any, names: Iterable[str]) -> Any:
    """The parts of a model or dictionary that dotted `names` name; "" is all of it."""
    if "" in names:
        return value
    chosen: dict[str, list[str]] = {}
    for name in names:
        head, _, rest = name.partition(".")
        for key in list(value) if head == "*" else [head]:
            chosen.setdefault(key, []).append(rest)
    if isinstance(value, dict):
        return {key: select(value[key], rests) for key, rests in chosen.items()}
    return View(
        {key: select(getattr(value, key), rests) for key, rests in chosen.items()}
    )


def fingerprint_stage(
    stage: str, item: str = "", by_name: Iterable[str] = ()
) -> list[str]:
    """Hash and path of each file that a stage runs, but those that define settings.

    item: as in `read_settings`; by_name: further modules, imported by their name.
    """
    own = [ITEMS[stage][1].format(item)] if stage in ITEMS else []
    scripts = [TOP / name for name in (f"{stage}.py", *own, *by_name)]
    lines = fingerprint_code(scripts, TOP)
    return [line for line in lines if line.split()[1] not in DEFINITIONS]


def describe_stages(study: Study) -> dict[str, str]:
    """The text of every file of `stages/`: name -> YAML of settings and code."""
    texts = {}
    for stage, names in READS.items():
        for item in getattr(study, ITEMS[stage][0]) if stage in ITEMS else [""]:
            by_name = [SIMULATOR] if stage == "download" and study.simulated else []
            code = fingerprint_stage(stage, item, by_name)
            settings = select(study, [name.format(item) for name in names])
            name = f"{stage}-{item}" if item else stage
            texts[name] = yaml.safe_dump(
                {"settings": _plain(settings), "code": code}, allow_unicode=True
            )
    return texts


def _plain(value: Any) -> Any:
    """Settings as YAML holds them: dictionaries, lists, numbers and text."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, View):
        return _plain(vars(value))
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value
