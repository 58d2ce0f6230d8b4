"""Render the page: templates filled with its data, pictures inside."""

import base64
import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cytobalance.report.page import Page

TEMPLATES = Path(__file__).parent / "templates"


def render(page: Page) -> str:
    """The whole page as HTML, self-contained; the same data gives the same text.

    Whatever the data holds stands as text: names with `<` are no tags.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["data_uri"] = data_uri
    text = environment.get_template("page.html").render(page=page)
    # A number and its sign never stand on two lines.
    return re.sub(r"(?<=\d) %", "\N{NO-BREAK SPACE}%", text)


def data_uri(picture: bytes) -> str:
    """A PNG or WebP as the source of an image."""
    kind = "webp" if picture[:4] == b"RIFF" else "png"
    return f"data:image/{kind};base64," + base64.b64encode(picture).decode()
