"""The page in a real browser: what it shows, asks for and can be reached by keys."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page
from reported_study import EVIL, capture_page, poison, report_study

from cytobalance.report.rendering import render

# Phone, tablet and screen, light and dark; what A4 leaves between its margins.
LOOKS = [(width, look) for width in (360, 768, 1440) for look in ("light", "dark")]
LOOKS += [(1047, "print")]
RULES = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"]}
FOCUSABLE = "a[href], button, input, select, summary, [tabindex='0']"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("browsed")
    report_study(folder)
    return folder


@pytest.fixture(scope="module")
def page(browser, folder) -> Page:
    """The page, and in `page.heard` what it said to the console or asked for."""
    page = browser.new_page()
    page.heard = []
    page.on("console", lambda message: page.heard.append(message.text))
    page.on("pageerror", lambda error: page.heard.append(str(error)))
    page.on("request", lambda request: page.heard.append(request.url))
    page.goto((folder / "plots/report.html").as_uri())
    return page


def show(page: Page, width: int, look: str) -> None:
    """Bring the page to a width and a look."""
    page.set_viewport_size({"width": width, "height": 800})
    medium, scheme = ("print", "light") if look == "print" else ("screen", look)
    page.emulate_media(media=medium, color_scheme=scheme)


def test_page_asks_for_nothing_and_has_no_error(page, folder):
    asked = [words for words in page.heard if not words.startswith("data:")]
    assert asked == [(folder / "plots/report.html").as_uri()]


@pytest.mark.parametrize(("width", "look"), LOOKS)
def test_only_tables_and_pictures_in_their_boxes_are_wider_than_the_page(
    page, width, look
):
    show(page, width, look)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    beyond = page.evaluate(
        """width => [...document.querySelectorAll('main *')]
            .filter(e => !e.closest('.wide') && e.checkVisibility())
            .filter(e => e.getBoundingClientRect().right > width + 1)
            .map(e => e.outerHTML.slice(0, 80))""",
        width,
    )
    assert beyond == []


@pytest.mark.parametrize(
    ("width", "look"), [(360, "light"), (1440, "dark"), (1047, "print")]
)
def test_page_is_accessible(page, width, look):
    """Contrast AA, alternative texts, order of headings, landmarks, names (axe)."""
    show(page, width, look)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    found = Axe().run(page, options={"runOnly": RULES, "resultTypes": ["violations"]})
    faults = {
        fault["id"]: fault["nodes"][0]["html"][:120]
        for fault in found.response["violations"]
    }
    assert faults == {}


@pytest.mark.parametrize("width", [360, 1440])
def test_keys_reach_all_that_can_be_used_and_show_where_they_are(page, width):
    show(page, width, "light")
    wanted = page.evaluate(
        """wanted => { window.reachable = [...document.querySelectorAll(wanted)]
            .filter(e => e.checkVisibility()); reachable[0].focus();
            return reachable.length }""",
        FOCUSABLE,
    )
    assert wanted > 40
    seen = []
    for _ in range(wanted):
        seen.append(
            page.evaluate(
                """() => { const e = document.activeElement;
                const look = getComputedStyle(e);
                return [reachable.indexOf(e), look.outlineStyle != 'none'
                    && parseFloat(look.outlineWidth) >= 2] }"""
            )
        )
        page.keyboard.press("Tab")
    assert [place for place, _ in seen] == list(range(wanted))
    assert all(shown for _, shown in seen)


def test_enter_opens_what_is_folded(page):
    show(page, 1440, "light")
    folded = page.locator("details:not([open]) > summary").first
    if folded.count() == 0:  # the test of access opened all
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open=false)")
    folded.focus()
    before = page.locator("details[open]").count()
    page.keyboard.press("Enter")
    assert page.locator("details[open]").count() == before + 1


def test_contents_lead_to_every_section_and_back(page):
    show(page, 360, "light")
    titles = page.locator("main section > h2").all_text_contents()
    links = page.locator("nav a")
    assert links.all_text_contents() == titles
    links.last.click()
    box = page.locator("main section > h2").last.bounding_box()
    bar = page.locator(".bar").bounding_box()
    assert bar["height"] <= box["y"] < 800  # below the bar, which stays in sight
    page.locator(".bar a").click()
    assert page.locator("nav").bounding_box()["y"] < 800


def test_printed_page_has_what_is_folded_on_screen(page):
    folded = """() => { const all = [...document.querySelectorAll('details')];
        all.forEach(d => d.open = false);
        const height = e => e.getBoundingClientRect().height;
        return all.filter(d => height(d) < height(d.children[0]) + 20).length }"""
    show(page, 1440, "light")
    assert page.evaluate(folded) == page.locator("details").count() > 5
    show(page, 1047, "print")
    assert page.evaluate(folded) == 0


def test_page_reads_whole_without_scripts(page, browser, folder):
    """What a script adds are other ways to the same: it takes nothing's place."""
    bare = browser.new_context(java_script_enabled=False).new_page()
    bare.goto((folder / "plots/report.html").as_uri())
    texts = "main :is(h1, h2, h3, p, li, dt, dd, td, figcaption)"
    written = bare.locator(f"{texts}:not([hidden] *)").all_text_contents()
    assert len(written) > 500
    assert set(written) <= set(page.locator(texts).all_text_contents())
    titles = bare.locator("main section > h2")
    assert titles.count() == bare.locator("nav a").count()
    assert all(title.is_visible() for title in titles.all())
    bare.context.close()


def test_hostile_names_stay_text(browser, folder):
    text = render(poison(capture_page(folder)))
    hostile = browser.new_page()
    dialogs, requests = [], []
    hostile.on("dialog", lambda dialog: dialogs.append(dialog) or dialog.dismiss())
    hostile.on("request", lambda request: requests.append(request.url))
    hostile.set_content(text)
    assert EVIL in hostile.locator("h1").text_content()
    assert dialogs == []
    assert [url for url in requests if not url.startswith("data:")] == []
    assert hostile.locator("img[onerror]").count() == 0
    hostile.close()
