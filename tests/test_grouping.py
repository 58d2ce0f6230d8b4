"""Groups: what shares a subject or a duplicate stays together, and nothing else."""

import pandas as pd

from cytobalance.curation.duplicates import PAIR_COLUMNS
from cytobalance.curation.grouping import name_groups

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
        [["field", "x", "a", "x", "b"], ["near", "x", "b", "x", "c"]],
        columns=["kind", "source_a", "file_a", "source_b", "file_b"],
    )
    # Only `field` pairs count here: the others come as clusters.
    assert list(name_groups(table, NO_CLUSTERS, pairs)) == ["g4", "g4", "g3"]


def test_cnmc_duplicates_across_folds_end_in_one_group(real_data):
    """Subject-wise folds leak: 94 identical pairs lie in two folds of C-NMC 2019."""
    folder = real_data / "cnmc2019"
    files = pd.read_csv(folder / "cnmc2019_files.csv")
    files["file"] = files["path"].str.removeprefix("C-NMC_Leukemia/")
    files = files[files["file"].str.contains("training_data/")].reset_index(drop=True)
    table = pd.DataFrame(
        {
            "source": "cnmc",
            "file": files["file"],
            "cell_id": files["sha256"].str[:16],
            "subject": files["file"].str.extract(r"UID_(H?\w+?)_")[0],
        }
    )
    twice = table["cell_id"].duplicated(keep=False)
    found = table.loc[twice, ["source", "file"]].assign(cluster=table["cell_id"])
    group = name_groups(table, found, NO_PAIRS)
    group.index = table["file"]

    pairs = pd.read_csv(folder / "duplicate_images_by_sha256.csv")
    fold = pairs.apply(lambda path: path.str.extract(r"(fold_\d)")[0])
    across = fold.notna().all(axis=1) & (fold["a"] != fold["b"])
    assert across.sum() == 94
    for a, b in pairs[across].to_numpy():
        assert group[a] == group[b]
    # And no more than needed: subjects without a shared cell are groups of their own.
    assert (
        table["subject"].nunique() - 10 < group.nunique() < table["subject"].nunique()
    )
