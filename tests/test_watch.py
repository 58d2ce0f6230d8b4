"""`make watch`: what runs, what is done, what remains, from files alone."""

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
import yaml
from PIL import Image

from cytobalance.study import places
from cytobalance.watch import running as processes
from cytobalance.watch.drawings import draw_last
from cytobalance.watch.graph import Graph, find_done, hash_path, read_graph
from cytobalance.watch.running import Running, find_last, find_running, name_step
from cytobalance.watch.view import Sight, describe, in_words

ROOT = Path(__file__).parent.parent
WATCH = [sys.executable, str(ROOT / "tools/watch.py")]
STEPS = ("merge", "train_gan@heldout-acgan", "evaluate@heldout-plain-bayes", "report")
COUNT = {
    **{"desc": "training the GAN", "unit": "iterations", "total": 100, "done": 60},
    **{"rate": 2.0, "losses": "critic_loss 0.5", "first": 0},
}


def sight(**changes) -> Sight:
    facts = {
        **{"steps": STEPS, "done": frozenset({"merge"}), "running": ()},
        **{"between": False, "last": None, "costs": {}, "drawn": {}},
    }
    return Sight(**facts | changes)


def test_a_training_shows_its_count_losses_cells_and_what_is_left():
    running = Running(STEPS[1], 65.0, COUNT)
    costs = {
        "train_gan": {"heldout-acgan": {"wall_s": 100.0}},
        "evaluate": {"paper-plain-bayes": {"wall_s": 25.0}},
    }
    drawn = {STEPS[1]: ("here.png", 50)}
    text = describe(sight(running=(running,), costs=costs, drawn=drawn))
    assert "train_gan@heldout-acgan, for 1 min 5 s; it took 1 min 40 s" in text
    assert "60 of 100 iterations, about 20 s left of these" in text
    assert "critic_loss 0.5" in text and "each class, iteration 50: here.png" in text
    assert "done     1 of 4: merge\n" in text
    assert "remains  2 of 4: evaluate (1), report" in text
    assert "left     about 1 min 0 s" in text and "1 of unknown time" in text  # 35 + 25


def test_where_nothing_runs_the_last_stage_is_named():
    assert "nothing has run here before" in describe(sight())
    text = describe(sight(last=("merge", 0.0)))
    assert "nothing runs now; last: merge, which began 19" in text
    assert "left" not in text and "not done" not in text
    assert "and is not done" in describe(sight(last=("report", 0.0)))
    assert "between two stages" in describe(sight(between=True))
    assert "left     unknown" in describe(sight(between=True))


@pytest.mark.parametrize(
    "seconds, words", [(0.4, "0 s"), (59.6, "1 min 0 s"), (7_265, "2 h 1 min")]
)
def test_times_in_words(seconds, words):
    assert in_words(seconds) == words


@pytest.mark.parametrize(
    "lock, step",
    [
        ("merge", "merge"),
        ("check-in-graph", "check"),
        ("train_gan-protocol-paper-gan-cgan", "train_gan@paper-cgan"),
    ],
)
def test_a_lock_names_its_step(lock, step):
    assert name_step(lock) == step


def lock_entry(outs: dict, **deps) -> dict:
    return {
        "deps": [{"path": path, "md5": md5} for path, md5 in deps.items()],
        "outs": [{"path": path, "md5": md5} for path, md5 in outs.items()],
    }


def test_a_step_is_done_where_its_inputs_are_those_of_its_last_run(tmp_path):
    source = tmp_path / "settings"
    source.write_text("one")
    old = hash_path(source)
    noted = {
        "first": lock_entry({"a": "1"}, **{str(source): old}),
        "second": lock_entry({"b": "2"}, a="1"),
        "stale": lock_entry({"c": "3"}, a="0"),
        "after": lock_entry({"d": "4"}, c="3"),
    }
    graph = Graph([*noted, "new"], noted)
    assert find_done(graph) == {"first", "second"}
    source.write_text("other")
    assert find_done(graph) == set()


def test_a_folder_that_several_stages_fill_is_compared_as_dvc_hashes_it(tmp_path):
    folder = tmp_path / "metrics"
    folder.mkdir()
    (folder / "x.json").write_text("x")
    noted = {
        "evaluate": lock_entry({f"{folder}/x.json": "1"}),
        "report": lock_entry({}, **{str(folder): hash_path(folder)}),
    }
    graph = Graph(list(noted), noted)
    assert find_done(graph) == {"evaluate", "report"}
    (folder / "y.json").write_text("y")
    assert find_done(graph) == {"evaluate"}
    assert hash_path(tmp_path / "absent") is None


def test_the_shipped_lock_holds_folders_as_they_are_hashed_here():
    noted = yaml.safe_load((ROOT / "dvc.lock").read_text())["stages"]["report"]
    folder = next(dep for dep in noted["deps"] if dep["path"] == "metrics/gan")
    listed = subprocess.run(
        ["git", "status", "--porcelain", "metrics/gan"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.stdout:
        pytest.skip("metrics/gan is of another run than dvc.lock")
    assert hash_path(ROOT / "metrics/gan") == folder["md5"]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with the graph, and no run yet."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    (tmp_path / "stages").mkdir()
    shutil.copy(ROOT / "stages/items.yaml", tmp_path / "stages")
    return tmp_path


def test_a_running_stage_is_found_and_one_that_ended_is_not(project):
    script = project / "merge.py"
    script.write_text("import time\ntime.sleep(60)\n")
    places.LOCKS.mkdir(parents=True)
    places.PROGRESS.mkdir()
    with subprocess.Popen([sys.executable, str(script)]) as stage:
        (places.LOCKS / "merge").write_text(f"{stage.pid}\n")
        (places.LOCKS / "dedup").write_text(f"{os.getpid()}\n")  # another program now
        note = places.PROGRESS / "merge.json"
        note.write_text(json.dumps(COUNT | {"pid": stage.pid}))
        steps = read_graph().steps
        (found,) = find_running(steps)
        assert (found.step, found.count["done"]) == ("merge", 60)
        note.write_text('{"pid"')  # cut
        assert find_running(steps)[0].count == {}
        stage.kill()
    assert find_running(steps) == []
    assert find_last(steps)[0] in ("merge", "dedup")


def test_a_lock_that_vanishes_while_it_is_read_is_passed_over(project, monkeypatch):
    gone = [places.LOCKS / "merge"]
    monkeypatch.setattr(processes, "_list", lambda _: gone)
    assert find_running(["merge"]) == [] and find_last(["merge"]) is None


def test_cells_of_the_newest_state_are_drawn_once(project):
    places.GAN_STATES.mkdir(parents=True)
    state = places.GAN_STATES / "heldout-acgan-0123456789abcdef.pt"
    cells = torch.full((3, 4, 16, 16, 3), 200, dtype=torch.uint8)
    torch.save({"drawings": {25: cells // 2, 50: cells}, "iteration": 60}, state)
    path, moment = draw_last("heldout-acgan")
    with Image.open(path) as picture:
        assert moment == 50 and np.asarray(picture).min() == 200
    before = path.stat().st_mtime_ns
    assert draw_last("heldout-acgan") == (path, 50)
    assert path.stat().st_mtime_ns == before
    state.write_bytes(b"cut")
    os.utime(state, ns=(1, 1))
    assert draw_last("heldout-acgan") is None and draw_last("paper-acgan") is None


def test_without_a_terminal_it_looks_once_and_a_cut_lock_is_no_crash(project):
    done = subprocess.run(WATCH, capture_output=True, text=True)
    assert done.returncode == 0 and "nothing runs now" in done.stdout
    (project / "dvc.lock").write_text("schema: '2.0'\nstages:\n  merge: {")
    done = subprocess.run(WATCH, capture_output=True, text=True)
    assert done.returncode == 0 and "can't be read just now" in done.stdout
    done = subprocess.run(WATCH, cwd=project / "stages", capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith("error: dvc.yaml is missing")


def test_ctrl_c_ends_it_cleanly(project):
    ours, its = pty.openpty()
    words = [*WATCH, "--every", "60"]
    # A shell's background jobs, as these tests may be, ignore the signal.
    with subprocess.Popen(
        words, stdout=its, stderr=its, preexec_fn=heed_interrupts
    ) as view:
        os.close(its)
        try:
            seen = b""
            while b"Ctrl-C" not in seen:
                seen += os.read(ours, 4096)
            assert b"nothing runs now" in seen and psutil.pid_exists(view.pid)
            time.sleep(0.05)
            view.send_signal(signal.SIGINT)
            assert view.wait(30) == 0
        finally:
            view.kill()
    os.close(ours)


def heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_time_left_of_a_first_run_comes_from_its_count():
    running = Running(STEPS[1], 65.0, COUNT)
    assert "left     about 20 s, and 2 of unknown" in describe(
        sight(running=(running,))
    )
    silent = Running(STEPS[1], 65.0, {})
    assert "left     unknown" in describe(sight(running=(silent,)))
