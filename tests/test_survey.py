"""What lies in data/incoming: the graph sees it change, and does without it."""

import os
import shutil
import time
from pathlib import Path

import pytest
import yaml
from tiny_study import commit, run, write_folder_study, write_noise

from cytobalance.sources.survey import (
    explain_survey,
    fingerprint,
    read_survey,
    survey,
)
from cytobalance.study.params import read_study
from cytobalance.study.runtime import StudyError

PARAMS = Path(__file__).parent.parent / "params.yaml"
LAB = {"layout": "folder", "origin": "published", "archive": "lab"}


@pytest.fixture
def lab(tmp_path):
    """A folder of three files, as the archive of a laboratory."""
    folder = tmp_path / "incoming" / "lab"
    for number, name in enumerate(("mono/a.png", "mono/b.png", "baso/a.png")):
        write_noise(folder / name, number)
    return folder


@pytest.fixture
def study_of(tmp_path):
    """The shipped study with other sources and changed groups."""

    def read(sources=None, **groups):
        values = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
        values["sources"] = sources or values["sources"]
        for group, change in groups.items():
            values[group] |= change
        path = tmp_path / "params.yaml"
        path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
        return read_study(path)

    return read


CHANGES = {
    "content of the same length": lambda lab: flip_a_byte(lab / "mono/a.png"),
    "a file more": lambda lab: write_noise(lab / "mono/c.png", 9),
    "a file less": lambda lab: (lab / "mono/b.png").unlink(),
    "another name": lambda lab: (lab / "mono/a.png").rename(lab / "mono/z.png"),
    "another class": lambda lab: (lab / "mono/b.png").rename(lab / "baso/b.png"),
    "two change places": lambda lab: swap(lab / "mono/a.png", lab / "mono/b.png"),
}


def flip_a_byte(path):
    """Change a file and leave its length and time as they were."""
    about, data = path.stat(), bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))


def swap(one, other):
    held = one.rename(one.with_suffix(".held"))
    other.rename(one)
    held.rename(other)


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_of_a_folder_shows(lab, change):
    before = fingerprint(lab)
    assert before["files"] == 3
    assert before["bytes"] == sum(p.stat().st_size for p in lab.rglob("*.png"))
    CHANGES[change](lab)
    assert fingerprint(lab)["sha256"] != before["sha256"]


def test_a_copy_and_another_time_are_no_change(lab, tmp_path):
    before = fingerprint(lab)
    os.utime(lab / "mono/a.png", (0, 0))
    assert fingerprint(lab) == before
    assert fingerprint(shutil.copytree(lab, tmp_path / "elsewhere")) == before


def test_what_dvc_can_not_see_is_refused(lab, tmp_path):
    outside = tmp_path / "outside"
    write_noise(outside / "a.png", 5)
    (lab / "linked").symlink_to(outside)
    with pytest.raises(StudyError, match=r"linked is a link to a folder.*copy"):
        fingerprint(lab)
    (lab / "linked").unlink()
    (lab / "gone.png").symlink_to(tmp_path / "nowhere")
    with pytest.raises(StudyError, match=r"gone\.png is a link to what is not there"):
        fingerprint(lab)
    (lab / "gone.png").unlink()
    (lab / "one.png").symlink_to(outside / "a.png")
    assert fingerprint(lab)["files"] == 4


def test_a_folder_that_can_not_be_read_is_no_empty_one(lab, shut):
    (lab / "closed").mkdir()
    shut(lab / "closed")
    with pytest.raises(StudyError, match=r"closed can't be read \(Permission denied\)"):
        fingerprint(lab)


def test_only_what_names_a_source_counts(lab, study_of):
    source = {**LAB, "codes": {"mono": "monocyte"}}
    where = lab.parent, {}
    before = survey(study_of({"lab": source}), *where)
    for same in ({"crop": 0.5}, {"codes": {"mono": "monoblast"}}):
        assert survey(study_of({"lab": source | same}), *where) == before
    simulator = {"seed": 3, "scale": 0.5}
    for groups in ({"study": {"seed": 3}}, {"simulator": simulator}):
        assert survey(study_of({"lab": source}, **groups), *where) == before
    for other in ({"url": "https://x.org/y"}, {"sha256": "0" * 64}, {"archive": "x"}):
        assert survey(study_of({"lab": source | other}), *where) != before
    assert survey(study_of({"labor": source}), *where) != before


def test_simulated_sources_follow_the_simulator_and_not_the_study(study_of, tmp_path):
    where = tmp_path / "incoming", {}
    before = survey(study_of(), *where)
    assert survey(study_of(study={"seed": 3}), *where) == before
    assert survey(study_of(simulator={"seed": 3}), *where) != before
    layouts = {"one": {"layout": "pbc", "origin": "simulated"}}
    assert survey(study_of(layouts), *where) != before


def test_an_absent_archive_keeps_what_was_taken_and_says_so(lab, study_of):
    study = study_of({"lab": {**LAB, "codes": {"mono": "monocyte"}}})

    def look(before):
        now = survey(study, lab.parent, before)
        (line,) = explain_survey(now, before, lab.parent)
        return now, line.removeprefix(f"{lab} ")

    first, said = look({})
    assert said.startswith("is new: 3 files")
    assert look(first)[1].startswith("is what was taken before: 3 files")
    flip_a_byte(lab / "mono/a.png")
    changed, said = look(first)
    assert changed != first and said.startswith("is not what was taken before: 3 files")
    shutil.rmtree(lab)
    kept, said = look(first)
    assert kept == first
    assert said.startswith(
        "is not there; what was taken from it before counts: 3 files"
    )
    assert look({})[0]["sources"]["lab"]["found"] is None


def test_a_damaged_survey_counts_as_none(tmp_path):
    path = tmp_path / "sources.json"
    assert read_survey(path) == {}
    for text in ("", "[1]", '{"sources": {"lab": {"archive": "x"}}}', "\0" * 50):
        path.write_text(text)
        assert read_survey(path) == {}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A study on a folder, committed after a first run to hold_out."""
    folder = tmp_path_factory.mktemp("folder_study")
    write_folder_study(folder)
    run("git", "init", "--quiet", folder=folder)
    run("dvc", "init", "--quiet", folder=folder)
    run("dvc", "repro", "hold_out", folder=folder)
    commit(folder, "first run")
    return folder


def lock_of(text):
    """Stage -> its outputs' checksums, of a dvc.lock."""
    stages = yaml.safe_load(text)["stages"]
    return {name: [out["md5"] for out in s["outs"]] for name, s in stages.items()}


def wait_for_experiment(folder, name):
    """The Git reference of an experiment, which its worker writes at its own end."""
    for _ in range(300):
        names = ("for-each-ref", "--format=%(refname)", "refs/exps")
        for ref in run("git", *names, folder=folder).split():
            if ref.endswith(f"/{name}"):
                return ref
        time.sleep(0.2)
    raise TimeoutError(name)


def test_a_clone_without_data_is_up_to_date(project, tmp_path):
    run("git", "clone", "--quiet", str(project), "clone", folder=tmp_path)
    said = run(
        *("dvc", "repro", "--dry", "--allow-missing", "hold_out"),
        folder=tmp_path / "clone",
    )
    assert "up to date" in said and "Running stage" not in said


def test_a_queued_experiment_with_another_seed_runs_from_the_cache(project):
    seed = ("--queue", "--name", "seed4", "--set-param", "study.seed=4")
    run("dvc", "exp", "run", *seed, "hold_out", folder=project)
    said = run("dvc", "exp", "run", "--run-all", folder=project)
    assert "what was taken from it before counts: 24 files" in said
    assert "Stage 'ingest' didn't change" in said
    assert "Ran experiment" in said
    ref = wait_for_experiment(project, "seed4")
    there = lock_of(run("git", "show", f"{ref}:dvc.lock", folder=project))
    here = lock_of((project / "dvc.lock").read_text())
    assert there["ingest"] == here["ingest"]
    assert there["hold_out"] != here["hold_out"]


def test_new_images_under_an_old_name_are_taken(project):
    lab = project / "data/incoming/lab"
    assert "up to date" in run("dvc", "repro", "ingest", folder=project)
    write_noise(lab / "monocyte/0.png", 100)
    write_noise(lab / "monocyte/more.png", 101)
    (lab / "basophil/1.png").unlink()
    said = run("dvc", "repro", "ingest", folder=project)
    assert "lab is not what was taken before: 24 files" in said
    assert "Running stage 'ingest'" in said
    assert fingerprint(project / "data/raw/lab") == fingerprint(lab)
    assert "up to date" in run("dvc", "repro", "ingest", folder=project)
    write_noise(project / "data/incoming/of_another_study/a.png", 1)
    said = run("dvc", "repro", "ingest", folder=project)
    assert "Running stage 'survey'" in said
    assert "Stage 'download' didn't change" in said
