"""Pages: Jinja's templates, filled so that the same data gives the same text."""

import base64
import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

# How the first bytes of a picture tell its format.
KINDS = {b"RIFF": "webp", b"\xff\xd8\xff\xe0": "jpeg", b"\x89PNG": "png"}


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
    text = environment.get_template(name).render(**data)
    # A number and its sign never stand on two lines.
    return re.sub(r"(?<=\d) %", "\N{NO-BREAK SPACE}%", text)


def data_uri(picture: bytes) -> str:
    """A PNG, JPEG or WebP as the source of an image."""
    kind = KINDS[picture[:4]]
    return f"data:image/{kind};base64," + base64.b64encode(picture).decode()
