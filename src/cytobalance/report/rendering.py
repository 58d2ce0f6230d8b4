"""Render the page: templates filled with its data, pictures inside."""

from pathlib import Path

from cytobalance.draw.html import fill_template
from cytobalance.report.page import Page

TEMPLATES = Path(__file__).parent / "templates"


def render(page: Page) -> str:
    """The whole page as HTML, self-contained; the same data gives the same text."""
    return fill_template([TEMPLATES], "page.html", page=page)
