"""What stages took: noted beside DVC's graph, joined and shown by a command."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

import show_cost
from cytobalance.study import cost
from cytobalance.study.cost import fingerprint_inputs, measure, read_costs, write_costs
from cytobalance.study.places import COST, COSTS
from cytobalance.study.runtime import StudyError
from cytobalance.study.stages import READS, fingerprint_stage

ROOT = Path(__file__).parent.parent
# A stage that uses memory and the processor.
STAGE = """
import sys
sys.path.insert(0, {src!r})
import numpy as np
from cytobalance.study.runtime import StudyError, run_stage

def main():
    held = np.ones(40_000_000)
    while sum(np.linalg.norm(held) for _ in range(20)) < 0:
        pass
    if "--fail" in sys.argv:
        raise StudyError("as asked")

run_stage(main)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A project's folder with the inputs of three stages."""
    monkeypatch.chdir(tmp_path)
    Path("stages").mkdir()
    for name in (
        *("train_gan-dcgan", "generate-dcgan", "oversample"),
        *("train_classifier-dcgan-cnn", "train_classifier-dcgan-svm"),
    ):
        Path(f"stages/{name}.yaml").write_text(f"settings: of {name}\n")
    return tmp_path


def launch(folder, *words, name="oversample", **environment):
    (folder / f"{name}.py").write_text(STAGE.format(src=str(ROOT / "src")))
    return subprocess.run(
        [sys.executable, f"{name}.py", *words],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
    )


def record(stage, *values, wall=1.0, host=100, **more):
    inputs = fingerprint_inputs(stage, values)
    return {
        "wall_s": wall,
        "cpu_s": wall,
        "gpu_s": 0.0,
        "host_mb": host,
        "gpu_mb": 0,
    } | {
        "device": "a processor",
        "inputs": inputs,
        **more,
    }


def test_a_stage_notes_its_seconds_and_the_memory_that_it_held(folder):
    words = ("--protocol", "heldout", "--oversampler=smote")
    assert launch(folder, *words).returncode == 0
    [(name, noted)] = read_costs(COSTS)["oversample"].items()
    assert name == "heldout-smote"
    assert noted["wall_s"] > 0 and noted["cpu_s"] > 0
    assert 320 <= noted["host_mb"] < 1000
    assert (noted["gpu_s"], noted["gpu_mb"]) == (0.0, 0)
    assert noted["inputs"] == fingerprint_inputs("oversample", ["heldout", "smote"])


@pytest.mark.parametrize(
    ("words", "name", "environment"),
    [
        (("--fail",), "oversample", {}),
        ((), "predict", {}),  # no stage
        ((), "oversample", {"RANK": "1"}),  # the first of torchrun's speaks for all
    ],
)
def test_nothing_is_noted_of_what_failed_or_is_no_stage(
    words, name, environment, folder
):
    launch(folder, *words, name=name, **environment)
    assert not COSTS.exists()


def test_gpu_seconds_are_of_all_processes_and_what_is_left_out_is_said(
    folder, monkeypatch
):
    used = SimpleNamespace(
        is_initialized=lambda: True,
        get_device_name=lambda: "a GPU",
        max_memory_reserved=lambda: 2_500_000_000,
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=used))
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(cost, "_remarks", [])
    with measure("train_gan", ["--protocol", "a", "--gan", "dcgan"]):
        cost.remark("without the first 500 of 900 iterations")
        time.sleep(0.3)
    noted = read_costs(COSTS)["train_gan"]["a-dcgan"]
    assert noted["gpu_s"] == pytest.approx(2 * noted["wall_s"], abs=0.11)
    assert noted["gpu_s"] > 0.4
    assert (noted["gpu_mb"], noted["device"]) == (2500, "2 x a GPU")
    assert noted["remark"] == "without the first 500 of 900 iterations"


def test_the_last_run_counts_and_other_items_stay(folder):
    write_costs(COSTS, {"oversample": {"a-plain": {"wall_s": 7}, "a-smote": {}}})
    with measure("oversample", ["--protocol", "a", "--oversampler", "plain"]):
        pass
    noted = read_costs(COSTS)["oversample"]
    assert noted["a-plain"]["wall_s"] < 7 and noted["a-smote"] == {}


@pytest.mark.parametrize("text", ["", "[1]", '{"oversample": 3}', "{"])
def test_damaged_notes_are_begun_anew(text, folder):
    COSTS.parent.mkdir(exist_ok=True)
    COSTS.write_text(text)
    with measure("oversample", ["--oversampler", "plain"]):
        pass
    assert list(read_costs(COSTS)) == ["oversample"]


def test_a_cost_that_can_not_be_written_is_no_error(folder, capsys):
    COSTS.parent.write_text("a file where the folder should be")
    with measure("oversample", ["--oversampler", "plain"]):
        pass
    assert "cost not noted in .cache/costs.json: " in capsys.readouterr().out


def test_the_inputs_are_those_of_the_item(folder):
    cnn, svm = (
        fingerprint_inputs("train_classifier", ["a", "dcgan", name])
        for name in ("cnn", "svm")
    )
    assert cnn and svm and cnn != svm
    assert not fingerprint_inputs("train_classifier", ["a", "dcgan", "vgg19"])


def show(monkeypatch, capsys) -> str:
    monkeypatch.setattr(sys, "argv", ["show_cost.py"])
    show_cost.main()
    return capsys.readouterr().out


def test_training_a_gan_and_generating_are_one_cost_of_making(
    folder, monkeypatch, capsys
):
    train = record("train_gan", "a", "dcgan", wall=60, host=900, remark="without 5")
    make = record("generate", "a", "dcgan", wall=2.5, host=1200)
    fit = record("train_classifier", "a", "dcgan", "cnn", wall=30)
    write_costs(
        COSTS,
        {
            "train_gan": {"a-dcgan": train},
            "generate": {"a-dcgan": make},
            "train_classifier": {"a-dcgan-cnn": fit},
        },
    )
    rows = [line.split() for line in show(monkeypatch, capsys).splitlines()]
    making = next(row for row in rows if row[:1] == ["a-dcgan"])
    assert making[1:6] == ["62.5", "62.5", "0.0", "1200", "0"]
    assert making[-4:] == ["train_gan,", "generate", "without", "5"]
    fitting = next(row for row in rows if row[:1] == ["a-dcgan-cnn"])
    assert float(fitting[1]) == 30
    assert json.loads(COST.read_text())["generate"]["a-dcgan"] == make


def test_kept_costs_stay_until_settings_or_code_change(folder, monkeypatch, capsys):
    write_costs(COST, {"oversample": {"a-smote": record("oversample", "a", "smote")}})
    write_costs(COSTS, {"train_gan": {"a-dcgan": record("train_gan", "a", "dcgan")}})
    assert "left out" not in show(monkeypatch, capsys)
    assert set(read_costs(COST)) == {"oversample", "train_gan"}
    Path("stages/oversample.yaml").write_text("settings: others\n")
    said = show(monkeypatch, capsys)
    assert "1 costs left out: measured with other settings or other code" in said
    assert set(read_costs(COST)) == {"train_gan"}


def test_without_any_cost_one_line_says_what_to_do(folder, monkeypatch, capsys):
    with pytest.raises(StudyError, match="dvc repro"):
        show(monkeypatch, capsys)
    assert not COST.exists()


def test_no_cost_is_part_of_the_graph_or_of_a_stages_code():
    graph = yaml.safe_load((ROOT / "dvc.yaml").read_text())
    assert "cost" not in json.dumps(graph).lower()
    for stage in READS:
        code = "\n".join(fingerprint_stage(stage))
        assert "runtime.py" in code and "cost.py" not in code
