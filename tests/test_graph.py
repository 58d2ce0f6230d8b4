"""dvc.yaml against the code: deps, parameters and lists agree."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from import_closure import import_closure

from cytobalance.study.params import Study, read_study

ROOT = Path(__file__).parent.parent
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


@pytest.mark.parametrize("stage", STAGES)
def test_listed_code_is_what_the_stage_imports(stage):
    listed = {dep for dep in STAGES[stage]["deps"] if dep.endswith(".py")}
    script = STAGES[stage]["cmd"].split()[1]
    assert listed == import_closure(ROOT / script, ROOT)


def test_package_files_hold_a_docstring_alone():
    # Otherwise the closure above would have to follow them.
    for path in (ROOT / "src").rglob("__init__.py"):
        assert path.read_text(encoding="utf-8").count("\n") == 1, path


@pytest.mark.parametrize("stage", STAGES)
def test_parameters_of_a_stage_exist(stage):
    for name in STAGES[stage].get("params", []):
        name = name.removesuffix(".${item.gan}")
        model = Study
        for part in name.split("."):
            assert part in model.model_fields, name
            model = model.model_fields[part].annotation


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_says_what_it_does(stage):
    assert len(STAGES[stage]["desc"]) > 30


@pytest.mark.parametrize("stage", [s for s in STAGES if "matrix" in STAGES[s]])
def test_matrices_are_fed_by_the_lists_of_params(stage):
    for key, values in STAGES[stage]["matrix"].items():
        assert values == f"${{{key}s}}"
        assert f"{key}s" in Study.model_fields


def test_heavy_outputs_are_cached_and_light_ones_are_in_git():
    for name, stage in STAGES.items():
        settings = [
            s for out in stage["outs"] if isinstance(out, dict) for s in out.values()
        ]
        light = name in {"survey", "merge", "evaluate", "assess", "report"}
        assert any("cache" in s for s in settings) == light, name


@pytest.mark.parametrize("path", ["params.yaml", *sorted((ROOT / "studies").glob("*"))])
def test_shipped_studies_are_legal(path):
    study = read_study(ROOT / path)
    assert set(study.balancers) == {*study.gans, *study.oversamplers}


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


# What a property of Study reads: a group, and the class index that `merge` wrote.
READS = {"simulated": "sources", "gan_settings": "gan"}
CLASS_INDEX = {"data/cells", "data/cells/classes.csv"}
# What the survey notes of them for those that depend on it (tests/test_survey.py).
SURVEYED = {"sources", "simulator"}
NOT_READERS = {
    "src/cytobalance/study/params.py",
    "src/cytobalance/generators/gans/${item.gan}.py",
}
# Groups that only say which names are legal.
LISTS = {"protocols", "gans", "oversamplers", "balancers", "classifiers"}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_lists_the_parameter_groups_that_its_code_reads(stage):
    script = ROOT / STAGES[stage]["cmd"].split()[1]
    read = set()
    for path in import_closure(script, ROOT) - NOT_READERS:
        text = (ROOT / path).read_text(encoding="utf-8")
        names = set(re.findall(r"\bstudy\.([a-z_]+)", text))
        read |= {READS.get(name, name) for name in names}
    listed = {name.split(".")[0] for name in STAGES[stage].get("params", [])}
    if "data/sources.json" in STAGES[stage]["deps"]:
        listed |= SURVEYED
    if "classes" in read and "merge" not in listed:
        assert CLASS_INDEX & set(STAGES[stage]["deps"])
    optional = LISTS if "matrix" in STAGES[stage] else set()
    assert read & set(Study.model_fields) - optional <= listed


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
