"""Progress bars: each says what it counts, and notes it where a stage runs."""

import ast
import json
from pathlib import Path

import pytest

from cytobalance.study import places, progress
from cytobalance.study.progress import note_progress, show_progress

ROOT = Path(__file__).parent.parent


@pytest.fixture
def eager(tmp_path, monkeypatch):
    """A folder, and notes after every step."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(progress, "EVERY", -1.0)


def read_note() -> dict:
    return json.loads((places.PROGRESS / "train_gan-x.json").read_text())


def test_a_running_stage_notes_its_count_and_losses_and_leaves_nothing(eager):
    with note_progress("train_gan-x"):
        bar = show_progress(range(5), 8, desc="training", unit="iterations", initial=3)
        for step in bar:
            if step == 3:
                assert read_note()["done"] == 6
                assert read_note()["losses"] == "loss 0.5"
            bar.set_postfix_str("loss 0.5")
        assert not [*places.PROGRESS.iterdir()]
        assert (bar.done, bar.told["total"], bar.told["unit"]) == (5, 8, "iterations")


def test_a_count_that_is_left_early_leaves_no_note(eager):
    with note_progress("train_gan-x"):
        for _ in show_progress(range(5), desc="training", unit="epochs"):
            assert read_note()["total"] == 5
            break
    assert not [*places.PROGRESS.iterdir()]


def test_outside_of_a_stage_nothing_is_noted(eager):
    assert list(show_progress(range(3), desc="reading", unit="files")) == [0, 1, 2]
    assert not places.PROGRESS.exists()


def test_a_disk_that_takes_no_note_stops_no_stage(eager):
    Path(".cache").write_text("no folder")
    with note_progress("train_gan-x"):
        assert len(list(show_progress(range(3), desc="reading", unit="files"))) == 3


def test_every_bar_says_what_it_does_and_counts():
    bars = 0
    for path in (*(ROOT / "src").rglob("*.py"), *(ROOT / "tools").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(getattr(node, "func", None), "id", "")
            if isinstance(node, ast.Call) and name in ("show_progress", "tqdm"):
                given = {keyword.arg for keyword in node.keywords}
                assert {"desc", "unit"} <= given, f"{path}:{node.lineno}"
                bars += 1
    assert bars > 10
