"""The page's way from a number to its cells: what it shows, in a browser and before."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from jinja2 import Environment, FileSystemLoader

from cytobalance.report import explorer
from cytobalance.report.explained import Explained, ShownCell
from cytobalance.report.explorer import Explorer, compose_explorer
from cytobalance.report.rendering import TEMPLATES

EVIL = '<img src=x onerror="alert(1)">'
TRAININGS = [("plain", "cnn"), ("weighted", "cnn"), ("plain", "bayes")]
CLASSES = ["monoblast", "smudge_cell"]
CONFUSION = [[3, 2], [0, 4]]
IDS = [f"{k:016x}" for k in range(12)]
# Both training cells are of class 1, so a test can tell them from the others.
CELLS = pd.DataFrame(
    {
        "cell_id": IDS,
        "label": [CLASSES[k in (3, 4, 5, 10, 11)] for k in range(12)],
        "source": [EVIL] * 12,
        "file": [f"{EVIL}/{k}.png" for k in range(12)],
        "subject": ["P1", *[""] * 11],
        "type": ["monoblast"] * 12,
    }
)
IMAGES = dict(
    zip(
        IDS,
        [np.full((32, 32, 3), 20 * k, np.uint8) for k in range(12)],
        strict=True,
    )
)


def cell_of(k: int, label: int, named: int) -> ShownCell:
    chances = [20, 980] if named else [640, 360]
    look = "ff" + 15 * "00"
    made = ["gan-000001"]
    return ShownCell(IDS[k], "real", label, named, chances, IDS[10:], made, look)


def explain(trainings: list[tuple[str, str]]) -> dict[tuple[str, str], Explained]:
    """Of nine test cells, all but one of the right monoblasts are shown."""
    cells = [cell_of(k, 0, 0) for k in (0, 1)] + [cell_of(k, 0, 1) for k in (6, 7)]
    cells += [cell_of(k, 1, 1) for k in (3, 4, 5, 8)]
    about = {"trials": 2, "space": "features", "confusion": CONFUSION}
    about |= {"looks": {"side": 4, "reason": ""}}
    made = {"gan-000001": np.full((32, 32, 3), 250, np.uint8)}
    one = Explained(about, tuple(cells), made, {"gan-000001": "monoblast"})
    return dict.fromkeys(trainings, one)


@pytest.fixture(scope="module")
def composed():
    return compose(TRAININGS)


def test_the_cells_of_a_count_are_of_its_classes(composed):
    for one in composed.data["classifiers"]:
        for i in range(2):
            for j in range(2):
                cells = [c for c in one["cells"] if c[1:3] == [i, j]]
                assert len(cells) <= CONFUSION[i][j]
        assert np.sum(one["confusion"]) == 9
    tiles = composed.data["tiles"]
    assert len(tiles) == len(composed.tiles) == 11  # cells 2 and 9 are in no count
    assert [name for *_, name in [t for t in tiles if t[1] == -1]] == ["gan-000001"]


def test_bytes_are_stable_and_pictures_are_shared(composed):
    again = compose(TRAININGS)
    assert json.dumps(again.data) == json.dumps(composed.data)
    assert again.atlas == composed.atlas
    alone = compose(TRAININGS[:1])
    assert alone.atlas == composed.atlas


def compose(trainings: list[tuple[str, str]]) -> Explorer:
    explained = explain(trainings)
    return compose_explorer(explained, "cnn", CLASSES, "heldout", CELLS, IMAGES)


@pytest.mark.parametrize(
    ("most", "main", "others"),
    [
        (11, None, None),  # 8 cells, 2 real neighbours and 1 synthetic one
        (10, [1, 3, 0], [8, 3, 0]),  # half are 5 pictures
        (3, [1, 0, 0], [1, 0, 0]),
    ],
)
def test_many_classifiers_show_less_of_each(monkeypatch, most, main, others):
    monkeypatch.setattr(explorer, "MOST_TILES", most)
    found = compose([("plain", "cnn"), ("plain", "bayes"), ("plain", "forest")])
    levels = [one["level"] for one in found.data["classifiers"]]
    assert levels == [main, others, others]
    assert len(found.data["tiles"]) <= most


def test_one_classifier_alone_has_all_the_room(monkeypatch):
    for most, level in ((11, None), (10, [8, 3, 0]), (9, [8, 1, 0]), (2, [1, 0, 0])):
        monkeypatch.setattr(explorer, "MOST_TILES", most)
        found = compose([("plain", "cnn"), ("weighted", "cnn")])
        assert [one["level"] for one in found.data["classifiers"]] == [level] * 2


def test_pictures_are_smaller_where_there_are_many(monkeypatch):
    large = [np.zeros((128, 128, 3), np.uint8)] * 20
    assert explorer.fit_atlas(large).side == 64
    monkeypatch.setattr(explorer, "MOST_PIXELS", 20 * 50**2)
    assert explorer.fit_atlas(large).side == 48
    assert explorer.fit_atlas(large * 2).side == 32
    assert explorer.fit_atlas([np.zeros((8, 8, 3), np.uint8)]).side == 16


def fill_page(composed) -> str:
    """The explorer's templates alone, as the page has them."""
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True)
    page = environment.from_string(
        '<style>{% include "explorer.css" %}</style><main>'
        '{% include "explorer.html" %}<span data-opens="plain bayes 0">recall</span>'
        '</main>{% include "explorer-end.html" %}'
    )
    galleries = SimpleNamespace(balancer="weighted")
    return page.render(
        page=SimpleNamespace(explorer=composed, galleries=galleries, classifier="cnn")
    )


@pytest.fixture
def page(browser, composed, tmp_path):
    (tmp_path / "page.html").write_text(fill_page(composed), encoding="utf-8")
    page = browser.new_page()
    page.heard = []
    page.on(
        "console", lambda said: said.type == "error" and page.heard.append(said.text)
    )
    page.on("pageerror", lambda error: page.heard.append(str(error)))
    page.on("dialog", lambda box: page.heard.append(box.message) or box.dismiss())
    page.on("request", lambda request: page.heard.append(request.url))
    page.goto((tmp_path / "page.html").as_uri())
    yield page
    asked = [words for words in page.heard if not words.startswith("data:")]
    assert asked == [(tmp_path / "page.html").as_uri()]
    page.close()


def cards(page) -> list[str]:
    page.wait_for_selector("dialog[open]")
    return page.locator(".card h3").all_text_contents()


def test_a_count_opens_its_cells_and_keys_lead_there_and_back(page):
    counts = page.locator(".counts td.right button, .counts td.miss button")
    assert [int(text) for text in counts.all_text_contents()] == [3, 2, 4]
    page.locator("select").last.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert cards(page) == ["Smudge cell 98 % (Monoblast)"] * 2
    strips = page.locator(".card").first.locator(".strip")
    captions = [strip.all_text_contents() for strip in strips.all()]
    assert captions[1:] == [["smudge cellsmudge cell"], ["monoblast"]]
    label = page.evaluate("document.activeElement.textContent")
    assert label == "Close"
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0
    back = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert back == "2 monoblast named smudge cell"


def test_a_recall_opens_a_class_and_says_how_much_of_it(page):
    page.locator("span[data-opens]").focus()
    page.keyboard.press(" ")
    assert len(cards(page)) == 4
    assert page.inner_text("#explorer-title") == "Monoblast: 3 of 5 named rightly"
    note = page.inner_text("#explorer-note")
    assert note.startswith("plain, bayes;") and "4 of 5 shown" in note
    page.keyboard.press("Escape")
    page.locator(".counts td button").filter(has_text="67 %").click()
    assert len(cards(page)) == 6
    assert "Named smudge cell: 4 of 6 rightly" in page.inner_text("#explorer-title")


def test_names_of_files_stay_text_and_pixels_are_those_of_the_cell(page):
    page.locator(".counts td.miss button").click()
    cards(page)
    assert f"{EVIL}/6.png" in page.locator(".card p.quiet").first.text_content()
    assert page.locator("img[onerror]").count() == 0
    colour = (
        """canvas => [...canvas.getContext('2d').getImageData(60, 60, 1, 1).data]"""
    )
    pixel = page.locator(".card canvas").first.evaluate(colour)
    assert np.allclose(pixel[:3], 6 * 20, atol=3)
    lit = """canvas => [10, 125].map(k =>
        canvas.getContext('2d').getImageData(k, k, 1, 1).data[0])"""
    corner, away = page.locator(".card canvas").nth(1).evaluate(lit)
    assert corner > away + 40


def test_a_classifier_without_a_recipe_is_said_so(page):
    page.select_option("#explorer-classifier", "bayes")
    assert "was not trained with this recipe" in page.inner_text("#explorer-counts")
    page.select_option("#explorer-balancer", "plain")
    assert page.locator(".counts td.miss button").count() == 1


def test_without_script_the_explorer_is_not_there(browser, composed, tmp_path):
    (tmp_path / "page.html").write_text(fill_page(composed), encoding="utf-8")
    context = browser.new_context(java_script_enabled=False)
    bare = context.new_page()
    bare.goto((tmp_path / "page.html").as_uri())
    assert not bare.locator("#explorer").is_visible()
    assert not bare.locator("dialog").is_visible()
    context.close()
