"""Cell sets on disk: faithful, atomic, byte-stable."""

import errno

import numpy as np
import pandas as pd
import pytest
import torch
from cell_sets import write_cells

from cytobalance.generators.states import read_state, write_state
from cytobalance.study.cells import create_images, pixel_id, read_cells
from cytobalance.study.runtime import (
    StudyError,
    atomic_file,
    atomic_folder,
    derive_seed,
    run_stage,
)
from cytobalance.study.tables import read_table, write_table

PLACE = "data/synthetic/heldout/smote"


def make_cells(count=5):
    images = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 3), np.uint8)
    ids = [pixel_id(image) for image in images]
    return images, pd.DataFrame({"cell_id": ids, "label": "007", "parent": ""})


def test_cells_come_back_as_written_and_memory_mapped(tmp_path):
    images, table = make_cells()
    write_cells(tmp_path / PLACE, images, table)
    cells = read_cells(tmp_path / PLACE)
    assert isinstance(cells.images, np.memmap)
    assert not cells.images.flags.writeable
    np.testing.assert_array_equal(cells.images, images)
    assert cells.table["label"].tolist() == ["007"] * 5
    assert cells.table["cell_id"].tolist() == table["cell_id"].tolist()


def test_same_cells_give_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        write_cells(tmp_path / name / PLACE, *make_cells())
    for file in ("images.npy", "cells.csv"):
        one, two = ((tmp_path / n / PLACE / file).read_bytes() for n in ("one", "two"))
        assert one == two


def test_rows_and_images_that_disagree_are_refused(tmp_path):
    images, table = make_cells()
    write_cells(tmp_path / PLACE, images, table)
    write_table(tmp_path / PLACE / "cells.csv", table.iloc[:3])
    with pytest.raises(StudyError, match="holds 5 images, but"):
        read_cells(tmp_path / PLACE)


def test_missing_table_says_what_to_do(tmp_path):
    with pytest.raises(StudyError, match="dvc repro"):
        read_table(tmp_path / PLACE / "cells.csv")


def test_an_empty_cell_set_is_legal(tmp_path):
    _, table = make_cells(0)
    with atomic_folder(tmp_path / PLACE) as folder:
        create_images(folder, 0, 8)
        write_table(folder / "cells.csv", table)
    assert len(read_cells(tmp_path / PLACE)) == 0


def test_identity_follows_pixels_and_shape():
    image = np.zeros((4, 6, 3), np.uint8)
    assert pixel_id(image) == pixel_id(image.copy())
    assert pixel_id(image) != pixel_id(image.reshape(6, 4, 3))
    other = image.copy()
    other[3, 5, 2] = 1
    assert pixel_id(image) != pixel_id(other)


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_file(path) as partial:
        partial.write_text("half")
        raise RuntimeError
    with pytest.raises(RuntimeError), atomic_folder(tmp_path / "b") as partial:
        (partial / "x").write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_streams_differ_by_name_and_not_by_order():
    assert derive_seed(1, "a", 2) == derive_seed(1, "a", 2)
    seeds = {derive_seed(1, "a"), derive_seed(1, "b"), derive_seed(2, "a")}
    assert len(seeds) == 3
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_new_images_take_their_room_at_once(tmp_path):
    images = create_images(tmp_path, 50, 32)
    size = images.nbytes
    assert (tmp_path / "images.npy").stat().st_blocks * 512 >= size == 50 * 3 * 32**2
    assert not images.any()


@pytest.mark.parametrize(
    "error, line",
    [
        (StudyError("do this"), "do this"),
        (StudyError("Icon\r and a\nb"), r"Icon\r and a\nb"),
        (OSError(errno.ENOSPC, "No space left on device"), "make room"),
        (torch.OutOfMemoryError("CUDA out of memory"), "lower the stage's share"),
        (MemoryError(), "lower the stage's share"),
        (PermissionError(errno.EACCES, "Permission denied", "a.csv"), "a.csv: Perm"),
    ],
)
def test_what_a_user_can_mend_is_one_line(error, line, capsys):
    def main():
        raise error

    with pytest.raises(SystemExit) as end:
        run_stage(main)
    said = capsys.readouterr().err
    assert end.value.code == 1
    assert said.startswith("error: ") and line in said and said.count("\n") == 1


def test_full_memory_of_a_cpu_is_one_line(capsys):
    with pytest.raises(SystemExit):
        run_stage(lambda: torch.empty(2**50))
    assert capsys.readouterr().err.startswith("error: the memory is full; lower")


def test_a_full_memory_is_no_damage_of_the_file_being_read(tmp_path):
    state = tmp_path / "state.pt", torch.device("cpu")
    write_state(state[0], {})
    with pytest.raises(StudyError, match="state is damaged"), read_state(*state):
        raise RuntimeError("no state")
    full = torch.OutOfMemoryError("CUDA out of memory")
    with pytest.raises(torch.OutOfMemoryError), read_state(*state):
        raise full


def test_a_mistake_of_ours_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        run_stage(lambda: 1 // 0)
