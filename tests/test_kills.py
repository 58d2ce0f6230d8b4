"""A run killed at any moment: one process a stage, and a dvc.lock that is mended."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

import mend_lock
from cytobalance.study.runtime import StudyError, hold_stage

ROOT = Path(__file__).parent.parent
# A stage that says when it works, in a worker too, and works for ever.
STAGE = """
import os, sys, time
from multiprocessing import Process
from pathlib import Path
sys.path.insert(0, {src!r})
from cytobalance.study.runtime import run_stage

def main():
    print("working", flush=True)
    time.sleep(float(os.environ["SECONDS"]))

run_stage(main)
"""


def launch(folder, *item, seconds=600, **environment):
    script = folder / "stage.py"
    script.write_text(STAGE.format(src=str(ROOT / "src")))
    return subprocess.Popen(
        [sys.executable, str(script), *item],
        cwd=folder,
        env={**os.environ, "SECONDS": str(seconds), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_a_second_run_of_a_stage_names_the_first_and_ends(tmp_path):
    first = launch(tmp_path, "--gan", "dcgan")
    assert first.stdout.readline() == "working\n"
    said, _ = launch(tmp_path, "--gan", "dcgan", seconds=0).communicate()
    assert said.startswith("error: stage-gan-dcgan is running already")
    assert f"kill {first.pid}" in said and said.count("\n") == 1
    # Another item of the stage, and another process of the same torchrun, may run.
    for item, rank in (("acgan", "0"), ("dcgan", "1")):
        other = launch(tmp_path, "--gan", item, seconds=0, RANK=rank)
        assert other.communicate()[0] == "working\n" and other.returncode == 0
    first.send_signal(signal.SIGKILL)
    first.communicate()
    again = launch(tmp_path, "--gan", "dcgan", seconds=0)
    assert again.communicate()[0] == "working\n" and again.returncode == 0


def test_a_stage_that_failed_leaves_no_lock(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ZeroDivisionError), hold_stage("merge"):
        raise ZeroDivisionError
    with (
        hold_stage("merge"),
        pytest.raises(StudyError, match=f"process {os.getpid()}"),
        hold_stage("merge"),
    ):
        pass


WORKERS = """
import sys, time
sys.path.insert(0, {src!r})
from concurrent.futures import ProcessPoolExecutor
from cytobalance.curation.workers import _start_worker

def nap(_):
    import os
    os.write(1, b"%d\\n" % os.getpid())  # whole, beside the other's
    time.sleep(600)

if __name__ == "__main__":
    with ProcessPoolExecutor(2, None, _start_worker, (None, 1.0, 16, None, 0)) as pool:
        list(pool.map(nap, range(2)))
"""


def test_workers_end_with_the_stage_that_is_killed(tmp_path):
    script = tmp_path / "workers.py"
    script.write_text(WORKERS.format(src=str(ROOT / "src")))
    command = [sys.executable, str(script)]
    stage = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    workers = [int(stage.stdout.readline()) for _ in range(2)]
    stage.kill()
    stage.wait()
    deadline = time.monotonic() + 60
    while any(map(is_running, workers)):
        assert time.monotonic() < deadline, "workers outlive their stage"
        time.sleep(0.05)


def is_running(pid):
    """Whether a process that is no child of ours works still; zombies don't."""
    done = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True
    )
    return done.stdout.strip()[:1] not in ("", "Z")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A Git repository that holds the shipped dvc.lock, and the lock's text."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["mend_lock"])
    text = (ROOT / "dvc.lock").read_text(encoding="utf-8")
    mend_lock.LOCK.write_text(text, encoding="utf-8")
    return text


def commit():
    author = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "lock"]):
        subprocess.run(["git", *author, *command], check=True)


def test_a_sound_lock_is_left_as_it_is_and_copied(project, capsys):
    mend_lock.main()
    assert mend_lock.LOCK.read_text() == mend_lock.COPY.read_text() == project
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("kept", [0, 0.001, 0.2, 0.51, 0.77, 0.9999])
def test_a_lock_cut_short_is_mended_and_loses_no_stage(project, kept, capsys):
    mend_lock.main()
    cut = project[: int(kept * len(project))].removesuffix("\n")  # within a line
    mend_lock.LOCK.write_text(cut)
    assert mend_lock.read_stages(mend_lock.LOCK.read_text()) is None
    mend_lock.main()
    assert yaml.safe_load(mend_lock.LOCK.read_text()) == yaml.safe_load(project)
    said = capsys.readouterr().out
    assert said.startswith("dvc.lock was cut short") and said.count("\n") == 1
    mend_lock.main()
    assert capsys.readouterr().out == ""


def test_what_a_cut_lock_still_holds_counts_more_than_what_was_before(project):
    mend_lock.main()
    newer = project.replace("md5: ", "md5: 0", 1)
    mend_lock.LOCK.write_text(newer[: len(newer) // 2])
    mend_lock.main()
    assert yaml.safe_load(mend_lock.LOCK.read_text()) == yaml.safe_load(newer)


def test_without_a_copy_git_has_the_last_good_one(project):
    commit()
    mend_lock.LOCK.write_text(project[:-9])
    mend_lock.main()
    assert yaml.safe_load(mend_lock.LOCK.read_text()) == yaml.safe_load(project)


def test_without_copy_and_git_the_whole_entries_are_kept(project):
    mend_lock.LOCK.write_text(project[: len(project) // 2])
    mend_lock.main()
    stages = mend_lock.read_stages(mend_lock.LOCK.read_text())
    whole = yaml.safe_load(project)["stages"]
    assert 0 < len(stages) < len(whole)
    assert stages == {name: whole[name] for name in stages}


def test_notes_of_dvc_cut_short_are_removed(project):
    mend_lock.NOTES.parent.mkdir(parents=True)
    for text, stays in (('{"read": {}}', True), ('{"read": {', False), ("", False)):
        mend_lock.NOTES.write_text(text)
        mend_lock.main()
        assert mend_lock.NOTES.exists() == stays


# Works until the file `go` is there, for two minutes at most; says its process id.
WAITING = """
import os, sys, time
from pathlib import Path
sys.path.insert(0, {src!r})
from cytobalance.study.runtime import atomic_file, run_stage

def main():
    Path("working").write_text(str(os.getpid()) + " ")
    end = time.monotonic() + 120
    while not Path("go").exists() and time.monotonic() < end:
        time.sleep(0.02)
    with atomic_file(Path("two.txt")) as partial:
        partial.write_text(Path("one.txt").read_text() + "two")

run_stage(main)
"""
GRAPH = {
    "one": {"cmd": "echo one > one.txt", "outs": ["one.txt"]},
    "two": {
        "cmd": f"{sys.executable} two.py",
        "deps": ["one.txt"],
        "outs": ["two.txt"],
    },
}


def start_repro(folder):
    program = Path(sys.executable).parent / "dvc"
    return subprocess.Popen(
        [program, "repro"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for(done):
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_stage_that_outlives_a_killed_dvc_is_named_until_it_has_ended(tmp_path):
    (tmp_path / "two.py").write_text(WAITING.format(src=str(ROOT / "src")))
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": GRAPH}))
    program = Path(sys.executable).parent / "dvc"
    subprocess.run([program, "init", "--no-scm", "-q"], cwd=tmp_path, check=True)
    first = start_repro(tmp_path)
    working = tmp_path / "working"
    wait_for(lambda: working.exists() and working.read_text().endswith(" "))
    first.kill()
    first.wait()
    child = int(working.read_text())
    assert is_running(child)

    second = start_repro(tmp_path)
    said, _ = second.communicate()
    refusals = [line for line in said.splitlines() if line.startswith("error: two is")]
    assert second.returncode != 0 and "Traceback" not in said
    assert len(refusals) == 1 and f"process {child} " in refusals[0]
    assert is_running(child) and not (tmp_path / "two.txt").exists()

    (tmp_path / "go").touch()
    wait_for(lambda: not is_running(child))
    third = start_repro(tmp_path)
    assert third.communicate()[0] and third.returncode == 0
    assert (tmp_path / "two.txt").read_text() == "one\ntwo"
    lock = mend_lock.read_stages((tmp_path / "dvc.lock").read_text())
    assert lock.keys() == GRAPH.keys()
