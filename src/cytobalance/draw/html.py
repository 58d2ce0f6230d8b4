"""Pages: Jinja's templates, filled so that the same data gives the same text."""

import base64
import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

# How the first bytes of a picture tell its format.
KINDS = {b"RIFF": "webp", b"\xff\xd8\xff\xe0": "jpeg", b"\x89PNG": "png"}
NO_BREAK = "\N{NO-BREAK SPACE}%"
# Of a page: what is no text. In attributes `>` may stand between quotes.
SKIPPED = (
    r"<(script|style)\b.*?</\1>|<!--.*?-->"
    r"""|<[a-zA-Z/](?:[^>"']|"[^"]*"|'[^']*')*>"""
)


def fill_template(folders: list[Path], name: str, **data: Any) -> str:
    """A template of the first folder that has it, with what it includes.

    Whatever the data holds stands as text: names with `<` are no tags.
    """
    environment = Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["data_uri"] = data_uri
    # Without blanks: what scripts look up is a sixth smaller.
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    return keep_percent(environment.get_template(name).render(**data))


def keep_percent(page: str) -> str:
    """The page with no line end between a number and its `%`, in what is read as text.

    Scripts, styles, comments and tags with their attributes stay as they are.
    """
    return re.sub(
        SKIPPED + r"|(?<=\d) %",
        lambda found: NO_BREAK if found[0] == " %" else found[0],
        page,
        flags=re.DOTALL,
    )


def data_uri(picture: bytes) -> str:
    """A PNG, JPEG or WebP as the source of an image."""
    kind = KINDS[picture[:4]]
    return f"data:image/{kind};base64," + base64.b64encode(picture).decode()
