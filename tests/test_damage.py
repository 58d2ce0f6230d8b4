"""Damage of any file between stages is one line: the file, and who makes it again."""

import random
import re
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest
from finished_study import GRAPH, keys_of, run_main

from cytobalance.study.runtime import describe_error

DAMAGES = {
    # Not at the end of a line: such a table is whole to its reader (docs/damage.md).
    "cut in half": lambda data: data[: len(data) // 2].removesuffix(b"\n"),
    "emptied": lambda data: b"",
    "noise": lambda data: random.Random(0).randbytes(len(data)),
    "gone": None,
}
# One item of each matrix: what the others read is made by the same code.
ITEM = {
    "protocol": "heldout",
    "gan": "c_wgan_gp",
    "oversampler": "adasyn",
    "balancer": "c_wgan_gp",
    "classifier": "sequential_cnn",
}
DOWNLOAD = ("download", ())  # an archive that is gone leaves its source's folder empty
RUNS = [
    (stage, tuple(ITEM[key] for key in keys_of(stage)))
    for stage in GRAPH
    if stage != "leave_out"  # the tiny study leaves no source out
]


@pytest.fixture(scope="module")
def copied(finished_study, tmp_path_factory):
    """A copy of the finished study, to be damaged."""
    folder = tmp_path_factory.mktemp("damaged") / "study"
    shutil.copytree(finished_study.folder, folder)
    return folder


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("run", RUNS, ids=lambda run: run[0])
def test_a_damaged_file_is_one_line(run, damage, finished_study, copied, monkeypatch):
    monkeypatch.chdir(copied)
    faults = []
    for place in list_kinds(finished_study.read[run]).values():
        with damaged_file(copied / place, DAMAGES[damage]):
            said = run_damaged(run, monkeypatch)
        if fault := find_fault(said, place, finished_study.made.get(place)):
            faults.append(f"{place}: {fault}: {said}")
    assert not faults, "\n".join(faults)


# Below a dependency and read by no stage: what is there for people, for DVC to see, or
# for tools/predict.py, whose tests damage it.
NOT_READ = {
    *("data/cells/classes.csv", "data/expert/README.md"),
    "models/classifiers/*/reference.npz",
}


def test_every_file_below_a_dependency_is_read_by_a_stage(finished_study):
    there = set().union(*finished_study.there.values())
    read = set().union(*finished_study.read.values())
    assert list_kinds(there).keys() - list_kinds(read).keys() == NOT_READ


def list_kinds(places):
    """Kind -> one place of it: protocols, makers, sources and trials have the same.

    Of data/raw the packed archives alone: what an unpacked one holds is the
    publisher's, and `ingest` counts an image that it can't read.
    """
    kinds = {}
    for place in sorted(places):
        if place.startswith("data/raw/") and not place.endswith(".zip"):
            continue
        kind = re.sub(r"(heldout|paper)[-/]\w+(-sequential_cnn)?", "*", place)
        kind = re.sub(r"(data/ingested/|trial_)\w+", "*", kind)
        kinds.setdefault(kind, place)
    return kinds


@contextmanager
def damaged_file(path, damage):
    """Within, the file is damaged; afterwards it is as it was."""
    whole = path.read_bytes()
    path.unlink()  # never written in place: a memory map may be open
    if damage:
        path.write_bytes(damage(whole))
    yield
    path.unlink(missing_ok=True)
    path.write_bytes(whole)


def run_damaged(run, monkeypatch):
    """The line that the stage ends with; empty where it takes no notice."""
    try:
        run_main(run, monkeypatch)
    except Exception as error:
        return describe_error(error) or f"TRACEBACK {error!r}"
    return ""


def find_fault(said, place, maker):
    """What is wrong with a line; maker: the run that made the file, if any did."""
    if not said or said.startswith("TRACEBACK") or "\n" in said:
        return "not one line"
    if str(Path(place).parent if maker == DOWNLOAD else place) not in said:
        return "not named"
    if maker:
        stage, values = maker
        name = "@".join(filter(None, (stage, "-".join(values))))
        if f"`dvc repro {name}`" not in said:
            return f"no `dvc repro {name}`"
    return ""
