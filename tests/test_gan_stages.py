"""`train_gan` and `generate` as programs: killed, resumed, shared by processes."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from fake_study import CLASSES, write_cells, write_params

from cytobalance.generators.processes import start_processes
from cytobalance.study.cells import read_cells
from cytobalance.study.runtime import StudyError
from cytobalance.study.tables import read_table

SRC = Path(__file__).parent.parent / "src"
ITEM = ["--protocol", "heldout", "--gan", "c_wgan_gp"]
MODEL = "models/gan/heldout/c_wgan_gp"
TINY = {
    "width": 4,
    "latent": 8,
    "batch": 8,
    "iterations": 60,
    "critic_steps": 2,
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


def finish(process):
    """Output of a program that ends well."""
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0, out
    return out


def train(folder):
    return launch(SRC / "train_gan.py", *ITEM, cwd=folder)


def files_of(folder):
    return {path.name: path.read_bytes() for path in (folder / MODEL).iterdir()}


def test_a_training_killed_at_any_moment_ends_the_same(folder, tmp_path):
    straight = make_study(tmp_path / "straight")
    finish(train(straight))

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
    said = finish(train(folder))
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


def run_shared(script, folder):
    """Output of a stage that two processes share."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    return finish(launch(*torchrun, SRC / script, *ITEM, cwd=folder))


def test_two_processes_train_and_generate_as_one_does(tmp_path):
    alone = make_study(tmp_path / "alone", iterations=4)
    shared = make_study(tmp_path / "shared", iterations=4)
    finish(train(alone))
    said = run_shared("train_gan.py", shared)
    assert said.count("4 iterations; wrote") == 1  # the first process speaks for all
    one, two = (
        np.load(folder / MODEL / "drawings.npy").astype(int)
        for folder in (alone, shared)
    )
    assert np.abs(one - two).max() <= 2  # sums in another order, then grey levels
    one, two = (read_table(f / MODEL / "losses.csv") for f in (alone, shared))
    assert list(one) == list(two)
    np.testing.assert_allclose(one["wasserstein"], two["wasserstein"], rtol=0.01)

    for name in ("generator.pt", "losses.csv", "drawings.csv", "drawings.npy"):
        (shared / MODEL / name).write_bytes((alone / MODEL / name).read_bytes())
    finish(launch(SRC / "generate.py", *ITEM, cwd=alone))
    run_shared("generate.py", shared)
    one, two = (
        read_cells(f / "data/synthetic/heldout/c_wgan_gp") for f in (alone, shared)
    )
    np.testing.assert_array_equal(one.images, two.images)
    assert one.table.equals(two.table)
    # 70 % of the target of 100, and the neutrophils are more than that already.
    made = one.table["label"].value_counts().reindex(CLASSES, fill_value=0)
    assert made["neutrophil"] == made["lymphocyte"] == 0 < made["monoblast"] < 70
    assert one.images.std() > 1


AGREE = """
import sys
sys.path.insert(0, sys.argv[1])
from cytobalance.generators.processes import check_agreement, start_processes
processes = start_processes("fp32")
check_agreement(processes, "cells", 20)
try:
    check_agreement(processes, "cells", 20 * (processes.rank == 0))
except Exception as error:
    print(f"{processes.rank}: {error}", file=sys.stderr)
"""


def test_processes_that_see_different_states_stop(tmp_path):
    script = tmp_path / "agree.py"
    script.write_text(AGREE)
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    said = finish(launch(*torchrun, script, SRC, cwd=tmp_path))
    for rank in (0, 1):
        assert f"{rank}: the processes see different cells" in said


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
        process = train(folder)
        out, _ = process.communicate(timeout=300)
        assert process.returncode == 1
        assert "run `dvc repro merge`" in out
        assert not (folder / MODEL).exists()


def test_a_batch_that_can_not_be_shared_is_refused(tmp_path):
    folder = make_study(tmp_path / "odd", batch=7)
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    process = launch(*torchrun, SRC / "train_gan.py", *ITEM, cwd=folder)
    out, _ = process.communicate(timeout=300)
    assert process.returncode != 0
    assert "gan.batch 7 can't be shared by 2 processes; choose a multiple" in out
    assert not (folder / MODEL).exists()
