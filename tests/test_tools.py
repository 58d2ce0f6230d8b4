"""Scripts that are no stages stand apart from the stages, and run all the same."""

import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent

# A tool needs no PYTHONPATH: each in turn finds the library by itself.
START = """
import runpy, sys
before = list(sys.path)
for tool in sys.argv[1:]:
    sys.path[:] = before
    for name in [n for n in sys.modules if n.startswith("cytobalance")]:
        del sys.modules[name]
    runpy.run_path(tool)
    print(sys.modules["cytobalance.study.runtime"].__file__)
"""


def test_every_script_in_src_is_a_stage():
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    scripts = {stage["cmd"].split()[1] for stage in stages.values()}
    found = {f"src/{path.name}" for path in (ROOT / "src").glob("*.py")}
    assert found == scripts


def test_tools_find_the_library_from_any_folder(tmp_path):
    tools = sorted(str(path) for path in (ROOT / "tools").glob("*.py"))
    done = subprocess.run(
        [sys.executable, "-c", START, *tools],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    library = str(ROOT / "src/cytobalance/study/runtime.py")
    assert done.stdout.split() == [library] * len(tools), done.stderr
    assert tools
