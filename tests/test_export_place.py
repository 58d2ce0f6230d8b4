"""Where an export may lie: nothing else is replaced, nothing half-written stays."""

from pathlib import Path

import pytest
from fake_study import write_params

from cytobalance.export.place import CHECKSUMS, check_place, export_folder
from cytobalance.study.runtime import StudyError

OUT = Path("out")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def export(text: str) -> None:
    check_place(OUT)
    with export_folder(OUT) as folder:
        (folder / "sub").mkdir()
        (folder / "sub/a.txt").write_text(text)


def test_an_earlier_export_is_replaced():
    export("one")
    export("two")
    assert (OUT / "sub/a.txt").read_text() == "two"
    assert (OUT / CHECKSUMS).read_text().endswith("  sub/a.txt\n")
    assert [path.name for path in Path().iterdir()] == ["out"]


def change(path: Path) -> None:
    path.write_text("mine")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda: change(OUT / "sub/a.txt"),
        lambda: change(OUT / "notes.txt"),
        lambda: (OUT / "link").symlink_to("nowhere"),
        lambda: (OUT / CHECKSUMS).unlink(),
        lambda: (OUT / CHECKSUMS).write_bytes(b"\xff\n"),
        lambda: (OUT / "sub/a.txt").unlink(),
    ],
    ids=["changed", "added", "link", "no_list", "bad_list", "removed"],
)
def test_an_export_that_somebody_changed_is_kept(spoil):
    export("one")
    spoil()
    before = {path: path.is_file() and path.read_bytes() for path in OUT.rglob("*")}
    with pytest.raises(StudyError, match="not as an export wrote it"):
        export("two")
    assert {p: p.is_file() and p.read_bytes() for p in OUT.rglob("*")} == before


def test_what_no_export_wrote_is_kept():
    Path("file").write_text("mine")
    Path("full").mkdir()
    Path("full/a").touch()
    for name in ("file", "full", ".", ".."):
        with pytest.raises(StudyError, match="not as an export wrote it"):
            check_place(Path(name))
    Path("empty").mkdir()
    check_place(Path("empty"))


def test_a_place_that_can_not_be_written_is_refused_at_once():
    Path("file").touch()
    for path in (Path("file/out"), Path("x" * 300), Path("/proc/out")):
        with pytest.raises(StudyError, match=r"--output .* can't be written"):
            check_place(path)


def test_a_stages_place_is_refused():
    write_params(Path())
    for name in ("data/cells/new", "data/incoming/new", "stages/new"):
        with pytest.raises(StudyError, match="place of the stage"):
            check_place(Path(name))


def test_a_stopped_export_leaves_what_was_there():
    export("one")
    with pytest.raises(KeyboardInterrupt), export_folder(OUT) as folder:
        (folder / "a.txt").write_text("two")
        raise KeyboardInterrupt
    assert (OUT / "sub/a.txt").read_text() == "one"
    assert [path.name for path in Path().iterdir()] == ["out"]
