"""Render the page: templates filled with its data, pictures inside."""

import base64
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
    return environment.get_template("page.html").render(page=page)


def data_uri(png: bytes) -> str:
    """A PNG as the source of an image."""
    return "data:image/png;base64," + base64.b64encode(png).decode()
