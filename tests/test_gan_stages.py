"""`train_gan` and `generate`: killed, resumed, refused."""

import importlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml
from fake_study import CLASSES, write_cells, write_params

from cytobalance.generators.processes import start_processes
from cytobalance.study.runtime import StudyError

SRC = Path(__file__).parent.parent / "src"
ITEM = ["--protocol", "heldout", "--gan", "c_wgan_gp"]
MODEL = "models/gan/heldout/c_wgan_gp"
TINY = {
    "width": 4,
    "latent": 8,
    "batch": 8,
    "iterations": 60,
    "critic_steps": 2,
    "learning_rate": 1e-3,
    "warm_start": 0,
    "precision": "fp32",
}
# A stage that saves its state at every look at the losses.
EAGER = """
import runpy, sys
sys.path.insert(0, {src!r})
from cytobalance.generators import engine
engine.SAVE_SECONDS = -1
sys.argv[0] = {stage!r}
runpy.run_path({stage!r}, run_name="__main__")
"""
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1", "CYTOBALANCE_DEVICE": "cpu"}


@pytest.fixture
def folder(tmp_path):
    """A study whose GAN is ready to be trained."""
    return make_study(tmp_path / "study")


def make_study(folder, **changes):
    folder.mkdir()
    shipped = read_shipped("gan") | TINY | changes
    write_params(
        folder,
        gan=shipped,
        image={"size": 16},
        generate={"target": 100, "batch": 16},
        oversample=read_shipped("oversample"),
    )
    write_cells(folder)
    return folder


def read_shipped(group):
    text = (SRC.parent / "params.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)[group]


def launch(*command, cwd):
    """Start a program of the test's own environment, its output in a pipe."""
    return subprocess.Popen(
        [sys.executable, *map(str, command)],
        cwd=cwd,
        env=ONE_THREAD,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run_here(stage, folder):
    """Run a stage of the item in this process."""
    with pytest.MonkeyPatch.context() as here:
        here.chdir(folder)
        here.setenv("CYTOBALANCE_DEVICE", "cpu")
        here.setattr(sys, "argv", [stage, *ITEM])
        importlib.import_module(stage).main()


def files_of(folder):
    return {path.name: path.read_bytes() for path in (folder / MODEL).iterdir()}


def test_a_training_killed_at_any_moment_ends_the_same(folder, tmp_path, capsys):
    straight = make_study(tmp_path / "straight")
    run_here("train_gan", straight)

    code = EAGER.format(src=str(SRC), stage=str(SRC / "train_gan.py"))
    kills = 0
    for wanted_states in (1, 3):
        process = launch("-c", code, *ITEM, cwd=folder)
        if wait_for_states(folder, process, wanted_states):
            process.kill()
            kills += 1
        process.communicate()
        assert not (folder / MODEL).exists() or not kills
    assert kills, "the training was never caught unfinished"
    run_here("train_gan", folder)
    said = capsys.readouterr().out
    assert re.search(r"going on from iteration [1-9]\d* of 60", said)
    assert files_of(folder) == files_of(straight)
    assert not list((folder / ".cache").rglob("*.pt"))


def wait_for_states(folder, process, count):
    """Whether that many more states were written before the program ended."""
    seen = set()
    while process.poll() is None:
        for state in (folder / ".cache/train_gan").glob("[!.]*.pt"):
            seen.add(state.stat().st_mtime_ns)
        if len(seen) > count:
            return True
        time.sleep(0.002)
    return False


def test_one_process_is_one_in_a_job_of_several_tasks(monkeypatch):
    monkeypatch.setenv("SLURM_NTASKS", "4")
    monkeypatch.setenv("SLURM_JOB_NAME", "study")
    assert start_processes("fp32").count == 1


def test_more_processes_than_gpus_are_refused(monkeypatch):
    monkeypatch.delenv("CYTOBALANCE_DEVICE", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "8")
    with pytest.raises(StudyError, match="8 processes, but PyTorch sees 4 GPUs"):
        start_processes("fp32")


def test_cells_of_another_study_are_refused(tmp_path):
    folder = make_study(tmp_path / "stale")
    params = yaml.safe_load((folder / "params.yaml").read_text())
    fewer = {"classes": {label: [label] for label in CLASSES[:2]}}
    for change in ({"image": {"size": 32}}, {"merge": fewer}):
        changed = yaml.safe_dump(params | change, sort_keys=False)
        (folder / "params.yaml").write_text(changed)
        with pytest.raises(StudyError, match="run `dvc repro merge`"):
            run_here("train_gan", folder)
        assert not (folder / MODEL).exists()
