"""dvc.yaml against the code: deps, parameters and lists agree."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from cytobalance.study.damage import find_stage
from cytobalance.study.params import read_study
from cytobalance.study.stages import ITEMS, describe_stages, list_items

ROOT = Path(__file__).parent.parent
GRAPH = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
STAGES = GRAPH["stages"]


def body_of(stage):
    return STAGES[stage].get("do", STAGES[stage])


@pytest.mark.parametrize("stage", [s for s in STAGES if s != "check"])
def test_a_stage_hangs_on_its_settings_and_code_and_reads_no_others(stage):
    inputs = [dep for dep in body_of(stage)["deps"] if dep.startswith("stages/")]
    names = {
        "gans": "-${item.gan}",
        "balancers": "-${item.balancer}",
        "training_names": "-${item.balancer}-${item.classifier}",
    }
    assert inputs == [f"stages/{stage}{names.get(ITEMS.get(stage), '')}.yaml"]
    assert "params" not in body_of(stage)
    script = ROOT / body_of(stage)["cmd"].split()[1]
    assert f'read_settings("{stage}"' in script.read_text(encoding="utf-8")


def test_every_stage_has_its_settings_and_code_written():
    study = read_study(ROOT / "params.yaml")
    texts = describe_stages(study)
    names = {"items"} | {stage for stage in STAGES if stage not in ITEMS}
    for stage, items in ITEMS.items():
        names |= {f"{stage}-{item}" for item in getattr(study, items)}
    assert set(texts) == names - {"check"}
    for name, text in texts.items():
        if name == "items":
            continue
        code = [line.split()[1] for line in yaml.safe_load(text)["code"]]
        stage = name.split("-")[0]
        assert f"{stage}.py" in code and "cytobalance/study/runtime.py" in code
        of_gan = stage in ("train_gan", "generate")
        assert ("cytobalance/generators/gans/c_wgan_gp.py" in code) == of_gan
        assert "cytobalance/generators/gans/acgan.py" not in code
        cnn = "cytobalance/classify/kinds/sequential_cnn.py" in code
        assert cnn == (stage in ("train_classifier", "explain", "assess"))
        assert "cytobalance/classify/kinds/timm.py" not in code
        assert not any(file.endswith("settings.py") for file in code)


def test_the_shipped_items_are_those_of_the_shipped_study():
    study = read_study(ROOT / "params.yaml")
    shipped = (ROOT / "stages/items.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(shipped)["items"] == list_items(study)


def test_a_study_of_published_images_needs_no_simulator():
    code = describe_stages(read_study(ROOT / "studies/pbc_mll.yaml"))["download"]
    assert "simulator/" not in code
    code = describe_stages(read_study(ROOT / "params.yaml"))["download"]
    assert "simulator/optics.py" in code


def test_package_files_hold_a_docstring_alone():
    # Otherwise the closure above would have to follow them.
    for path in (ROOT / "src").rglob("__init__.py"):
        assert path.read_text(encoding="utf-8").count("\n") == 1, path


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_says_what_it_does(stage):
    assert len(body_of(stage)["desc"]) > 30


@pytest.mark.parametrize("stage", [s for s in STAGES if "foreach" in STAGES[s]])
def test_a_stage_is_repeated_for_a_list_that_check_writes(stage):
    items = list_items(read_study(ROOT / "params.yaml"))
    items["left_out"] = items["gans"]  # the shipped study leaves no source out
    name = STAGES[stage]["foreach"].removeprefix("${items.").removesuffix("}")
    item = next(iter(items[name].values()))
    text = yaml.safe_dump(body_of(stage))
    assert set(re.findall(r"\$\{item\.(\w+)\}", text)) <= set(item)


def test_heavy_outputs_are_cached_and_light_ones_are_in_git():
    for name in STAGES:
        outs = body_of(name)["outs"]
        settings = [s for out in outs if isinstance(out, dict) for s in out.values()]
        light = name in {
            *("check", "survey", "merge", "draw_cells", "probe", "evaluate"),
            *("explain", "assess", "draw_gan", "report"),
        }
        assert any("cache" in s for s in settings) == light, name


def test_the_registry_names_outputs_of_the_default_study(monkeypatch):
    monkeypatch.chdir(ROOT)
    stages = {
        name: find_stage(Path(about["path"]))
        for name, about in GRAPH["artifacts"].items()
    }
    assert stages == {
        "cells": "merge",
        "classifier": "train_classifier@heldout-weighted_augmented-sequential_cnn",
        "synthetic-cells": "generate@heldout-c_wgan_gp",
    }
    kinds = {name: about["type"] for name, about in GRAPH["artifacts"].items()}
    assert kinds == dict.fromkeys(kinds, "dataset") | {"classifier": "model"}


def test_folders_that_report_reads_are_in_git_for_a_study_without_gans():
    """DVC refuses a dependency that is missing, and Git keeps no empty folder."""
    read = {place for place in body_of("report")["deps"] if "/" in place}
    folders = {"metrics/gan", "plots/gan"}
    assert folders <= read
    for folder in folders:
        listed = ["git", "ls-files", "--error-unmatch", f"{folder}/.gitkeep"]
        assert subprocess.run(listed, cwd=ROOT).returncode == 0


@pytest.mark.parametrize("path", ["params.yaml", *sorted((ROOT / "studies").glob("*"))])
def test_shipped_studies_are_legal(path):
    study = read_study(ROOT / path)
    assert study.trainings and study.recipes["plain"].maker == "none"


@pytest.mark.parametrize("path", ["params.yaml", *sorted((ROOT / "studies").glob("*"))])
def test_every_knob_has_a_comment_above_its_group_or_itself(path):
    """A key is explained on a line above it, or by its group's comment."""
    explained, silent = False, []
    for line in (ROOT / path).read_text(encoding="utf-8").splitlines():
        text = line.strip()
        depth = len(line) - len(line.lstrip())
        if text.startswith("#"):
            explained = True
        elif not text:
            explained = False
        elif depth == 2 and ":" in text and text[0] != "-" and not explained:
            silent.append(text)
    assert not silent


def test_without_git_make_says_what_to_do_before_it_installs(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "requirements.txt").touch()
    done = subprocess.run(
        ["make", "--jobs=2", "repro", "PYTHON=echo installing"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "git init" in done.stderr and "installing" not in done.stdout
