"""From ingested sources to the cell set: every file is accounted for."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ingested_study import degrade, paint, write_params, write_source

import dedup
import draw_cells
import merge
import relabel
from cytobalance.curation.census import warn_of_spellings
from cytobalance.curation.merge import check_sum
from cytobalance.study.cells import read_cells
from cytobalance.study.runtime import StudyError
from cytobalance.study.tables import CELL_COLUMNS, read_table

CLASSES = {
    "monocyte": ["monocyte"],
    "granulocyte": ["neutrophil", "eosinophil", "myelocyte"],
}


def write_study(folder: Path, **changes) -> None:
    """Ten files of two sources, each with a known fate."""
    write_params(folder, CLASSES, **changes)
    first = [
        ("a.jpg", paint(1), "neutrophil", "p1"),
        ("b.jpg", paint(2), "monocyte", "p1"),
        ("c.jpg", paint(3), "eosinophil", "p2"),
        ("d.jpg", paint(4), "neutrophil", "p2"),  # an expert: monocyte
        ("e.jpg", paint(5), "monocyte", "p3"),  # an expert: cannot be told
        ("f.jpg", paint(6), "basophil", "p3"),  # of no class
    ]
    second = [
        ("a.jpg", paint(1), "neutrophil", ""),  # exact copy, another source
        ("b.jpg", degrade(paint(3, (0.03, 0.02))), "myelocyte", ""),  # near copy
        ("c.jpg", paint(2), "neutrophil", ""),  # exact copy, another class
    ]
    write_source(folder, "first", first)
    write_source(folder, "second", second, (("d.jpg", "MO", "not an image"),))
    (folder / "data/expert").mkdir()
    (folder / "data/expert/map.csv").write_text(
        "source,file,from,to,annotator,reason,date\n"
        "first,d.jpg,neutrophil,monocyte,x,looks so,2024\n"
        "first,e.jpg,monocyte,UNC,x,torn,2024\n"
    )


def run_all() -> dict:
    for stage in (relabel, dedup, merge, draw_cells):
        stage.main()
    return json.loads(Path("metrics/dataset.json").read_text())


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_study(tmp_path, relabel={"maps": ["map.csv"]})
    return tmp_path


def test_every_file_ends_in_one_table_with_its_reason(study, capsys):
    census = run_all()
    cells = read_cells(study / "data/cells")
    rejected = read_table(study / "data/cells/rejected.csv")
    assert list(cells.table.columns) == list(CELL_COLUMNS)
    kept = cells.table["source"] + "/" + cells.table["file"]
    assert list(kept) == ["first/a.jpg", "first/c.jpg", "first/d.jpg"]
    fate = rejected.set_index(rejected["source"] + "/" + rejected["file"])
    fate = (fate["stage"] + ": " + fate["reason"]).to_dict()
    assert fate == {
        "second/d.jpg": "ingest: not an image",
        "first/b.jpg": "dedup: conflict: copies in several classes",
        "first/e.jpg": "relabel: experts: type cannot be told",
        "first/f.jpg": "merge: type basophil is in no class of this study",
        "second/a.jpg": "dedup: exact copy of first/a.jpg",
        "second/b.jpg": "dedup: near copy of first/c.jpg",
        "second/c.jpg": "dedup: conflict: copies in several classes",
    }
    assert census["files"] == {"total": 10, "kept": 3, "rejected": 7}
    assert census["rejected"]["dedup"] == {
        "conflict": 2, "exact copy": 1, "near copy": 1
    }  # fmt: skip
    assert sum(sum(kinds.values()) for kinds in census["rejected"].values()) == 7
    assert census["classes"] == {"monocyte": 1, "granulocyte": 2}
    assert census["types"] == {"eosinophil": 1, "monocyte": 1, "neutrophil": 1}
    assert census["relabelled"] == 1 and census["imbalance"] == 2.0
    printed = capsys.readouterr().out
    assert "wait for an expert" in printed and "neutrophil -> monocyte: 1" in printed


def test_images_follow_their_rows(study):
    run_all()
    cells = read_cells(study / "data/cells")
    for image, row in zip(cells.images, cells.table.itertuples(), strict=True):
        source = read_cells(study / "data/ingested" / row.source)
        at = source.table.index[source.table["file"] == row.file][0]
        assert source.table["cell_id"][at] == row.cell_id
        np.testing.assert_array_equal(image, source.images[at])


def test_groups_count_dropped_copies_too(study):
    run_all()
    table = read_table(study / "data/cells/cells.csv").set_index("file")
    # p1's cells have copies in the other source; p2's c.jpg too, d.jpg goes along.
    assert table.loc["c.jpg", "group"] == table.loc["d.jpg", "group"]
    assert table.loc["a.jpg", "group"] != table.loc["c.jpg", "group"]
    assert table["group"].str.startswith("g").all()


def test_an_experts_decision_settles_the_conflict(study):
    run_all()
    sheet = pd.read_csv(study / "data/duplicates/review.csv", keep_default_na=False)
    assert list(sheet["file"]) == ["b.jpg", "c.jpg"]
    sheet["decision"] = ["keep", ""]
    sheet.to_csv(study / "data/expert/decided.csv", index=False)
    changes = {
        "relabel": {"maps": ["map.csv"]},
        "dedup": {"decisions": ["decided.csv"]},
    }
    write_params(study, CLASSES, **changes)
    census = run_all()
    assert census["files"]["kept"] == 4
    rejected = read_table(study / "data/cells/rejected.csv").set_index("source")
    assert "exact copy of first/b.jpg" in set(rejected["reason"])


def test_without_near_search_exact_copies_still_go(study):
    changes = {"relabel": {"maps": ["map.csv"]}, "dedup": {"near": False}}
    write_params(study, CLASSES, **changes)
    assert run_all()["rejected"]["dedup"] == {"conflict": 2, "exact copy": 1}


def test_a_class_from_one_source_alone_is_a_warning(study):
    write_params(study, CLASSES, dedup={"near": False})
    census = run_all()
    assert census["class_by_source"]["granulocyte"] == {"first": 3, "second": 1}
    conflict, alone = census["warnings"]
    assert "all 1 cells of monocyte come from first alone" in alone
    assert conflict == (
        "clusters of copies that hold several classes: 1, 2 of their 2 cells dropped; "
        "they wait for an expert: fill in `decision` in data/duplicates/review.csv, "
        "save it in data/expert and name it in dedup.decisions"
    )


def test_a_class_without_cells_is_named(study):
    write_params(study, CLASSES | {"platelet": ["platelet"], "rare": ["monoblast"]})
    with pytest.raises(StudyError, match="platelet, rare"):
        run_all()
    assert not (study / "data/cells").exists()


def test_same_input_same_bytes(study):
    def outputs() -> dict[str, bytes]:
        run_all()
        made = [Path("data/relabelled.csv")]
        for folder in ("data/duplicates", "data/cells", "metrics", "plots"):
            made += sorted(p for p in Path(folder).rglob("*") if p.is_file())
        return {str(path): path.read_bytes() for path in made}

    first = outputs()
    assert len(first) == 17
    assert first["data/cells/classes.csv"].startswith(b"index,label\n0,")
    assert outputs() == first
    ingested = Path("data/ingested/inputs.json").read_bytes()
    assert first["data/cells/inputs.json"] == ingested


def test_a_subject_that_may_say_none_is_a_warning(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_params(tmp_path, CLASSES)
    types = ("neutrophil", "monocyte")
    subjects = ("NA", "NA", "NA", "unknown", "p1", "p1", "", "")
    rows = [
        (f"{k}.jpg", paint(k), types[k % 2], subject)
        for k, subject in enumerate(subjects)
    ]
    write_source(tmp_path, "first", rows)
    write_source(tmp_path, "second", [("a.jpg", paint(9), "monocyte", "")])
    assert [w for w in run_all()["warnings"] if "subject" in w] == [
        "3 cells of first have the subject 'NA' and are taken for one patient's: leave "
        "the subject empty where it is not known"
    ]


def test_subjects_that_may_be_one_patient_are_a_warning():
    subjects = ["P1", "p 1", "p01", "P10", "7", "007", "70", "", ""]
    cells = pd.DataFrame({"source": "first", "subject": subjects})
    other = pd.DataFrame({"source": "second", "subject": ["p1", "p1"]})
    assert warn_of_spellings(pd.concat([cells, other])) == [
        "subjects of first that may be one patient, but count as several: '007', '7'",
        "subjects of first that may be one patient, but count as several: 'P1', "
        "'p 1', 'p01'",
    ]


def test_lost_and_doubled_files_are_refused():
    cells = pd.DataFrame({"source": ["x"], "file": ["a"], "cell_id": ["1"]})
    rejected = pd.DataFrame({"source": ["x"], "file": ["b"]})
    check_sum(cells, rejected, 2)
    with pytest.raises(StudyError, match="3 files"):
        check_sum(cells, rejected, 3)
    with pytest.raises(StudyError, match="2 files"):
        check_sum(cells, rejected.assign(file="a"), 2)


def test_copies_of_a_copy_in_another_class_are_a_conflict(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_params(tmp_path, CLASSES)
    # Each moved by 4 % of the side: the ends of the chain, by 8 %, are no near copies.
    rows = [
        ("a.png", paint(3), "neutrophil", ""),
        ("b.png", paint(3, (0.04, 0)), "neutrophil", ""),
        ("c.png", paint(3, (0.08, 0)), "monocyte", ""),
        ("d.png", paint(4), "monocyte", ""),
    ]
    write_source(tmp_path, "first", rows)
    write_source(tmp_path, "second", [("a.png", paint(9), "neutrophil", "")])
    census = run_all()
    pairs = read_table(Path("data/duplicates/pairs.csv"))
    kinds = (pairs["file_a"] + pairs["file_b"] + pairs["kind"]).tolist()
    assert "a.pngb.pngnear" in kinds and "a.pngc.pngnear" not in kinds
    sheet = read_table(Path("data/duplicates/review.csv"))
    assert sheet["file"].tolist() == ["a.png", "b.png", "c.png"]
    assert census["rejected"]["dedup"] == {"conflict": 3}
    assert "1, 3 of their 3 cells dropped" in census["warnings"][0]
