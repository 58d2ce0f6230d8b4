"""Curation measured: simulated archives with planted faults, against their key."""

import json
import sys

import pandas as pd
import pytest
import yaml
from ingested_study import ROOT

import dedup
import download
import draw_cells
import ingest
import map_annotations
import merge
import relabel
import simulate_expert
from cytobalance.simulator.plan import plan_smears
from cytobalance.study.params import read_study
from cytobalance.study.tables import read_table

FAULTS = {
    "exact_copies": 30,
    "near_copies": 101,
    "mislabelled": 9,
    "cross_class": 3,
    "unreadable": 8,
}

CURATION = (
    *(simulate_expert, download, ingest, relabel, dedup, merge),
    draw_cells,
)


@pytest.fixture(scope="module")
def curated(tmp_path_factory):
    """A small simulated study, taken from archives to the cell set; its key."""
    folder = tmp_path_factory.mktemp("curated")
    study = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    study["image"]["size"] = 16
    study["simulator"] |= {"scale": 0.01, "cells_per_patient": 4, "faults": FAULTS}
    text = yaml.safe_dump(study, sort_keys=False)
    (folder / "params.yaml").write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["stage"])
        for stage in CURATION:
            stage.main()
        yield folder, plan_smears(read_study())


def names(table: pd.DataFrame, source: str = "source", file: str = "file") -> pd.Series:
    return table[source] + "/" + table[file]


def test_every_file_of_every_archive_is_accounted_for(curated):
    folder, key = curated
    cells = read_table(folder / "data/cells/cells.csv")
    rejected = read_table(folder / "data/cells/rejected.csv")
    assert (rejected["reason"] != "").all()
    # Besides the planned images: tables of labels, and what macOS leaves behind.
    beside = rejected["reason"].str.contains("labels, not an image|macOS metadata")
    assert 0 < beside.sum() < 10
    ends = pd.concat([names(cells), names(rejected[~beside])])
    assert sorted(ends) == sorted(names(key))
    counts = json.loads((folder / "metrics/dataset.json").read_text())["files"]
    assert counts == {
        "total": len(key) + beside.sum(),
        "kept": len(cells),
        "rejected": len(rejected),
    }


@pytest.mark.parametrize(
    ("kind", "faults", "count"),
    [("exact", ["exact_copy", "cross_class"], 33), ("near", ["near_copy"], 101)],
)
def test_precision_and_recall_of_copies_are_over_99_percent(
    curated, kind, faults, count
):
    folder, key = curated
    made = key[key["fault"].isin(faults) & key["of"].ne("")]
    planted = {
        frozenset(p) for p in zip(names(made), names(made, file="of"), strict=True)
    }
    found = read_table(folder / "data/duplicates/pairs.csv")
    found = found[found["kind"] == kind]
    one, other = names(found, "source_a", "file_a"), names(found, "source_b", "file_b")
    said = {frozenset(pair) for pair in zip(one, other, strict=True)}
    assert len(planted) == count
    assert len(planted & said) > 0.99 * len(planted)
    assert len(planted & said) > 0.99 * len(said)


def test_the_cells_that_stay_are_the_sound_ones_of_the_right_type(curated):
    folder, key = curated
    cells = read_table(folder / "data/cells/cells.csv")
    # Of two copies either may stay: both show one scene.
    scene = (key["source"] + "/" + key["scene"]).set_axis(names(key))
    sound = key["fault"].isin(["", "mislabelled", "paper_correction"]).to_numpy()
    truth = key["type"].set_axis(scene)[sound]
    kept = cells["type"].set_axis(scene[names(cells)])
    assert kept.index.is_unique and len(truth) > 400
    pd.testing.assert_series_equal(
        kept.sort_index(), truth.sort_index(), check_names=False
    )


def test_unreadable_files_are_rejected_and_no_other(curated):
    folder, key = curated
    rejected = read_table(folder / "data/cells/rejected.csv")
    unread = rejected[rejected["stage"].eq("ingest") & rejected["raw_label"].ne("")]
    planted = key[key["fault"] == "unreadable"]
    assert set(names(unread)) == set(names(planted))


def test_every_conflict_waits_in_the_review_sheet(curated):
    folder, key = curated
    review = read_table(folder / "data/duplicates/review.csv")
    planted = key[key["fault"] == "cross_class"]
    assert set(names(review)) == set(names(planted)) and len(planted) == 6
    assert (folder / "plots/copies/review.png").stat().st_size > 10_000


def test_second_opinions_of_the_lmu_set_become_a_map(curated, monkeypatch, capsys):
    folder, key = curated
    monkeypatch.chdir(folder)
    map_annotations.main()
    said = capsys.readouterr().out
    maps = pd.read_csv(folder / "data/expert/lmu.csv", dtype=str)
    lmu = key[key["layout"] == "lmu"]
    assert set(names(maps)) <= set(names(lmu)) and len(maps) > 20
    assert "second opinions" in said
    params = (folder / "params.yaml").read_text()
    study = yaml.safe_load(params)
    study["relabel"]["maps"] = ["lmu.csv"]
    (folder / "params.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    before = (folder / "data/relabelled.csv").read_bytes()
    relabel.main()
    table = read_table(folder / "data/relabelled.csv")
    (folder / "data/relabelled.csv").write_bytes(before)
    (folder / "params.yaml").write_text(params)
    # Simulated readers agree or give up: two who give up drop the cell.
    gave_up = maps[maps["to"] == "UNC"].groupby(["source", "file"]).size() == 2
    assert (table["dropped"] != "").sum() == gave_up.sum() > 0
    assert (table["type"] == table["published_type"]).all()
