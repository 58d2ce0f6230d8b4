"""Groups: what shares a subject or a duplicate stays together, and nothing else."""

import json
import zipfile

import cv2
import numpy as np
import pandas as pd
import pytest
import yaml
from ingested_study import write_params

import dedup
import ingest
import merge
import relabel
from cytobalance.curation.duplicates import PAIR_COLUMNS
from cytobalance.curation.grouping import name_groups
from cytobalance.study.tables import read_table

NO_PAIRS = pd.DataFrame(columns=list(PAIR_COLUMNS))
NO_CLUSTERS = pd.DataFrame(columns=["source", "file", "cluster"])


def cells(*rows: str) -> pd.DataFrame:
    """Rows "source/file cell_id [subject]"."""
    parts = [(*row.split(), "")[:3] for row in rows]
    return pd.DataFrame(
        {
            "source": [name.split("/")[0] for name, _, _ in parts],
            "file": [name.split("/")[1] for name, _, _ in parts],
            "cell_id": [cell for _, cell, _ in parts],
            "subject": [subject for _, _, subject in parts],
        }
    )


def clusters(**names: str) -> pd.DataFrame:
    """cluster="source/file source/file"."""
    rows = [
        (*file.split("/"), cluster)
        for cluster, files in names.items()
        for file in files.split()
    ]
    return pd.DataFrame(rows, columns=["source", "file", "cluster"])


def test_a_subject_is_a_group_and_a_cell_without_one_its_own():
    table = cells("x/a 5 p1", "x/b 4 p1", "y/a 3 p1", "y/b 2", "y/c 1")
    groups = name_groups(table, NO_CLUSTERS, NO_PAIRS)
    assert list(groups) == ["x/p1", "x/p1", "y/p1", "g2", "g1"]


def test_subjects_that_share_a_duplicate_are_one_group():
    table = cells(
        "x/a 5 p1", "x/b 4 p1", "x/c 5 p2", "x/d 9 p2", "y/e 3 p3", "y/f 7", "y/g 8"
    )
    found = clusters(d1="x/a x/c", d2="x/d y/f")
    groups = list(name_groups(table, found, NO_PAIRS))
    assert groups == ["g4", "g4", "g4", "g4", "y/p3", "g4", "g8"]


def test_a_cluster_within_one_subject_keeps_the_subjects_name():
    table = cells("x/a 5 p1", "x/b 4 p1")
    assert set(name_groups(table, clusters(d1="x/a x/b"), NO_PAIRS)) == {"x/p1"}


def test_two_cells_of_one_field_stay_together():
    table = cells("x/a 5", "x/b 4", "x/c 3")
    pairs = pd.DataFrame(
        [["field", "x", "a", "x", "b"]],
        columns=["kind", "source_a", "file_a", "source_b", "file_b"],
    )
    assert list(name_groups(table, NO_CLUSTERS, pairs)) == ["g4", "g4", "g3"]


def test_a_chain_of_pairs_is_one_group_though_no_cluster():
    table = cells("x/a 5", "x/b 4", "x/c 3", "x/d 2")
    pairs = pd.DataFrame(
        [["near", "x", "a", "x", "b"], ["near", "x", "b", "x", "c"]],
        columns=["kind", "source_a", "file_a", "source_b", "file_b"],
    )
    found = clusters(d4="x/a x/b")
    assert list(name_groups(table, found, pairs)) == ["g3", "g3", "g3", "g2"]


def draw_made_up(sha256: str) -> bytes:
    """A BMP of random pixels that a checksum alone decides: equal ones, equal bytes."""
    rng = np.random.default_rng(int(sha256[:16], 16))
    pixels = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
    return cv2.imencode(".bmp", pixels)[1].tobytes()


@pytest.fixture(scope="module")
def cnmc(real_data, tmp_path_factory):
    """C-NMC 2019's training folds, made up: its true names, curated to a cell set."""
    folder = tmp_path_factory.mktemp("cnmc")
    classes = {"all": ["all"], "hem": ["hem"]}
    source = {"layout": "cnmc", "origin": "published", "archive": "a.zip"}
    write_params(folder, classes, relabel={"maps": ["doctor.csv"]})
    study = yaml.safe_load((folder / "params.yaml").read_text())
    study["sources"] = {"cnmc": source | {"codes": {"all": "all", "hem": "hem"}}}
    (folder / "params.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    files = pd.read_csv(real_data / "cnmc2019/cnmc2019_files.csv")
    files = files[files["path"].str.contains("training_data/")]
    (folder / "data/raw/cnmc").mkdir(parents=True)
    with zipfile.ZipFile(folder / "data/raw/cnmc/a.zip", "w") as archive:
        for path, sha256 in zip(files["path"], files["sha256"], strict=True):
            archive.writestr(path, draw_made_up(sha256))
    (folder / "data/expert").mkdir()
    moved = files["path"].iloc[0]
    (folder / "data/expert/doctor.csv").write_text(
        "source,file,from,to,annotator,reason,date\n"
        f"cnmc,{moved},all,hem,a doctor,made up,2024\n"
    )
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(folder)
        for stage in (ingest, relabel, dedup, merge):
            stage.main()
    return folder


def test_cnmc_duplicates_across_folds_end_in_one_group(cnmc, real_data):
    """Subject-wise folds leak: 94 identical pairs lie in two folds of C-NMC 2019."""
    cells = read_table(cnmc / "data/cells/cells.csv").set_index("file")
    pairs = pd.read_csv(real_data / "cnmc2019/duplicate_images_by_sha256.csv")
    pairs = "C-NMC_Leukemia/" + pairs
    fold = pairs.apply(lambda path: path.str.extract(r"(fold_\d)")[0])
    across = fold.notna().all(axis=1) & (fold["a"] != fold["b"])
    assert across.sum() == 94
    subjects = pairs[across].apply(lambda path: path.str.extract(r"UID_(\w+?)_")[0])
    group = cells.groupby("subject")["group"].unique().explode()
    assert group.index.is_unique  # a subject is never torn
    for a, b in subjects.to_numpy():
        assert a != b and group[a.upper()] == group[b.upper()]  # one is spelt h3
    # And no more than needed: subjects without a shared cell are groups of their own.
    assert len(group) == 73 and group.nunique() == 66


def test_cnmc_one_of_each_pair_stays_and_types_of_its_own_are_counted(cnmc):
    counts = json.loads((cnmc / "metrics/dataset.json").read_text())
    assert counts["files"] == {"total": 10_661, "kept": 10_557, "rejected": 104}
    assert counts["published_types"] == {"all": 7_272, "hem": 3_389}
    assert counts["relabelled"] == 1
    assert sum(counts["types"].values()) == 10_557
