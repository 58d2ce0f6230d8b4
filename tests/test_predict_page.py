"""predict.py --page: whole by itself, the doubtful first, names as text."""

import base64
import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from new_images import (
    KEY,
    RECORD,
    SCORES,
    make_reference,
    run,
    write_image,
    write_model,
)
from PIL import Image

import predict
from cytobalance.prediction import judgement, reading
from cytobalance.prediction.nearness import learn_nearness
from cytobalance.prediction.reference import write_reference
from cytobalance.study.metrics import write_metrics


@pytest.fixture
def page(model, capsys):
    """A page of images in three folders, one of a strange name and one damaged."""
    for k in range(12):
        write_image(Path(f"new/p{k % 2}/{k:02}.png"), k, side=120)
    write_image(Path("new/<img src=x onerror=alert(1)>.png"), 99)
    Path("new/cut.png").write_bytes(b"x")
    both = {"recall": [0.9, 0.8, 0.95], "precision": [0.7, None, None]}
    classes = {"basophil": both}
    record = RECORD | {"ensemble": {"all": SCORES | {"classes": classes}}}
    write_metrics(Path(f"metrics/classifiers/{KEY}.json"), record)
    code, table, _ = run(capsys, "--page", "page.html", "--most", "3", "new")
    assert code == predict.SOME_UNREAD
    return Path("page.html").read_text("utf-8"), table


def figures(text: str) -> list[str]:
    return re.findall(r"<figure>.*?</figure>", text, re.DOTALL)


def test_the_page_needs_nothing_else_and_shows_names_as_text(page):
    text, _ = page
    assert not re.search(r"<script|<link|https?:|@import|src=\"(?!data:)", text)
    assert "<img src=x" not in text and "&lt;img src=x onerror" in text
    assert "Not for diagnosis" in text
    assert text.index("<h1") < text.index("<h2") < text.index("<h3")
    assert text.count("<img ") == text.count('alt="Cell named')


def test_counts_of_the_page_are_those_of_the_table(page):
    text, table = page
    read = table[table["reason"] == ""]
    for label, count in read["predicted"].value_counts().items():
        row = re.search(rf">{label}</a>.*?</tr>", text, re.DOTALL)[0]
        assert f"<td>{count}</td>" in row
        assert f"{min(3, count)} of {count}\nshown." in text
    assert "13\ncells named" in text and "1\nfile could not be" in text
    assert "90.0\N{NO-BREAK SPACE}% [80.0, 95.0]" in text  # recall in the study
    assert "70.0\N{NO-BREAK SPACE}% no interval" in text  # precision, of one group
    assert "<td>new/cut.png</td>" in text
    for subject in ("new", "new/p0", "new/p1"):
        assert f"<tr><td>{subject}</td>" in text


def test_thumbnails_are_cut_as_the_classifier_sees_them(page):
    text, _ = page
    jpeg = re.search(r"data:image/jpeg;base64,([^\"]+)", text)[1]
    with Image.open(io.BytesIO(base64.b64decode(jpeg))) as picture:
        assert picture.size == (predict.THUMBNAIL, predict.THUMBNAIL)


def mark_third(judge, images):
    return np.arange(len(images))[:, None] == 2


def test_the_doubtful_come_first(model, capsys, monkeypatch):
    chances = np.array([[0.99, 0.01], [0.55, 0.45], [0.9, 0.1], [0.8, 0.2]])
    monkeypatch.setattr(judgement, "mean_probability", lambda trials, images: chances)
    monkeypatch.setattr(judgement.Judge, "_find_unlike", mark_third)
    near = learn_nearness(np.random.default_rng(0).normal(size=(9, 9)), np.zeros(9))
    parts = {"nearness": {"colours": near}, "distance": {"colours": np.zeros(1)}}
    write_reference(model, make_reference(**parts))
    for k in range(4):
        write_image(Path(f"new/{k}.png"), k)
    _, table, _ = run(capsys, "--page", "page.html", "new")
    assert table["unsure"].tolist() == ["no", "yes", "no", "no"]
    shown = figures(Path("page.html").read_text("utf-8"))
    order = [re.search(r"new/(\d).png", figure)[1] for figure in shown]
    assert order == ["2", "1", "3", "0"]
    assert "unlike training: colours" in shown[0] and "or monocyte" in shown[1]
    _, table, _ = run(capsys, "--page", "page.html", "--coverage", "0.4", "new")
    empty = (table["set"] == "").sum()
    assert empty and Path("page.html").read_text("utf-8").count("no class") == empty


def test_no_class_fits_where_only_undecided_ones_do(model, capsys, monkeypatch):
    chances = np.array([[0.999, 0.001], [0.501, 0.499], [0.3, 0.7]])
    monkeypatch.setattr(judgement, "mean_probability", lambda trials, images: chances)
    write_reference(model, make_reference((50, 1)))
    for k in range(3):
        write_image(Path(f"new/{k}.png"), k)
    words = ("--coverage", "0.55", "--page", "page.html")
    _, table, _ = run(capsys, *words, "new")
    assert table["set"].tolist() == ["basophil|monocyte", "monocyte", "monocyte"]
    shown = figures(Path("page.html").read_text("utf-8"))
    misfits = [re.search(r"new/(\d).png", f)[1] for f in shown if "no class fits" in f]
    assert misfits == ["1"]  # the third may be the undecided class that it is named


def test_nothing_is_counted_as_unlike_where_nothing_was_compared(model, capsys):
    write_image(Path("a.png"))
    run(capsys, "--page", "page.html", "--differential", "d.csv", "a.png")
    text = Path("page.html").read_text("utf-8")
    assert "of them unsure.\n" in text and "0 unlike" not in text
    assert len(re.findall(r"<td>\d</td>\n<td></td>", text)) == 2  # a row a class
    table = pd.read_csv("d.csv")
    assert table["unlike_training"].isna().all() and table["unsure"].notna().all()


def test_the_same_images_give_the_same_page(model, capsys, monkeypatch):
    for k in range(5):
        write_image(Path(f"new/{k}.png"), k)
    run(capsys, "--page", "one.html", "new")
    monkeypatch.setattr(reading, "BATCH", 2)
    run(capsys, "--page", "two.html", "new")
    assert Path("one.html").read_bytes() == Path("two.html").read_bytes()


def test_a_page_without_cells_is_a_page(model, capsys):
    code, _, _ = run(capsys, "--page", "page.html", "--differential", "d.csv", "a.png")
    assert code == predict.SOME_UNREAD
    assert "0\ncells named" in Path("page.html").read_text("utf-8")
    assert Path("d.csv").read_text().startswith("subject,label,cells,of,share")


def test_an_interrupted_run_leaves_neither_page_nor_counts(model, capsys, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(judgement, "mean_probability", interrupt)
    write_image(Path("a.png"))
    before = sorted(Path().iterdir())
    words = ("--page", "p.html", "--differential", "d.csv", "--output", "o.csv")
    code, _, _ = run(capsys, *words, "a.png")
    assert code == 130 and sorted(Path().iterdir()) == before


def test_a_simulated_classifier_is_named_so(model, capsys):
    write_image(Path("a.png"))
    run(capsys, "--page", "page.html", "a.png")
    assert "learned from simulated" not in Path("page.html").read_text("utf-8")
    facts = {"crop": 0.5, "depth": 0, "boxes": False, "origin": "simulated"}
    write_model(model, inputs={"pbc": facts})
    run(capsys, "--page", "page.html", "a.png")
    assert "learned from simulated" in Path("page.html").read_text("utf-8")
