"""Sources that come split: their parts are kept, and no group is torn by them."""

import zipfile
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import yaml
from ingested_study import write_params

import dedup
import hold_out
import ingest
import merge
import relabel
from cytobalance.balance.hold_out import hold_out_cells, published_parts
from cytobalance.study.runtime import StudyError
from cytobalance.study.settings import HoldOut
from cytobalance.study.tables import read_table

CLASSES = ("all", "hem")
# Gungor 2023: 80/20 of the folds, and the preliminary set is the test.
GUNGOR = HoldOut(train=0.64, test=0.2, validation=0.16, thin={})


def sliced(source: str, published: str, subjects: int, each: int = 10) -> pd.DataFrame:
    """Cells of `subjects`, every other one with leukaemia, in one published part."""
    rows = [
        (f"{source}-{published}-{s}-{k}", source, CLASSES[s % 2], f"{published}{s}")
        for s in range(subjects)
        for k in range(each)
    ]
    table = pd.DataFrame(rows, columns=["cell_id", "source", "label", "group"])
    group = source + "/" + table["group"]
    return table.assign(group=group, published_part=published)


def join(*tables: pd.DataFrame) -> pd.DataFrame:
    return pd.concat(tables, ignore_index=True)


def test_published_parts_are_kept_and_validation_comes_out_of_training():
    cells = join(sliced("cnmc", "train", 70), sliced("cnmc", "test", 30))
    dealt = hold_out_cells(cells, CLASSES, GUNGOR, seed=1)
    test = cells["published_part"] == "test"
    assert (dealt["part"] == "test").equals(test)
    assert (dealt.groupby("group")["part"].nunique() == 1).all()
    for label in CLASSES:
        folds = dealt[~test & (dealt["label"] == label)]
        assert (folds["part"] == "validation").mean() == pytest.approx(0.2, abs=0.03)


def test_a_source_with_a_validation_part_keeps_all_three():
    parts = {"train": 20, "validation": 4, "test": 9}
    cells = join(*(sliced("medmnist", part, count) for part, count in parts.items()))
    dealt = hold_out_cells(cells, CLASSES, GUNGOR, seed=1)
    assert list(dealt["part"]) == list(cells["published_part"])


def test_cells_that_came_unsplit_are_dealt_beside_those_that_did():
    own, other = sliced("lab", "", 100), sliced("cnmc", "train", 50)
    cells = join(own, other, sliced("cnmc", "test", 10))
    dealt = hold_out_cells(cells, CLASSES, GUNGOR, seed=1)
    counts = pd.crosstab(cells["source"] + cells["published_part"], dealt["part"])
    assert counts.loc["cnmctrain", "test"] == 0
    assert counts.loc["cnmctest"].to_dict() == {
        "test": 100, "train": 0, "validation": 0
    }  # fmt: skip
    shares = counts.loc["lab"] / len(own)
    for part in ("train", "test", "validation"):
        assert shares[part] == pytest.approx(getattr(GUNGOR, part), abs=0.1)


def test_the_strictest_part_takes_a_torn_group():
    cells = join(
        sliced("a", "train", 20), sliced("a", "validation", 8), sliced("a", "test", 8)
    )
    cells.loc[cells["group"] == "a/train0", "group"] = "a/test0"
    cells.loc[cells["group"] == "a/train1", "group"] = "a/validation1"
    cells.loc[cells["group"] == "a/train2", "group"] = "a/train4"
    unsplit = sliced("b", "", 2).assign(group="a/test1")
    cells = join(cells, unsplit)
    dealt = hold_out_cells(cells, CLASSES, GUNGOR, seed=1)
    part = dealt.set_index("cell_id")["part"]
    assert part["a-train-0-0"] == "test"
    assert part["a-train-1-0"] == "validation"
    assert part["a-train-2-0"] == "train"  # torn between two training folds at most
    assert part["b--0-0"] == part["b--1-9"] == "test"
    assert list(published_parts(cells)) == list(dealt["part"])


def test_training_cells_that_share_a_group_with_a_source_of_three_parts_stay():
    three = [sliced("b", part, 10) for part in ("train", "validation", "test")]
    cells = join(sliced("a", "train", 40), sliced("a", "test", 10), *three)
    shared = cells["group"].isin([f"a/train{s}" for s in range(20)])
    cells.loc[shared, "group"] = "b/train0"
    dealt = hold_out_cells(cells, CLASSES, GUNGOR, seed=1)
    assert set(dealt.loc[cells["group"] == "b/train0", "part"]) == {"train"}
    rest = dealt[~shared & (cells["source"] == "a") & (dealt["part"] != "test")]
    assert set(rest["part"]) == {"train", "validation"}


def test_ignored_it_is_dealt_as_if_it_had_never_come_split():
    cells = join(sliced("cnmc", "train", 70), sliced("cnmc", "test", 30))
    ignore = GUNGOR.model_copy(update={"published": "ignore"})
    dealt = hold_out_cells(cells, CLASSES, ignore, seed=1)
    unsplit = hold_out_cells(cells.assign(published_part=""), CLASSES, GUNGOR, seed=1)
    assert dealt.equals(unsplit)
    assert (dealt["part"] == "test").sum() == 200


def test_a_class_that_the_published_split_gives_no_part_is_named():
    cells = join(sliced("cnmc", "train", 20), sliced("cnmc", "test", 10))
    missing = (cells["published_part"] == "test") & (cells["label"] == "hem")
    with pytest.raises(StudyError, match=r"class hem: .* no test cells; .* ignore"):
        hold_out_cells(cells[~missing], CLASSES, GUNGOR, seed=1)


def test_a_class_with_one_training_group_can_not_validate_too():
    cells = join(sliced("cnmc", "train", 20), sliced("cnmc", "test", 10))
    alone = (cells["published_part"] == "train") & (cells["label"] == "hem")
    cells.loc[alone, "group"] = "cnmc/train1"
    with pytest.raises(StudyError, match=r"class hem: .*no deal.*hold_out\.published"):
        hold_out_cells(cells, CLASSES, GUNGOR, seed=1)


def made_up(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    return cv2.imencode(".bmp", pixels)[1].tobytes()


def write_cnmc(path: Path) -> None:
    """C-NMC's layout and names with made-up pixels.

    Ten subjects a class in the folds, five in the preliminary set, four cells each.
    One cell of subject 3 is one of the preliminary subject 103 too; subject H3 is
    spelt h3 in one of its files.
    """
    folds, preliminary, rows = {}, {}, ["Patient_ID,new_names,labels"]
    top = "C-NMC_Leukemia"
    for seed, (label, s, k) in enumerate(
        (label, s, k) for label in CLASSES for s in range(10) for k in range(4)
    ):
        mark = {"all": "", "hem": "h" if (s, k) == (3, 0) else "H"}[label]
        name = f"UID_{mark}{s}_{k}_1_{label}.bmp"
        folds[f"{top}/training_data/fold_{s % 3}/{label}/{name}"] = made_up(seed)
    folder = f"{top}/validation_data/C-NMC_test_prelim_phase_data"
    for number, (label, s, k) in enumerate(
        (label, s, k) for label in CLASSES for s in range(5) for k in range(4)
    ):
        mark, code = {"all": ("", 1), "hem": ("H", 0)}[label]
        name = f"UID_{mark}{100 + s}_{k}_1_{label}.bmp"
        rows.append(f"{name},{number}.bmp,{code}")
        preliminary[f"{folder}/{number}.bmp"] = made_up(1000 + number)
    twice = f"{top}/training_data/fold_0/all/UID_3_0_1_all.bmp"
    preliminary[f"{folder}/12.bmp"] = folds[twice]  # subject 103's first cell
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w") as archive:
        for file, data in {**folds, **preliminary}.items():
            archive.writestr(file, data)
        archive.writestr(f"{folder}_labels.csv", "\n".join(rows))


def test_cnmc_from_its_archive_to_gungors_parts(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    own = {label: [label] for label in CLASSES}
    write_params(tmp_path, own, hold_out=GUNGOR.model_dump())
    study = yaml.safe_load(Path("params.yaml").read_text())
    codes = {label: label for label in CLASSES}
    source = {"layout": "cnmc", "origin": "published", "archive": "c.zip"}
    study["sources"] = {"cnmc": {**source, "codes": codes}}
    Path("params.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    write_cnmc(tmp_path / "data/raw/cnmc/c.zip")
    Path("data/expert").mkdir()
    for stage in (ingest, relabel, dedup, merge, hold_out):
        stage.main()
    cells = read_table(Path("data/cells/cells.csv"))
    counts = cells["published_part"].value_counts().to_dict()
    assert counts == {"train": 80, "test": 39}  # the copy of 3's cell is gone
    dealt = read_table(Path("data/hold_out.csv"))
    assert (dealt.groupby("group")["part"].nunique() == 1).all()
    part = dealt["part"].groupby(cells["subject"]).agg(set)
    in_test = {subject for subject, parts in part.items() if parts == {"test"}}
    preliminary = {f"{mark}{s}" for mark in ("", "H") for s in range(100, 105)}
    # Subject 3 shares a cell with 103: it may not train, so it goes to the test.
    assert in_test == preliminary | {"3"}
    by_class = pd.crosstab(dealt["label"], dealt["part"])
    assert by_class["validation"].to_dict() == {"all": 8, "hem": 8}
    said = capsys.readouterr().out
    assert "119 of 119 cells have a part; 4 changed it with their group" in said
    assert "16 training cells were dealt out for validation" in said
