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

from cytobalance.study import places
from cytobalance.study.code import fingerprint_code, fingerprint_templates
from cytobalance.study.params import Study, read_study
from cytobalance.study.runtime import StudyError

TOP = Path(__file__).parents[2]
# What defines the settings: their values are among a stage's inputs, so that this code
# need not be. Nor need `places`: DVC knows where a stage reads and writes; nor `cost`
# and `progress`, which no result depends on.
DEFINITIONS = {
    f"cytobalance/study/{name}.py"
    for name in (
        *("checks", "code", "cost", "explain", "params", "places", "progress"),
        *("stages", "strict_yaml"),
    )
}


def of_sources(facts: str) -> tuple[str, ...]:
    """Names of some facts of every source."""
    return tuple(f"sources.*.{fact}" for fact in facts.split())


# Where images come from.
ORIGIN = ("simulated", "simulator", *of_sources("archive layout origin sha256 url"))
# What part of the cells each part gets.
PARTS = ("hold_out.train", "hold_out.test", "hold_out.validation")
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
    "draw_cells": (
        *("classes", "simulated", "source_names", "study.seed", "study.title"),
    ),
    "probe": ("classes", "simulated", "source_names", "study.seed"),
    "hold_out": (
        *("classes", "hold_out.published", "hold_out.thin", *PARTS, "study.seed"),
    ),
    "leave_out": (
        *("classes", "hold_out.left_out_source", "hold_out.thin", *PARTS, "study.seed"),
    ),
    "train_gan": ("classes", "gan_settings.{}", "image", "study.seed"),
    "generate": ("classes", "generate", "hold_out.train", "image", "study.seed"),
    "oversample": (
        *("classes", "generate.target", "hold_out.train", "image", "oversample"),
        "study.seed",
    ),
    "split": (
        *("classes", "generate.target", "hold_out.train", "hold_out.test"),
        "study.seed",
        *(f"recipes.{{}}.{part}" for part in ("maker", "pools", "sampling", "share")),
        "recipes.{}.sources",
    ),
    "train_classifier": (
        *("classes", "image", "recipes.{}", "study.seed", "trainings.{}-{}"),
    ),
    "evaluate": (*("classes", "evaluate", "merge.classes", "simulated", "study.seed"),),
    "explain": ("classes", "recipes.{}.maker", "study.seed"),
    "assess": (
        *("assess", "assess_settings", "classes", "image", "simulated", "study.seed"),
    ),
    "draw_gan": ("classes", "simulated", "study.title"),
    "report": (
        *("balancers", "classes", "classifiers", "gan_balancers", "gans"),
        *("hold_out.left_out_source", "hold_out.published", "hold_out.thin", *PARTS),
        *("protocols", "recipes", "shown_protocol", "simulated", "study"),
        "training_names",
        *("card", "image", "merge.classes", "relabel", "simulator", "trainings"),
        *of_sources("archive crop layout licence origin"),
    ),
}
# Stage -> the names of the study that have inputs each. `{}` above is the name, or the
# parts of it that `-` joins.
ITEMS = {
    "train_gan": "gans",
    "generate": "gans",
    "split": "balancers",
    "train_classifier": "training_names",
    "explain": "training_names",
}
# Stage -> templates that it fills, beside its code.
TEMPLATES = {"report": "cytobalance/report/templates/*"}


class View:
    """Those settings of a study that a stage listed; any other is an AttributeError."""

    def __init__(self, values: dict[str, Any]):
        self.__dict__.update(values)


def read_settings(stage: str, item: str = "", path: Path | str = "params.yaml") -> View:
    """Check the whole of params.yaml; return what `stage` may read of it.

    item: a GAN, a balancer or `balancer-classifier`, where the stage has inputs for
    each. Raises StudyError as `read_study` does.
    """
    study = read_study(path)
    if item and item not in getattr(study, ITEMS[stage]):
        raise StudyError(
            f"{path} has no {item} for {stage}; it has: "
            + ", ".join(getattr(study, ITEMS[stage]))
        )
    return select(study, settings_of(stage, item))


def settings_of(stage: str, item: str = "") -> list[str]:
    """Dotted names of the settings that a stage may read for an item."""
    parts = item.split("-")
    # The recipe's name comes first, also where a setting needs both.
    return [name.format(*parts) for name in READS[stage]]


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


def fingerprint_stage(stage: str, by_name: Iterable[str] = ()) -> list[str]:
    """Hash and path of each file that a stage runs, but those that define settings.

    by_name: further modules, imported by a name made at run time (`modules_by_name`).
    """
    lines = fingerprint_code([TOP / name for name in (f"{stage}.py", *by_name)], TOP)
    if stage in TEMPLATES:
        lines += fingerprint_templates(TOP.glob(TEMPLATES[stage]), TOP)
    return [
        line
        for line in lines
        if line.split()[1] not in DEFINITIONS and not line.endswith("/settings.py")
    ]


def modules_by_name(study: Study, stage: str, item: str) -> list[str]:
    """Modules that a stage imports for an item by a name made at run time."""
    if stage in ("train_gan", "generate"):
        return [gan_module(item)]
    if stage in ("train_classifier", "explain"):
        return [f"cytobalance/classify/kinds/{study.trainings[item].kind}.py"]
    if stage == "assess" and study.assess_settings:
        return [f"cytobalance/classify/kinds/{study.assess_settings.kind}.py"]
    if stage == "download" and study.simulated:
        return ["cytobalance/simulator/archives.py"]
    return []


def gan_module(gan: str) -> str:
    """The file of a GAN."""
    return f"cytobalance/generators/gans/{gan}.py"


def describe_stages(study: Study) -> dict[str, str]:
    """The text of every file of `stages/`: name -> YAML."""
    texts = {"items": _write({"items": list_items(study)})}
    for stage in READS:
        for item in getattr(study, ITEMS[stage]) if stage in ITEMS else [""]:
            code = fingerprint_stage(stage, modules_by_name(study, stage, item))
            settings = select(study, settings_of(stage, item))
            name = f"{stage}-{item}" if item else stage
            texts[name] = _write({"settings": _plain(settings), "code": code})
    return texts


def list_items(study: Study) -> dict[str, dict[str, dict[str, str]]]:
    """What dvc.yaml's stages are repeated for: list -> name -> the parts of the name.

    `maker` makes the synthetic cells of a balancer's recipe; `deal` is the table of
    which part each real cell plays; `shown` are the trainings of the protocol whose
    scores the page shows in full.
    """
    items: dict[str, dict[str, dict[str, str]]] = {
        name: {}
        for name in (
            *("left_out", "gans", "oversamplers", "splits", "trainings", "shown"),
        )
    }
    for protocol in study.protocols:
        head = {"protocol": protocol, "deal": str(places.deal(protocol))}
        if protocol == "source_out":
            items["left_out"][protocol] = head
        for gan in study.gans:
            items["gans"][f"{protocol}-{gan}"] = head | {"gan": gan}
        for name in study.oversamplers:
            items["oversamplers"][f"{protocol}-{name}"] = head | {"oversampler": name}
        for name, recipe in study.recipes.items():
            parts = head | {"balancer": name, "maker": recipe.maker}
            items["splits"][f"{protocol}-{name}"] = parts
        for name in study.training_names:
            balancer, classifier = name.split("-")
            parts = items["splits"][f"{protocol}-{balancer}"]
            parts = parts | {"classifier": classifier}
            items["trainings"][f"{protocol}-{name}"] = parts
            if protocol == study.shown_protocol:
                items["shown"][f"{protocol}-{name}"] = parts
    return items


def _write(values: dict[str, Any]) -> str:
    return yaml.safe_dump(values, allow_unicode=True, sort_keys=False)


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
