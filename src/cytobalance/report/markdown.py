"""Markdown that says what it is given: names with `|`, `<` or `*` stand as text."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import yaml

# What Markdown, or the HTML that it may hold, takes for a sign; `_` only at the edge of
# a word.
_SIGNS = re.compile(r"([\\`*\[<>|~&]|(?<!\w)_|_(?!\w))")


def escape(text: str) -> str:
    """`text` as Markdown that shows it, on one line."""
    return _SIGNS.sub(r"\\\1", " ".join(text.split()))


def heading(level: int, text: str) -> str:
    """A heading; level 1 is the page's."""
    return f"{'#' * level} {escape(text)}"


def tabulate(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of texts."""
    lines = [[escape(text) for text in row] for row in (header, *rows)]
    lines.insert(1, ["---"] * len(header))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def front_matter(values: dict[str, Any]) -> str:
    """YAML between two lines of hyphens, as forges and model hubs read it."""
    text = yaml.safe_dump(values, allow_unicode=True, sort_keys=False, width=1000)
    return f"---\n{text}---"
