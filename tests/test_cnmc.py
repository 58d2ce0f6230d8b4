"""C-NMC 2019 in the layouts that people have: parts, labels, subjects, what is left."""

import re

import pandas as pd
import pytest
from archives import facts, list_files, png, reasons, write_folder, write_tar, write_zip

from cytobalance.study.runtime import StudyError

ALL_HEM = {"all": "all", "hem": "hem"}
UID = "UID_57_29_1_all.bmp"


def cnmc_files():
    rows = f"Patient_ID,new_names,labels\n{UID},1.bmp,1\nUID_H9_1_2_hem.bmp,2.bmp,0\n"
    rows += f"{UID},3.bmp,0\n{UID},9.bmp,1\n"
    prelim = "C/validation_data/C-NMC_test_prelim_phase_data"
    return {
        "C/training_data/fold_0/all/UID_11_10_1_all.bmp": png(),
        "C/training_data/fold_1/hem/UID_H11_10_1_hem.bmp": png(),
        "C/training_data/fold_2/hem/UID_h3_2_1_hem.bmp": png(),
        "C/training_data/fold_2/hem/UID_4_2_1_all.bmp": png(),
        f"{prelim}_labels.csv": rows.encode(),
        **{f"{prelim}/{number}.bmp": png() for number in (1, 2, 3, 4)},
        "C/testing_data/C-NMC_test_final_phase_data/1.bmp": png(),
    }


def test_cnmc_folds_preliminary_set_and_subjects(tmp_path):
    path = write_folder(tmp_path, cnmc_files())
    found = list_files("cnmc", path, codes=ALL_HEM)
    short = [
        (e.file.split("/")[-1], e.raw_label, e.subject, e.part) for e in found.entries
    ]
    assert short == [
        ("UID_11_10_1_all.bmp", "all", "11", "train"),
        ("UID_H11_10_1_hem.bmp", "hem", "H11", "train"),
        ("UID_h3_2_1_hem.bmp", "hem", "H3", "train"),
        ("1.bmp", "all", "57", "test"),
        ("2.bmp", "hem", "H9", "test"),
    ]
    left_out = {file.split("/")[-1]: reason for file, reason in reasons(found).items()}
    assert left_out == {
        "UID_4_2_1_all.bmp": "its name says all, its folder or table hem",
        "3.bmp": "its name says all, its folder or table hem",
        "4.bmp": "no label: not listed in the preliminary set's table",
        "9.bmp": "listed in the preliminary set's table, but not there",
        "1.bmp": "no label: final test set",
        "C-NMC_test_prelim_phase_data_labels.csv": "labels, not an image",
    }


def test_cnmc_real_manifest(real_data, tmp_path):
    table = pd.read_csv(real_data / "cnmc2019" / "cnmc2019_files.csv")
    files = dict.fromkeys(table["path"], b"")
    name = next(name for name in files if name.endswith(".csv"))
    files[name] = b"Patient_ID,new_names,labels\n"
    found = list_files("cnmc", write_zip(tmp_path / "c.zip", files), codes=ALL_HEM)
    labels = pd.Series([e.raw_label for e in found.entries]).value_counts()
    assert labels.to_dict() == {"all": 7272, "hem": 3389}
    subjects = {e.subject for e in found.entries}
    assert sum(s.startswith("H") for s in subjects) == 26
    assert len(subjects) == 47 + 26
    counts = pd.Series(reasons(found).values()).value_counts()
    assert counts["no label: final test set"] == 2586
    assert counts["no label: not listed in the preliminary set's table"] == 1867


def entrants_files(top=""):
    """The layout of the challenge's entrants: released as phases 1, 2 and 3."""
    rows = f"Patient_ID,new_names,labels\n{UID},1.bmp,1\nUID_H9_1_2_hem.bmp,2.bmp,0\n"
    return {
        f"{top}fold_0/all/UID_11_10_1_all.bmp": png(1),
        f"{top}fold_1/hem/UID_H11_10_1_hem.bmp": png(2),
        f"{top}phase2.csv": rows.encode(),
        f"{top}phase2/1.bmp": png(3),
        f"{top}phase2/2.bmp": png(4),
        f"{top}phase3/1.bmp": png(5),
        f"{top}phase3/2.bmp": png(6),
    }


@pytest.mark.parametrize("top", ["", "data/", "phase2_study/"])
@pytest.mark.parametrize("write", [write_folder, write_zip, write_tar])
def test_the_entrants_layout_has_its_labelled_phase_2_as_the_test_part(
    write, top, tmp_path
):
    path = tmp_path / ("set.tar" if write is write_tar else "set.zip")
    found = list_files("cnmc", write(path, entrants_files(top)), codes=ALL_HEM)
    assert facts(found) == [
        (f"{top}fold_0/all/UID_11_10_1_all.bmp", "all", "11"),
        (f"{top}fold_1/hem/UID_H11_10_1_hem.bmp", "hem", "H11"),
        (f"{top}phase2/1.bmp", "all", "57"),
        (f"{top}phase2/2.bmp", "hem", "H9"),
    ]
    assert [e.part for e in found.entries] == ["train", "train", "test", "test"]
    assert reasons(found) == {
        f"{top}phase2.csv": "labels, not an image",
        f"{top}phase3/1.bmp": "no label: final test set",
        f"{top}phase3/2.bmp": "no label: final test set",
    }
    assert all(item.by_rule for item in found.rejected)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"phase2/1.bmp": "p/1.bmp", "phase2/2.bmp": "p/2.bmp"}, "none of its images"),
        ({"phase2.csv": "Phase_2/phase_2_labels.CSV"}, None),
        (
            {
                "phase2/1.bmp": f"phase2/all/{UID}",
                "phase2/2.bmp": "phase2/hem/UID_H9_1_2_hem.bmp",
            },
            None,
        ),
        ({"phase2/1.bmp": "PHASE-2/1.bmp", "phase2/2.bmp": "PHASE-2/2.bmp"}, None),
    ],
)
def test_phase_2_is_found_under_its_names_or_missed_aloud(change, words, tmp_path):
    files = {change.get(name, name): data for name, data in entrants_files().items()}
    path = write_folder(tmp_path, files)
    if words:
        with pytest.raises(StudyError, match=words):
            list_files("cnmc", path, codes=ALL_HEM)
    else:
        parts = [e.part for e in list_files("cnmc", path, codes=ALL_HEM).entries]
        assert sorted(parts) == ["test", "test", "train", "train"]


def test_numbered_images_of_an_unknown_folder_are_no_rule(tmp_path):
    files = entrants_files() | {"validation/7.bmp": png()}
    found = list_files("cnmc", write_folder(tmp_path, files), codes=ALL_HEM)
    faults = [item for item in found.rejected if not item.by_rule]
    assert [item.file for item in faults] == ["validation/7.bmp"]
    assert "none of the preliminary or final set" in faults[0].reason


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (f"{UID},2.bmp,1", "2.bmp stands twice, not alike"),
        (f"{UID},3.bmp", "line 4: 2 fields"),
    ],
)
def test_a_faulty_table_is_an_error(row, words, tmp_path):
    files = entrants_files()
    files["phase2.csv"] += f"{row}\n".encode()
    with pytest.raises(StudyError, match=re.escape(words)):
        list_files("cnmc", write_folder(tmp_path, files), codes=ALL_HEM)


def test_a_label_that_is_neither_1_nor_0_is_rejected(tmp_path):
    files = entrants_files()
    files["phase2.csv"] = files["phase2.csv"].replace(b"1.bmp,1", b"1.bmp,2")
    found = list_files("cnmc", write_folder(tmp_path, files), codes=ALL_HEM)
    assert reasons(found)["phase2/1.bmp"] == "its label `2` is neither 1 nor 0"
