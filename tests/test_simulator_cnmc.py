"""Simulated C-NMC 2019: its subjects, folds and copies, its files, and its curation."""

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

import dedup
import hold_out
import ingest
import merge
import relabel
from cytobalance.simulator.archives import write_source
from cytobalance.simulator.plan import plan_smears
from cytobalance.sources.archive import open_archive
from cytobalance.sources.listing import list_source
from cytobalance.study.params import Study
from cytobalance.study.runtime import StudyError
from cytobalance.study.tables import read_table

SHIPPED = Path(__file__).parent.parent / "studies/gungor2023_simulated.yaml"
SOURCE = "cnmc_simulated"


def settings(scale: float, **faults) -> dict:
    """The shipped study's values, of another size and with other faults."""
    study = yaml.safe_load(SHIPPED.read_text())
    study["simulator"]["scale"] = scale
    none = dict.fromkeys(study["simulator"]["faults"], 0)
    study["simulator"]["faults"] = none | faults
    return study


def plan_of(scale: float, **faults) -> pd.DataFrame:
    plan = plan_smears(Study.model_validate(settings(scale, **faults)))
    plan["subject"] = plan["uid"].str.extract(r"UID_(\w+)_\d+_\d+_")[0]
    plan["folder"] = plan["file"].str.extract(r"(fold_\d|prelim)")[0]
    return plan


@pytest.fixture(scope="module")
def small():
    return settings(0.02, exact_copies=7, near_copies=2, unreadable=2)


@pytest.fixture(scope="module")
def curated(small, tmp_path_factory):
    """A folder where the small study was simulated, curated and dealt."""
    folder = tmp_path_factory.mktemp("cnmc")
    (folder / "params.yaml").write_text(yaml.safe_dump(small, sort_keys=False))
    write_source(Study.model_validate(small), SOURCE, folder / "data/raw" / SOURCE)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(folder)
        for stage in (ingest, relabel, dedup, merge, hold_out):
            stage.main()
    return folder


@pytest.fixture(scope="module")
def key(small):
    """The plan of the small study, a row a file."""
    faults = small["simulator"]["faults"]
    return plan_of(small["simulator"]["scale"], **faults)


@pytest.fixture(scope="module")
def archive(curated):
    return open_archive(curated / "data/raw" / SOURCE)


# The plan


def test_at_full_scale_folds_and_preliminary_set_have_their_published_counts():
    counts = plan_of(1.0, exact_copies=104).groupby(["folder", "type"]).size()
    assert counts.unstack().to_dict("index") == {
        "fold_0": {"all": 2397, "hem": 1130},
        "fold_1": {"all": 2418, "hem": 1163},
        "fold_2": {"all": 2457, "hem": 1096},
        "prelim": {"all": 1219, "hem": 648},
    }


def test_at_full_scale_each_subject_has_its_published_cells(real_data):
    files = pd.read_csv(real_data / "cnmc2019/cnmc2019_files.csv")["path"]
    parts = files.str.extract(r"(fold_\d)/(\w+)/UID_(\w+?)_").dropna()
    plan = plan_of(1.0)
    plan = plan[plan["folder"].ne("prelim")]
    found = plan.groupby(["folder", "type", "subject"]).size()
    assert found.to_dict() == parts.groupby([0, 1, 2]).size().to_dict()


@pytest.mark.parametrize("scale", [0.01, 0.1, 0.33])
def test_counts_scale_and_copies_take_the_place_of_cells(scale):
    plan = plan_of(scale, exact_copies=5, near_copies=3, unreadable=1)
    cells = plan[~plan["fault"].isin(["near_copy", "unreadable"])]
    part = cells["folder"].eq("prelim").map({True: "test", False: "train"})
    assert cells.groupby([part, "type"]).size().to_dict() == {
        ("train", "all"): round(7272 * scale),
        ("train", "hem"): round(3389 * scale),
        ("test", "all"): round(1219 * scale),
        ("test", "hem"): round(648 * scale),
    }
    assert len(plan) == len(cells) + 4


def test_no_subject_is_in_two_folds_or_of_two_labels():
    plan = plan_of(0.3, exact_copies=30, near_copies=9, unreadable=4)
    for column in ("folder", "type", "patient"):
        assert plan.groupby("subject")[column].nunique().max() == 1
    assert "h3" in set(plan["subject"])
    assert not plan["uid"].duplicated().any()


def test_copies_stand_under_two_subjects_most_in_two_folds():
    plan = plan_of(1.0, exact_copies=104).set_index("file")
    copies = plan[plan["fault"].eq("exact_copy")]
    originals = plan.loc[copies["of"]]
    assert len(copies) == 104 and originals["fault"].eq("").all()
    for column in ("scene", "patient", "type"):
        assert (copies[column].to_numpy() == originals[column].to_numpy()).all()
    pairs = pd.Series(zip(originals["subject"], copies["subject"], strict=True))
    assert pairs.value_counts().index[0] == ("20", "21")
    assert set(pairs) <= {
        *(("20", "21"), ("51", "75"), ("51", "78"), ("H2", "H4"), ("H2", "H5")),
        *(("H6", "H2"), ("H10", "h3"), ("H10", "H10")),
    }
    across = copies["folder"].to_numpy() != originals["folder"].to_numpy()
    assert 85 <= across.sum() < 104  # published: 94


def test_subjects_who_share_a_cell_share_patient_and_stain_and_others_do_not():
    patients = plan_of(1.0).groupby("subject")["patient"].first()
    shared = patients[patients.duplicated(keep=False)]
    groups = shared.groupby(shared).groups.values()
    assert sorted(sorted(group) for group in groups) == [
        ["20", "21"],
        ["51", "75", "78"],
        ["H10", "h3"],
        ["H2", "H4", "H5", "H6"],
    ]


@pytest.mark.parametrize("fault", ["mislabelled", "cross_class"])
def test_faults_that_the_set_can_not_have_are_refused(fault):
    with pytest.raises(StudyError, match="set mislabelled and cross_class to 0"):
        plan_of(0.02, **{fault: 1})


def test_more_copies_than_the_subjects_have_cells_are_refused():
    with pytest.raises(StudyError, match="more faults than cnmc_simulated has cells"):
        plan_of(0.01, exact_copies=100)


def test_with_other_sources_smears_alone_are_mislabelled():
    study = settings(0.02, mislabelled=3, cross_class=1, exact_copies=4)
    study["sources"]["eone_simulated"] = {"layout": "eone", "origin": "simulated"}
    plan = plan_smears(Study.model_validate(study))
    counts = plan.groupby("source")["fault"].value_counts()
    assert counts["eone_simulated", "mislabelled"] == 3
    assert counts["eone_simulated", "exact_copy"] == 2
    assert counts[SOURCE].drop("").to_dict() == {"exact_copy": 2}


# The archive


def test_the_pipelines_reader_finds_what_was_planned(small, key, archive):
    study = Study.model_validate(small)
    found = list_source(SOURCE, study.sources[SOURCE], archive)
    listed = pd.DataFrame(found.entries).sort_values("file", ignore_index=True)
    plan = key.sort_values("file", ignore_index=True)
    assert listed["file"].tolist() == plan["file"].tolist()
    assert listed["raw_label"].tolist() == plan["type"].tolist()
    assert listed["subject"].tolist() == plan["subject"].str.upper().tolist()
    part = plan["folder"].eq("prelim").map({True: "test", False: "train"})
    assert listed["part"].tolist() == part.tolist()
    assert [item.reason for item in found.rejected] == ["labels, not an image"]


def test_images_are_bitmaps_of_450_pixels_with_the_two_published_lengths(key, archive):
    for row in key[key["damage"].eq("")].itertuples():
        data = archive.read(row.file)
        assert len(data) == (608_538 if row.folder == "prelim" else 608_454)
        image = Image.open(io.BytesIO(data))
        assert (image.format, image.size, image.mode) == ("BMP", (450, 450), "RGB")


def test_exact_copies_are_the_same_bytes_and_no_other_files_are(key, archive):
    data = {file: archive.read(file) for file in key["file"]}
    copies = key[key["fault"].eq("exact_copy")]
    assert all(data[row.file] == data[row.of] for row in copies.itertuples())
    assert len(set(data.values())) == len(data) - len(copies)


def test_cells_are_cut_out_on_black_and_blasts_larger_only_on_the_whole(key, archive):
    parts = {"all": [], "hem": []}
    for row in key[key["fault"].eq("")].itertuples():
        pixels = np.asarray(Image.open(io.BytesIO(archive.read(row.file))))
        cell = pixels.any(axis=2)
        assert cell[200:250, 200:250].all()  # no holes
        assert not (cell[:40].any() or cell[-40:].any())
        assert not (cell[:, :40].any() or cell[:, -40:].any())
        parts[row.type].append(cell.mean())
    large, little = np.median(parts["all"]), np.median(parts["hem"])
    assert 1.15 < large / little < 1.7
    assert np.mean(np.array(parts["all"]) < little) > 0.05
    assert np.mean(np.array(parts["hem"]) > large) > 0.02


# Its curation


def test_every_file_is_kept_or_left_out_for_its_reason(curated, key):
    counts = json.loads((curated / "metrics/dataset.json").read_text())
    left_out = key["fault"].ne("").sum()
    assert counts["files"] == {
        "total": len(key) + 1,  # the preliminary set's table
        "kept": len(key) - left_out,
        "rejected": left_out + 1,
    }
    rejected = read_table(curated / "data/cells/rejected.csv")
    copies = rejected.loc[rejected["reason"].str.contains("copy"), "reason"]
    assert copies.str.split(" copy").str[0].value_counts().to_dict() == {
        "exact": 7,
        "near": 2,
    }
    assert counts["simulated"] is True


def test_subjects_who_share_a_copy_end_in_one_group_and_one_part(curated, key):
    cells = read_table(curated / "data/cells/cells.csv")
    dealt = read_table(curated / "data/hold_out.csv").set_index("cell_id")
    group = cells.groupby("subject")["group"].unique().explode()
    assert group.index.is_unique  # a subject is never torn
    subject = key.set_index("file")["subject"].str.upper()
    copies = key[key["fault"].eq("exact_copy")]
    for row in copies.itertuples():
        pair = {subject[row.file], subject[row.of]} & set(group.index)
        assert len(set(group[list(pair)])) == 1
    parts = dealt["part"].groupby(dealt["group"]).nunique()
    assert parts.max() == 1
    part = cells["cell_id"].map(dealt["part"])
    assert cells["published_part"].eq("test").equals(part.eq("test"))
    assert set(part) == {"train", "validation", "test"}


def test_without_conflicts_the_experts_sheet_is_empty(curated):
    assert read_table(curated / "data/duplicates/review.csv").empty


def test_a_class_named_all_keeps_its_row_in_the_printed_counts(
    curated, monkeypatch, capsys
):
    monkeypatch.chdir(curated)
    hold_out.main()
    rows = [line.split()[:2] for line in capsys.readouterr().out.splitlines()]
    cells = read_table(curated / "data/hold_out.csv")
    train = cells.loc[cells["part"].eq("train"), "label"].value_counts()
    for label in ("all", "hem"):
        assert [label, str(train[label])] in rows
