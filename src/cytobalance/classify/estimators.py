"""Estimators of scikit-learn: by name, with their arguments, and as bytes."""

import io
import json
import re
import zipfile
from functools import cache
from inspect import signature
from typing import Any

import skops.io
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import all_estimators
from sklearn.utils.validation import has_fit_parameter

from cytobalance.classify.settings import Estimator
from cytobalance.study.runtime import StudyError

# A file's date would change its bytes.
DATE = (1980, 1, 1, 0, 0, 0)
# The last step of a pipeline.
LAST = "classifier"


@cache
def estimator_names(kind: str | None = None) -> dict[str, type[BaseEstimator]]:
    """Estimators of scikit-learn by their class name.

    kind: `classifier`, those that give probabilities; `transformer`; None, all.
    """
    found = dict(all_estimators(type_filter=kind))
    if kind != "classifier":
        return found
    return {
        name: made for name, made in found.items() if hasattr(made, "predict_proba")
    }


def build_pipeline(settings: Estimator, seed: int) -> Pipeline:
    """The transforms and the classifier of the settings, untrained.

    seed: in [0, 2**32), `random_state` of all of them. Raises StudyError where
    scikit-learn has no such name, or does not take the arguments.
    """
    steps = [
        (f"{number}_{name}", _build(name, arguments, seed, "transformer"))
        for number, (name, arguments) in enumerate(settings.transforms.items(), 1)
    ]
    last = _build(settings.estimator, settings.arguments, seed, "classifier")
    if not hasattr(last, "predict_proba"):
        raise StudyError(
            f"{settings.estimator} gives no probabilities with these arguments; set "
            "others, or put it into CalibratedClassifierCV (docs/classifiers.md)"
        )
    return Pipeline([*steps, (LAST, last)])


def weight_argument(pipeline: Pipeline) -> str | None:
    """Name of `fit`'s argument for weights of cells; None where it takes none."""
    takes = has_fit_parameter(pipeline.named_steps[LAST], "sample_weight")
    return f"{LAST}__sample_weight" if takes else None


def _build(name: str, arguments: dict[str, Any], seed: int, kind: str | None):
    kinds = estimator_names(kind)
    if name not in kinds:
        what = {
            "classifier": "classifier that gives probabilities",
            "transformer": "transformer",
            None: "estimator",
        }[kind]
        raise StudyError(
            f"scikit-learn has no {what} `{name}`; legal: {', '.join(kinds)}"
        )
    values = {key: _build_nested(value, seed) for key, value in arguments.items()}
    if "random_state" in signature(kinds[name]).parameters:
        values["random_state"] = seed
    try:
        made = kinds[name](**values)
        # scikit-learn looks at values when it fits, which may be an hour later.
        made._validate_params()
    except (TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise StudyError(f"{name} does not take these arguments: {reason}") from None
    return made


def _build_nested(value: Any, seed: int) -> Any:
    """An estimator where an argument is {Name: its arguments}, else the argument."""
    if isinstance(value, dict) and len(value) == 1:
        ((name, arguments),) = value.items()
        named = isinstance(name, str) and re.fullmatch("[A-Z][A-Za-z]+", name)
        if named and isinstance(arguments, dict):
            return _build(name, arguments, seed, None)
    return value


def pack_estimator(estimator: Any) -> bytes:
    """A trained estimator in the format of skops, the same bytes for the same one.

    skops names objects by their place in memory: they are numbered anew.
    """
    numbers: dict[str, int] = {}

    def number(name: str) -> int:
        return numbers.setdefault(name, len(numbers))

    def renumber(node: Any) -> Any:
        if isinstance(node, list):
            return [renumber(item) for item in node]
        if not isinstance(node, dict):
            return node
        node = {key: renumber(value) for key, value in node.items()}
        if isinstance(node.get("__id__"), int):
            node["__id__"] = number(str(node["__id__"]))
        if isinstance(node.get("file"), str):
            place, _, ending = node["file"].partition(".")
            node["file"] = f"{number(place)}.{ending}"
        return node

    made = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(skops.io.dumps(estimator))) as old,
        zipfile.ZipFile(made, "w") as new,
    ):
        schema = renumber(json.loads(old.read("schema.json")))
        parts = {"schema.json": json.dumps(schema).encode()}
        for name in old.namelist():
            if name != "schema.json":
                place, _, ending = name.partition(".")
                parts[f"{number(place)}.{ending}"] = old.read(name)
        for name in sorted(parts):
            new.writestr(zipfile.ZipInfo(name, DATE), parts[name])
    return made.getvalue()


def unpack_estimator(data: bytes) -> Any:
    """The estimator that `pack_estimator` packed; runs no code from outside sklearn.

    Raises ValueError where the bytes name anything else.
    """
    names = skops.io.get_untrusted_types(data=data)
    if foreign := [name for name in names if not name.startswith("sklearn.")]:
        raise ValueError(f"holds {foreign[0]}, which is not of scikit-learn")
    return skops.io.loads(data, trusted=names)
