"""Layout `folder`: TRAIN and TEST above the classes, kept or pooled aloud."""

import pytest
from archives import list_files, png, write_folder
from pydantic import ValidationError

import ingest
from cytobalance.sources.folder import list_pooled
from cytobalance.study.runtime import StudyError
from cytobalance.study.settings import Source

CODES = {"MONO": "monocyte", "train": "neutrophil"}
FILES = {
    "images/TRAIN/MONO/_0_17.jpeg": png(1),
    "images/TEST/MONO/_1_3.jpeg": png(2),
    "images/TEST_SIMPLE/MONO/2.jpeg": png(3),
    "images/train/4.jpeg": png(4),  # a class of that name is no part
}


def test_folders_become_the_published_parts_that_the_study_names(tmp_path):
    parts = {"TRAIN": "train", "TEST": "test"}
    found = list_files(
        "folder", write_folder(tmp_path, FILES), codes=CODES, parts=parts
    )
    assert {entry.file: entry.part for entry in found.entries} == {
        "images/TRAIN/MONO/_0_17.jpeg": "train",
        "images/TEST/MONO/_1_3.jpeg": "test",
        "images/TEST_SIMPLE/MONO/2.jpeg": "",
        "images/train/4.jpeg": "",
    }


def test_without_parts_the_folders_are_pooled(tmp_path):
    found = list_files("folder", write_folder(tmp_path, FILES), codes=CODES)
    assert {entry.part for entry in found.entries} == {""}
    assert list_pooled(FILES, {}) == ["TEST", "TEST_SIMPLE", "TRAIN"]
    assert list_pooled(FILES, {"TEST": "test"}) == ["TEST_SIMPLE", "TRAIN"]
    names = ("val2017", "Training-set", "testis", "trainer", "valve")
    files = [f"{name}/MONO/a.png" for name in names]
    assert list_pooled(files, {}) == ["Training-set", "val2017"]


def test_pooling_is_said_in_one_line(tmp_path, monkeypatch, capsys):
    source = {"layout": "folder", "origin": "published", "archive": "set"}
    write_folder(
        tmp_path / "raw/ours/set",
        {
            "TRAIN/MONO/a.png": png(1),
            "TEST/MONO/b.png": png(2),
        },
    )
    own = Source(**source, codes={"MONO": "monocyte"})
    intake = ingest.take_in("ours", own, tmp_path / "raw/ours", 16, tmp_path, 1)
    ingest.print_pooled("ours", own, intake)
    assert "folders TEST, TRAIN are pooled" in capsys.readouterr().out


def test_a_part_without_images_is_refused(tmp_path):
    with pytest.raises(StudyError, match="'Train'"):
        list_files(
            "folder",
            write_folder(tmp_path, FILES),
            codes=CODES,
            parts={"Train": "train"},
        )


def test_parts_are_for_folders_alone():
    with pytest.raises(ValidationError, match="layout `folder`"):
        Source(
            layout="pbc", origin="published", archive="a.zip", parts={"TRAIN": "train"}
        )
