"""`dvc plots show` without a network: the template that is made here, in a browser."""

import configparser
from pathlib import Path

from dvc_render import VegaRenderer
from dvc_render.html import render_html

from write_plots_template import PLACE, write_template

ROOT = Path(__file__).parents[1]


def test_dvc_and_make_know_where_the_template_lies():
    config = configparser.ConfigParser()
    config.read(ROOT / ".dvc/config")
    named = ROOT / ".dvc" / config["plots"]["html_template"]
    assert Path(*named.parts[-2:]) == PLACE and ".." in named.parts
    assert "tools/write_plots_template.py" in (ROOT / "Makefile").read_text()


def test_plots_are_drawn_without_a_network(browser, tmp_path):
    points = [{"epoch": e, "loss": 1 / e, "rev": "workspace"} for e in range(1, 6)]
    plot = VegaRenderer(points, "curves.csv", template="linear", x="epoch", y="loss")
    page_file, template = tmp_path / "index.html", tmp_path / "template.html"
    template.write_text(write_template(), encoding="utf-8")
    render_html([plot], page_file, html_template=template)
    page = browser.new_context(offline=True).new_page()
    requests, errors = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(page_file.as_uri())
    page.wait_for_selector("canvas, svg.marks", timeout=10_000)
    assert requests == [page_file.as_uri()]
    assert errors == []
    page.context.close()
