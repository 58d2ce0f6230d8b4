"""What a stage may read of params.yaml, and which code it runs."""

import pytest

from cytobalance.report.rendering import TEMPLATES
from cytobalance.study.code import find_code, fingerprint_templates, strip_comments
from cytobalance.study.params import read_study
from cytobalance.study.stages import View, fingerprint_stage, select

COMMENTED = '''"""A module."""
# why
def name(cell):  # not the cell's
    """The name."""

    text = """# no comment

    """
    return f"{text} # {cell}"


class Empty:
    """A docstring alone."""
'''
BARE = '''def name(cell):
    text = """# no comment

    """
    return f"{text} # {cell}"
class Empty:
'''


def test_comments_and_docstrings_do_not_count_and_text_does():
    assert strip_comments(COMMENTED) == BARE
    assert strip_comments(BARE.replace("class Empty:\n", "")) == BARE.replace(
        "class Empty:\n", ""
    )
    other = COMMENTED.replace("# no comment\n\n", "# no comment\n")
    assert strip_comments(other) != BARE


def test_code_is_the_script_and_all_that_it_imports(tmp_path):
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours/__init__.py").touch()
    texts = {
        "script.py": "import numpy\nfrom ours import one\n",
        "ours/one.py": "def late():\n    from ours.two import x\n",
        "ours/two.py": "import ours.three as t\nx = 1\n",
        "ours/three.py": "",
        "ours/other.py": "",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    found = find_code([tmp_path / "script.py"], tmp_path)
    names = [path.relative_to(tmp_path).as_posix() for path in found]
    assert names == ["ours/one.py", "ours/three.py", "ours/two.py", "script.py"]


def test_a_stage_sees_the_settings_that_it_listed_and_no_others():
    study = read_study()
    seen = select(study, ["study.seed", "image", "sources.*.crop"])
    assert isinstance(seen, View)
    assert seen.study.seed == study.study.seed
    assert seen.image == study.image
    assert {n: s.crop for n, s in seen.sources.items()} == {
        name: source.crop for name, source in study.sources.items()
    }
    for unlisted in (
        lambda: seen.gan,
        lambda: seen.study.title,
        lambda: seen.sources["pbc_simulated"].layout,
    ):
        with pytest.raises(AttributeError):
            unlisted()


def test_a_template_s_words_count_and_its_comments_do_not(tmp_path):
    path = tmp_path / "page.html"
    texts = ("<p>A word.</p>\n", "{# why\n so #}\n<p>A word.</p>\n", "<p>Words.</p>\n")
    lines = []
    for text in texts:
        path.write_text(text)
        lines += fingerprint_templates([path], tmp_path)
    assert lines[0] == lines[1] != lines[2]
    assert lines[0].endswith(" page.html")


def test_the_report_runs_again_for_every_template_that_it_fills():
    named = {line.split()[1] for line in fingerprint_stage("report")}
    folder = "cytobalance/report/templates"
    assert {f"{folder}/{path.name}" for path in TEMPLATES.iterdir()} <= named
    assert not any(folder in line for line in fingerprint_stage("evaluate"))
