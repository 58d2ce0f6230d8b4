"""dvc.yaml against the code: deps, parameters and lists agree."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from cytobalance.study.params import Study, read_study
from cytobalance.study.stages import ITEMS, describe_stages

ROOT = Path(__file__).parent.parent
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


@pytest.mark.parametrize("stage", [s for s in STAGES if s != "check"])
def test_a_stage_hangs_on_its_settings_and_code_and_reads_no_others(stage):
    own = [dep for dep in STAGES[stage]["deps"] if dep.startswith("stages/")]
    item = "-${item.gan}" if stage in ITEMS else ""
    assert own == [f"stages/{stage}{item}.yaml"]
    assert "params" not in STAGES[stage]
    script = ROOT / STAGES[stage]["cmd"].split()[1]
    assert f'read_settings("{stage}"' in script.read_text(encoding="utf-8")


def test_every_stage_has_its_settings_and_code_written():
    texts = describe_stages(read_study(ROOT / "params.yaml"))
    items = {f"{stage}-c_wgan_gp" if stage in ITEMS else stage for stage in STAGES}
    assert set(texts) == items - {"check"}
    for name, text in texts.items():
        code = [line.split()[1] for line in yaml.safe_load(text)["code"]]
        script = f"{name.split('-')[0]}.py"
        assert script in code and "cytobalance/study/runtime.py" in code
        assert ("cytobalance/generators/gans/c_wgan_gp.py" in code) == ("-" in name)
        assert "cytobalance/generators/gans/acgan.py" not in code


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
        light = name in {
            *("check", "survey", "merge", "draw_cells", "evaluate", "assess"),
            *("draw_gan", "report"),
        }
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
