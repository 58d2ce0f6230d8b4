"""predict.py: archives of any layout, and the differential of each subject."""

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from new_images import run, write_image

import predict


def image_bytes(seed: int = 0) -> bytes:
    path = Path(f"made/{seed}.png")
    write_image(path, seed)
    data = path.read_bytes()
    path.unlink()
    return data


def write_zip(path: Path, files: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)


def write_tar(path: Path, files: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


# Not in the order of their names, in which an archive need not be.
NAMES = ("p2/b.png", "p1/deep/c.png", "p1/a.png")


def same_but_names(one: pd.DataFrame, two: pd.DataFrame) -> None:
    both = [
        t.assign(file=t["file"].str.extract(r"(p\d/.*)")[0])
        .drop(columns="subject")
        .sort_values("file", ignore_index=True)
        for t in (one, two)
    ]
    pd.testing.assert_frame_equal(*both, rtol=1e-4)


@pytest.mark.parametrize("kind", ["x.zip", "x.tar.gz"])
def test_an_archive_is_named_as_the_folder_it_was_packed_from(model, capsys, kind):
    files = {name: image_bytes(k) for k, name in enumerate(NAMES)}
    (write_zip if kind == "x.zip" else write_tar)(Path(kind), files)
    for name, data in files.items():
        path = Path("new") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    code, packed, _ = run(capsys, kind)
    assert code == 0
    assert list(packed["file"]) == [f"{kind}/{name}" for name in NAMES]
    assert list(packed["subject"]) == [f"{kind}/p2", f"{kind}/p1", f"{kind}/p1"]
    same_but_names(packed, run(capsys, "new")[1])


def test_medmnist_arrays_are_named_row_by_row(model, capsys):
    stream = np.random.default_rng(0)
    images = stream.integers(0, 256, (3, 28, 28, 3), np.uint8)
    np.savez("x.npz", test_images=images, test_labels=np.zeros((3, 1), np.uint8))
    code, table, said = run(capsys, "x.npz")
    assert code == 0 and "1 left out" in said
    assert list(table["file"]) == [f"x.npz/test/{k:06d}.ppm" for k in range(3)]


def test_a_damaged_member_is_a_row_and_so_is_a_damaged_archive(model, capsys):
    write_zip(
        Path("x.zip"),
        {"a.png": image_bytes(), "b.png": image_bytes(1)[:300], "._a.png": b""}
        | {"inner.zip": b"", "notes.txt": b"", "../out.png": image_bytes()},
    )
    Path("y.zip").write_bytes(Path("x.zip").read_bytes()[:200])
    write_zip(Path("z.zip"), {"notes.txt": b""})
    code, table, said = run(capsys, "x.zip", "y.zip", "z.zip")
    assert code == predict.SOME_UNREAD
    reasons = table.set_index("file")["reason"]
    assert reasons["x.zip/a.png"] == ""
    assert "damaged" in reasons["x.zip/b.png"]
    assert "unsafe path" in reasons["x.zip/../out.png"]
    assert reasons["x.zip/inner.zip"] == "an archive in an archive; unpack it first"
    assert reasons["y.zip"].startswith("damaged or no archive")
    assert reasons["z.zip"] == "archive without image files"
    assert said.splitlines()[-1].startswith("1 of 6 files predicted, 5 can't be read")
    assert "3 left out" in said


def test_archives_in_a_folder_are_opened(model, capsys):
    for name in ("p1", "p2"):
        write_zip(Path(f"new/{name}.zip"), {"a.png": image_bytes()})
    write_image(Path("new/b.png"))
    code, table, _ = run(capsys, "new")
    assert code == 0
    names = ["new/b.png", "new/p1.zip/a.png", "new/p2.zip/a.png"]
    assert list(table["file"]) == names
    assert list(table["subject"]) == ["new", "new/p1.zip", "new/p2.zip"]


def test_shares_of_each_subject_stand_with_their_intervals(model, capsys):
    for k in range(7):
        write_image(Path(f"new/p{k % 2}/{k}.png"), k)
    Path("new/p1/cut.png").write_bytes(b"")
    code, table, _ = run(capsys, "--differential", "diff.csv", "new")
    assert code == predict.SOME_UNREAD
    found = pd.read_csv("diff.csv")
    assert list(found["subject"]) == ["new/p0"] * 2 + ["new/p1"] * 2
    assert list(found["of"]) == [4, 4, 3, 3]
    read = table[table["reason"] == ""]
    for row in found.itertuples():
        own = read[(read["subject"] == row.subject) & (read["predicted"] == row.label)]
        assert row.cells == len(own) and row.share == pytest.approx(len(own) / row.of)
        assert row.unsure == (own["unsure"] == "yes").sum()
        assert 0 <= row.low <= row.share <= row.high <= 1 and row.low < row.high


def test_a_pattern_finds_the_subject(model, capsys):
    for name in ("P7_1.png", "P7_2.png", "P12_1.png", "other.png"):
        write_image(Path("new", name))
    _, table, _ = run(capsys, "--subject", r"(P\d+)_", "new")
    assert list(table["subject"]) == ["P12", "P7", "P7", ""]
    _, table, _ = run(capsys, "--subject", r"P\d", "new")
    assert list(table["subject"]) == ["P1", "P7", "P7", ""]
    code, _, said = run(capsys, "--subject", "(P", "new")
    assert code == 1 and "no regular expression" in said and said.count("\n") == 1


def test_a_subject_is_named_alike_in_both_tables_and_stays_a_line(model, capsys):
    write_image(Path("new/p\n1/a.png"))
    _, table, _ = run(capsys, "--differential", "diff.csv", "new")
    assert table["subject"].tolist() == [r"new/p\n1"]
    assert Path("diff.csv").read_text().count("\n") == 3
    assert set(pd.read_csv("diff.csv")["subject"]) == set(table["subject"])


def test_two_outputs_in_one_file_are_refused(model, capsys):
    write_image(Path("a.png"))
    words = ("--output", "x.csv", "--differential", "./x.csv")
    code, _, said = run(capsys, *words, "a.png")
    assert code == 1 and "the same file as --output" in said
    assert not Path("x.csv").exists()
