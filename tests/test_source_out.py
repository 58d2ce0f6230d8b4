"""Protocol `source_out`: tested on one source, trained on the others."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from tiny_study import tiny_values

import leave_out
from cytobalance.balance.hold_out import visible_cells
from cytobalance.balance.source_out import UNUSED, leave_source_out
from cytobalance.study.damage import find_stage
from cytobalance.study.params import read_study
from cytobalance.study.runtime import StudyError
from cytobalance.study.settings import HoldOut
from cytobalance.study.stages import list_items
from cytobalance.study.tables import CELL_COLUMNS, read_table

CLASSES = ("neutrophil", "monocyte", "smudge_cell", "basophil")
FRACTIONS = {"train": 0.7, "test": 0.2, "validation": 0.1}


def hold_out(**changes):
    return HoldOut(**FRACTIONS | {"thin": {}, "left_out_source": "new"} | changes)


@pytest.fixture
def cells():
    """60 patients of `old` and `new`; copies join p0 to p1. Basophils are `new`'s."""
    stream = np.random.default_rng(3)
    patient = np.repeat(np.arange(60), 10)
    source = np.where(patient % 2, "new", "old")
    label = stream.choice(CLASSES[:3], p=(0.5, 0.4, 0.1), size=600)
    label[(source == "new") & (stream.random(600) < 0.2)] = "basophil"
    group = np.where(patient < 2, "p0", [f"p{p}" for p in patient])
    ids = [f"c{k}" for k in range(600)]
    table = pd.DataFrame({"cell_id": ids, "label": label, "group": group})
    return table.assign(source=source, published_part="")


def dealt(cells, **changes):
    table = leave_source_out(cells, CLASSES, hold_out(**changes), seed=1)
    assert table["cell_id"].equals(cells["cell_id"])
    return table.assign(source=cells["source"])


def test_the_test_part_is_the_left_out_source_and_nothing_else(cells):
    table = dealt(cells)
    new = table["source"] == "new"
    known = table["label"] != "basophil"
    assert (table["part"] == "test").equals(new & known)
    assert set(table[new & ~known]["part"]) == {"untrained"}
    assert set(table[~new]["part"]) == {"train", "validation", "bridge"}


def test_no_group_stands_on_both_sides(cells):
    table = dealt(cells)
    used = table[~table["part"].isin(UNUSED)]
    assert (used.groupby("group")["part"].nunique() == 1).all()
    # Cells of the old source that share a group with new ones neither train nor test.
    bridge = table[table["part"] == "bridge"]
    assert len(bridge) == 10 and set(bridge["group"]) == {"p0"}
    assert set(bridge["source"]) == {"old"}


def test_the_rest_keeps_the_ratio_of_training_and_validation(cells):
    table = dealt(cells)
    for label in CLASSES[:2]:
        parts = table[table["label"] == label]["part"].value_counts()
        share = parts["validation"] / (parts["validation"] + parts["train"])
        assert share == pytest.approx(0.125, abs=0.03)


def test_makers_see_training_cells_alone(cells):
    table = dealt(cells)
    seen = table.iloc[visible_cells(cells, table, "source_out")]
    assert set(seen["part"]) == {"train"} and set(seen["source"]) == {"old"}
    with pytest.raises(StudyError, match="belongs to other cells"):
        visible_cells(cells.iloc[::-1], table, "source_out")


def test_thinning_cuts_training_cells_alone(cells):
    whole, thin = dealt(cells), dealt(cells, thin={"monocyte": 14})
    of_class = (thin["label"] == "monocyte").to_numpy()
    assert (thin[of_class]["part"] == "train").sum() == 14
    changed = whole["part"] != thin["part"]
    assert set(whole[changed]["part"]) == {"train"} and of_class[changed].all()
    assert set(thin[changed]["part"]) == {"thinned"}


def test_a_published_split_plays_no_part(cells):
    split = cells.assign(published_part=np.where(cells.index % 2, "test", "train"))
    assert dealt(split)["part"].equals(dealt(cells)["part"])


def test_a_class_of_one_group_beside_the_source_is_neither_trained_nor_tested(cells):
    lone = (cells["label"] == "smudge_cell") & (cells["source"] == "old")
    alone = cells["group"] == cells["group"][lone].iloc[-1]
    table = dealt(cells[~lone | alone].reset_index(drop=True))
    assert set(table[table["label"] == "smudge_cell"]["part"]) == {"untrained"}


def test_a_source_that_shares_no_class_is_refused_by_name(cells):
    kept = (cells["source"] == "old") | (cells["label"] == "basophil")
    with pytest.raises(StudyError, match="without new the other sources can train"):
        dealt(cells[kept])
    with pytest.raises(StudyError, match="leave out another source"):
        dealt(cells[cells["source"] == "new"])


def test_stage_writes_the_deal_and_counts_what_is_in_no_part(
    cells, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    values = tiny_values()
    values["merge"]["classes"] = {label: [label] for label in CLASSES}
    values["study"]["seed"] = 1
    values["protocols"] = ["heldout", "source_out"]
    values["hold_out"]["left_out_source"] = "pbc_simulated"
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    (tmp_path / "data/cells").mkdir(parents=True)
    names = {"new": "pbc_simulated", "old": "lmu_simulated"}
    about = dict.fromkeys(CELL_COLUMNS, "x") | {"width": 16, "height": 16}
    table = pd.DataFrame(about, cells.index).assign(**cells)
    table = table.assign(source=cells["source"].map(names))[list(CELL_COLUMNS)]
    table.to_csv("data/cells/cells.csv", index=False)
    leave_out.main()
    told = capsys.readouterr().out
    written = read_table(tmp_path / "data/source_out.csv")
    assert written["part"].equals(dealt(cells)["part"])
    untrained = (written["part"] == "untrained").sum()
    assert "bridge: 10 cells of other sources" in told
    assert f"untrained: {untrained} cells of classes" in told
    assert "classes without test cells, not scored: basophil" in told
    assert find_stage(Path("data/source_out.csv")) == "leave_out@source_out"
    items = list_items(read_study())
    assert items["left_out"] == {
        "source_out": {"protocol": "source_out", "deal": "data/source_out.csv"}
    }
    assert items["splits"]["source_out-plain"]["deal"] == "data/source_out.csv"
    assert items["splits"]["heldout-plain"]["deal"] == "data/hold_out.csv"
