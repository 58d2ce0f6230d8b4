"""Scripts: stages in src/, tools beside them, and what each needs to start."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
# Slow to import: PyTorch 1.5 CPU seconds, each other one 0.2 to 0.5.
SLOW = ("torch", "torchvision", "sklearn", "scipy.stats", "scipy.optimize")
# Stages that run a network.
NETWORKS = {"assess", "explain", "generate", "train_classifier", "train_gan"}
# In one process, the light stages first. A tool needs no PYTHONPATH: each in turn
# finds the library by itself.
START = """
import json, runpy, sys
before = list(sys.path)
light, networks, tools, slow = map(json.loads, sys.argv[1:])
found = {}
for kind, names in (("light", light), ("networks", networks)):
    for name in names:
        sys.path[:] = [name.rpartition("/")[0], *before]
        runpy.run_path(name)
    found[kind] = [name for name in slow if name in sys.modules]
found["libraries"] = []
for tool in tools:
    sys.path[:] = before
    for name in [n for n in sys.modules if n.startswith("cytobalance")]:
        del sys.modules[name]
    runpy.run_path(tool)
    found["libraries"].append(sys.modules["cytobalance.study.runtime"].__file__)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """What was imported where scripts were loaded, without being run, elsewhere."""
    light = [f"{ROOT}/src/{name}.py" for name in STAGES if name not in NETWORKS]
    networks = [f"{ROOT}/src/{name}.py" for name in sorted(NETWORKS)]
    tools = sorted(str(path) for path in (ROOT / "tools").glob("*.py"))
    lists = [json.dumps(names) for names in (light, networks, tools, SLOW)]
    done = subprocess.run(
        [sys.executable, "-c", START, *lists],
        cwd=tmp_path_factory.mktemp("elsewhere"),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_script_in_src_is_a_stage():
    bodies = [stage.get("do", stage) for stage in STAGES.values()]  # some are repeated
    scripts = {body["cmd"].split()[1] for body in bodies}
    assert {f"src/{path.name}" for path in (ROOT / "src").glob("*.py")} == scripts


def test_stages_import_what_they_need_to_start_and_no_more(started):
    assert started["light"] == []
    assert started["networks"] == ["torch"]


def test_tools_find_the_library_from_any_folder(started):
    library = str(ROOT / "src/cytobalance/study/runtime.py")
    assert set(started["libraries"]) == {library}
