"""YAML read strictly: no key twice, no key that YAML takes for another thing."""

import re
from typing import Any

import yaml

from cytobalance.study.runtime import StudyError


def load_yaml(text: str) -> Any:
    """The content of `text`; yaml.YAMLError or StudyError where a key is not plain."""
    return yaml.load(text, Loader=_Loader)


class _Loader(yaml.SafeLoader):
    """YAML 1.2 floats: `1e-05` (as `dvc exp run -S` writes it) is a number.

    A key that stands twice is refused, where YAML would take the last in silence; and
    so is one without quotes that YAML takes for a number, a truth value or nothing.
    """

    def construct_mapping(self, node, deep=False):
        for key, _ in node.value:
            if key.tag.rpartition(":")[2] not in ("str", "merge"):
                raise StudyError(
                    f"key `{key.value}` in line {key.start_mark.line + 1} is no text "
                    f"in YAML; put it in quotes: '{key.value}'"
                )
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.YAMLError(f"key `{key}` stands twice, {node.start_mark}")
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^[-+]?(\d[\d_]*\.[\d_]*([eE][-+]?\d+)?|\d[\d_]*[eE][-+]?\d+"
        r"|\.\d[\d_]*([eE][-+]?\d+)?|\.inf|\.nan)$",
        re.IGNORECASE,
    ),
    list("-+0123456789."),
)
