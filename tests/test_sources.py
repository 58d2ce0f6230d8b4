"""Layouts and archives: what is listed, under which label, and what is left out."""

import io
import os
import stat
import struct
import tarfile
import zipfile
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from archives import facts, list_files, png, reasons, write_folder, write_tar, write_zip
from PIL import Image

from cytobalance.sources import listing
from cytobalance.sources.archive import open_archive
from cytobalance.sources.catalogue import PUBLIC_SETS, explain_placing
from cytobalance.sources.entry import Entry
from cytobalance.sources.listing import LAYOUTS, list_source
from cytobalance.sources.members import UnreadableError
from cytobalance.study import settings as groups
from cytobalance.study.runtime import StudyError
from cytobalance.study.settings import Source

PBC = {
    "PBC/basophil/BA_1.jpg": png(1),
    "PBC/ig/MMY_22.jpg": png(2),
    "PBC/neutrophil/NEUTROPHIL_3.JPG": png(3),
    "PBC/neutrophil/.DS_169665.jpg": b"\0\0\0\1Bud1",
    "__MACOSX/PBC/ig/._MMY_22.jpg": b"x",
    "PBC/Thumbs.db": b"x",
    "PBC/readme.txt": b"hello",
}
WRITERS = {
    "folder": lambda tmp: write_folder(tmp / "set", PBC),
    "zip": lambda tmp: write_zip(tmp / "set.zip", PBC),
    "stored zip": lambda tmp: write_zip(tmp / "set.zip", PBC, zipfile.ZIP_STORED),
    "tar": lambda tmp: write_tar(tmp / "set.tar", PBC),
    "tar.gz": lambda tmp: write_tar(tmp / "set.tar.gz", PBC),
    "folder that holds a zip": lambda tmp: write_zip(tmp / "set.zip", PBC).parent,
    "folder that holds a tar.xz": lambda tmp: write_tar(tmp / "x.tar.xz", PBC).parent,
    "folder that holds a tar.bz2": lambda tmp: write_tar(tmp / "x.tar.bz2", PBC).parent,
}


@pytest.mark.parametrize("kind", WRITERS)
def test_every_kind_of_archive_reads_the_same(kind, tmp_path):
    path = WRITERS[kind](tmp_path)
    found = list_files("pbc", path)
    assert facts(found) == [
        ("PBC/basophil/BA_1.jpg", "BA", ""),
        ("PBC/ig/MMY_22.jpg", "MMY", ""),
        ("PBC/neutrophil/NEUTROPHIL_3.JPG", "NEUTROPHIL", ""),
    ]
    assert reasons(found) == {
        "PBC/neutrophil/.DS_169665.jpg": "macOS metadata",
        "__MACOSX/PBC/ig/._MMY_22.jpg": "macOS metadata",
        "PBC/Thumbs.db": "Windows metadata",
        "PBC/readme.txt": "no image by its name",
    }
    archive = open_archive(path)
    for name in ("PBC/neutrophil/NEUTROPHIL_3.JPG", "PBC/basophil/BA_1.jpg"):
        assert archive.read(name) == PBC[name]
    # A worker reads members without listing them first.
    fresh = open_archive(path)
    member = archive.members["PBC/ig/MMY_22.jpg"]
    assert fresh.read_member(member) == PBC[member.name]
    assert "members" not in vars(fresh)


def test_lmu_takes_labels_from_annotations(tmp_path):
    rows = "BAS/BAS_0001.tiff BAS nan nan\nMON/MON_0001.tiff MYO MYO UNC\n"
    found = list_files(
        "lmu",
        write_folder(
            tmp_path,
            {
                "AML/annotations.dat": rows.encode(),
                "AML/BAS/BAS_0001.tiff": png(),
                "AML/MON/MON_0001.tiff": png(),
                "AML/NGS/NGS_0001.tiff": png(),
            },
        ),
    )
    assert [label for _, label, _ in facts(found)] == ["BAS", "MYO", "NGS"]
    assert reasons(found) == {"AML/annotations.dat": "labels, not an image"}


def test_real_annotations_agree_with_their_folders(real_data, tmp_path):
    rows = (real_data / "aml_lmu" / "annotations.dat").read_text()
    names = [line.split()[0] for line in rows.splitlines()]
    files = dict.fromkeys((f"AML/{name}" for name in names), b"")
    with_table = write_zip(
        tmp_path / "a.zip", {**files, "AML/annotations.dat": rows.encode()}
    )
    without = write_zip(tmp_path / "b.zip", files)
    found = list_files("lmu", with_table)
    assert len(found.entries) == 18_365
    assert facts(found) == facts(list_files("lmu", without))
    assert {found.codes[e.raw_label] for e in found.entries} >= {"monoblast"}


def test_mll_nested_number_folders_and_codes_left_out_by_rule(tmp_path):
    found = list_files(
        "mll",
        write_folder(
            tmp_path,
            {
                "BM/BLA/BLA_00001.jpg": png(),
                "BM/NGS/0001-1000/NGS_00001.jpg": png(),
                "BM/NGS/28001-29424/NGS_28999.jpg": png(),
                "BM/NIF/NIF_00001.jpg": png(),
            },
        ),
    )
    assert [label for _, label, _ in facts(found)] == ["BLA", "NGS", "NGS"]
    assert reasons(found) == {"BM/NIF/NIF_00001.jpg": "code 'NIF' is left out by rule"}
    assert found.rejected[0].by_rule
    assert found.rejected[0].raw_label == "NIF"


def test_eone_table_rules(tmp_path):
    table = (
        "\ufefffile,label,patient\n1.png,monoblast,P1\nsub/2.png,monocyte,P2\n"
        "3.png,monocyte,P2\n3.png,basophil,P2\n4.png,monocyte,P3\n5.png,,P1\n"
    )
    files = {"images/1.png": png(), "images/sub/2.png": png(), "images/3.png": png()}
    files |= {"images/5.png": png(), "images/extra.png": png()}
    files["cells.csv"] = table.encode()
    found = list_files("eone", write_folder(tmp_path, files))
    assert facts(found) == [
        ("images/1.png", "monoblast", "P1"),
        ("images/sub/2.png", "monocyte", "P2"),
    ]
    assert reasons(found) == {
        "cells.csv": "labels, not an image",
        "images/3.png": "listed twice in cells.csv, not alike",
        "images/4.png": "listed in cells.csv, but not in the archive",
        "images/5.png": "no label",
        "images/extra.png": "not listed in cells.csv",
    }


@pytest.mark.parametrize(
    ("files", "word"),
    [
        ({"images/1.png": png()}, "one cells.csv, but holds 0"),
        ({"a/cells.csv": b"x", "b/cells.csv": b"x"}, "holds 2"),
        ({"cells.csv": b"file,patient\n"}, "column label is missing"),
        ({"cells.csv": b"file;patient\n"}, "column label is missing"),
        ({"cells.csv": b"\xff\xfe\0"}, "UTF-8"),
        ({"cells.csv": b"file,label,patient\n"}, "no labelled image"),
    ],
)
def test_eone_table_faults(files, word, tmp_path):
    with pytest.raises(StudyError, match=word):
        list_files("eone", write_folder(tmp_path, files))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("shape", [(28, 28, 3), (64, 64, 3), (28, 28)])
def test_bloodmnist_keeps_the_official_split(save, shape, tmp_path):
    random = np.random.default_rng(0)
    arrays = {}
    for part, count in (("train", 5), ("val", 2), ("test", 3)):
        arrays[f"{part}_images"] = random.integers(0, 255, (count, *shape), np.uint8)
        arrays[f"{part}_labels"] = random.integers(0, 8, (count, 1)).astype(np.uint8)
    save(tmp_path / "bloodmnist.npz", **arrays)
    path = tmp_path / "bloodmnist.npz"
    found = list_files("bloodmnist", path)
    parts = pd.Series([e.part for e in found.entries]).value_counts()
    assert parts.to_dict() == {"train": 5, "test": 3, "validation": 2}
    assert set(reasons(found).values()) == {"labels, not an image"}
    archive = open_archive(path)
    for entry in reversed(found.entries):  # backwards too
        part, row = entry.file.removesuffix(".ppm").split("/")
        pixels = np.asarray(Image.open(io.BytesIO(archive.read(entry.file))))
        assert np.array_equal(pixels, arrays[f"{part}_images"][int(row)])
        assert entry.raw_label == str(arrays[f"{part}_labels"][int(row), 0])


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_damaged_npz_is_refused_as_a_whole(save, tmp_path):
    # Its rows are read out of order, where a checksum at the end comes too late.
    images = np.random.default_rng(0).integers(0, 255, (60, 28, 28, 3), np.uint8)
    path = tmp_path / "b.npz"
    save(path, train_images=images, train_labels=np.zeros((60, 1), np.uint8))
    data = bytearray(path.read_bytes())
    data[len(data) * 2 // 3] ^= 1
    path.write_bytes(data)
    with pytest.raises(StudyError, match=r"b\.npz: damaged archive .*train_images"):
        list_files("bloodmnist", path)


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz"])
def test_a_compressed_tar_that_is_damaged_is_refused_as_a_whole(kind, tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, 50_000, np.uint8).tobytes()
    path = tmp_path / "set.tar"
    with tarfile.open(path, f"w:{kind}") as archive:
        info = tarfile.TarInfo("BA_1.png")
        info.size = len(noise)
        archive.addfile(info, io.BytesIO(noise))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(StudyError, match="damaged"):
        list_files("pbc", path)


def test_bloodmnist_is_an_npz(tmp_path):
    files = {"train_labels.npy": b"x", "train/000001.ppm": png()}
    with pytest.raises(StudyError, match=r"MedMNIST's \.npz file alone"):
        list_files("bloodmnist", write_folder(tmp_path / "set", files))


def test_bloodmnist_of_another_shape_is_refused(tmp_path):
    np.savez(tmp_path / "b.npz", train_images=np.zeros((2, 28, 28, 5), np.uint8))
    with pytest.raises(StudyError, match="must be uint8"):
        list_files("bloodmnist", tmp_path / "b.npz")


@pytest.mark.parametrize(
    ("labels", "word"),
    [
        (np.zeros((3, 1), np.uint8), "3 labels for 2 images of `train`"),
        (np.zeros((2, 14), np.uint8), r"whole numbers \[N\] or \[N, 1\]"),
        (np.zeros(2), "whole numbers"),
        (np.array(1), "whole numbers"),
        (np.array(["a", None]), "can't be read"),
    ],
)
def test_bloodmnist_labels_that_do_not_fit_are_refused(labels, word, tmp_path):
    images = np.zeros((2, 28, 28, 3), np.uint8)
    np.savez(tmp_path / "b.npz", train_images=images, train_labels=labels)
    with pytest.raises(StudyError, match=word) as caught:
        list_files("bloodmnist", tmp_path / "b.npz")
    assert "\n" not in str(caught.value)


def test_folder_layout(tmp_path):
    files = {"set/Mono/1.png": png(), "set/Mono/a/2.png": png(), "3.png": png()}
    codes = {"Mono": "monocyte", "a": None}
    found = list_files("folder", write_folder(tmp_path, files), codes=codes)
    assert facts(found) == [("set/Mono/1.png", "Mono", "")]
    assert reasons(found) == {
        "3.png": "not in a class folder",
        "set/Mono/a/2.png": "code 'a' is left out by rule",
    }


def test_table_layout(tmp_path):
    rows = b"path;label;subject\nx/1.png;M;7\n"
    files = {"d/labels.csv": rows, "d/x/1.png": png(), "d/x/2.png": png()}
    codes = {"M": "monocyte"}
    found = list_files("table", write_folder(tmp_path, files), codes=codes)
    assert facts(found) == [("d/x/1.png", "M", "7")]
    assert reasons(found)["d/x/2.png"] == "not listed in labels.csv"


def test_a_new_layout_is_one_module_and_one_line(tmp_path, monkeypatch):
    def list_entries(archive):
        for file in archive.names():
            if file.endswith(".png"):
                patient, label, _ = file.split("-")
                yield Entry(file, label, patient)

    toy = SimpleNamespace(CODES={"mono": "monocyte"}, list_entries=list_entries)
    monkeypatch.setitem(listing.LAYOUTS, "toy", toy)
    path = write_folder(tmp_path, {"P1-mono-1.png": png(), "notes.txt": b"x"})
    source = Source.model_construct(layout="toy", codes={})
    found = list_source("mine", source, open_archive(path))
    assert facts(found) == [("P1-mono-1.png", "mono", "P1")]
    assert reasons(found) == {"notes.txt": "no image by its name"}


def test_groups_and_readers_name_the_same_layouts():
    assert set(groups.Layout.__args__) == set(LAYOUTS)
    assert set(groups.UNCODED) == {n for n, m in LAYOUTS.items() if not m.CODES}


@pytest.mark.parametrize(
    ("layout", "files", "word"),
    [
        ("pbc", {"a/XYZ_1.jpg": png(), "a/BA_1.jpg": png()}, "unknown code 'XYZ'"),
        ("pbc", {"readme.txt": b"x"}, "no labelled image"),
        ("mll", {"BM/NIF/NIF_1.jpg": png()}, "no labelled image"),
    ],
)
def test_source_faults_name_the_source(layout, files, word, tmp_path):
    with pytest.raises(StudyError, match=f"source mine.*{word}"):
        list_files(layout, write_folder(tmp_path, files))


def test_codes_of_the_study_extend_and_overrule(tmp_path):
    files = {"a/XYZ_1.jpg": png(), "a/BA_1.jpg": png(), "a/EO_1.jpg": png()}
    path = write_folder(tmp_path, files)
    found = list_files("pbc", path, codes={"XYZ": "monocyte", "EO": None})
    assert [found.codes[e.raw_label] for e in found.entries] == ["basophil", "monocyte"]


# What a hostile or careless archive may hold.


def add_zip_links(archive):
    link = zipfile.ZipInfo("a/BA_9.jpg")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(link, "/etc/passwd")


def test_zip_unsafe_names_links_and_duplicates(tmp_path):
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as archive, pytest.warns(UserWarning):
        for name in (
            "/abs/BA_1.jpg",
            "../BA_2.jpg",
            "a/../../BA_3.jpg",
            "C:\\BA_4.jpg",
        ):
            archive.writestr(name, png())
        archive.writestr("a/BA_5.jpg", png(1))
        archive.writestr("a/BA_5.jpg", png(2))
        archive.writestr("b\\BA_6.jpg", png(3))
        archive.writestr("a/BA_5.JPG", png(4))  # another file: names differ in case
        add_zip_links(archive)
    found = list_files("pbc", path)
    assert [e.file for e in found.entries] == ["a/BA_5.JPG", "a/BA_5.jpg", "b/BA_6.jpg"]
    left_out = reasons(found)
    assert len(found.rejected) == 6
    assert left_out["a/BA_5.jpg (2)"].startswith("duplicate member name")
    assert left_out["a/BA_9.jpg"] == "link in the archive"
    for name in ("/abs/BA_1.jpg", "../BA_2.jpg", "a/../../BA_3.jpg", "C:/BA_4.jpg"):
        assert "unsafe path" in left_out[name]
    assert open_archive(path).read("a/BA_5.jpg") == png(2)


def test_encrypted_members_are_named(tmp_path):
    path = write_zip(tmp_path / "set.zip", {"BA_1.jpg": png(), "BA_2.jpg": png()})
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\1\2")
    data[at + 8] |= 1  # the flag in the central directory
    path.write_bytes(data)
    found = list_files("pbc", path)
    assert [e.file for e in found.entries] == ["BA_2.jpg"]
    assert reasons(found)["BA_1.jpg"].startswith("encrypted")


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_damaged_member_has_a_reason_and_spares_the_others(compression, tmp_path):
    path = write_zip(
        tmp_path / "set.zip", {"BA_1.jpg": png(1), "BA_2.jpg": png(2)}, compression
    )
    data = bytearray(path.read_bytes())
    data[200] ^= 0xFF
    path.write_bytes(data)
    archive = open_archive(path)
    with pytest.raises(UnreadableError, match="damaged"):
        archive.read("BA_1.jpg")
    assert archive.read("BA_2.jpg") == png(2)


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_a_truncated_archive_is_one_clear_error(kind, tmp_path):
    path = WRITERS[kind](tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(StudyError, match="damaged") as caught:
        list_files("pbc", path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["nothing.zip", "empty.zip", "text.tar"])
def test_what_is_no_archive(name, tmp_path):
    if not name.startswith("nothing"):
        (tmp_path / name).write_bytes(b"" if name == "empty.zip" else b"hello" * 300)
    with pytest.raises(StudyError, match="must be a folder, zip, tar"):
        open_archive(tmp_path / name)


def test_tar_links_and_special_files(tmp_path):
    path = tmp_path / "set.tar"
    with tarfile.open(path, "w") as archive:
        for name, kind in (
            ("./a/BA_1.jpg", tarfile.REGTYPE),
            ("a/BA_2.jpg", tarfile.SYMTYPE),
            ("a/BA_3.jpg", tarfile.LNKTYPE),
            ("a/BA_4.jpg", tarfile.FIFOTYPE),
            ("../BA_5.jpg", tarfile.REGTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "a/BA_1.jpg"
            info.size = len(png()) if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(png()))
    found = list_files("pbc", path)
    assert [e.file for e in found.entries] == ["a/BA_1.jpg"]
    assert [r.split()[0] for r in reasons(found).values()] == [
        "unsafe",
        "link",
        "link",
        "no",
    ]


def test_folder_links(tmp_path):
    path = write_folder(tmp_path / "set", {"a/BA_1.jpg": png()})
    (path / "a" / "BA_2.jpg").symlink_to(path / "a" / "BA_1.jpg")
    (path / "a" / "BA_3.jpg").symlink_to(path / "nowhere")
    (path / "loop").symlink_to(path, target_is_directory=True)
    found = list_files("pbc", path)
    # DVC may link files into its cache: such are followed.
    assert [e.file for e in found.entries] == ["a/BA_1.jpg", "a/BA_2.jpg"]
    assert reasons(found) == {
        "a/BA_3.jpg": "broken link or special file",
        "loop": "link to a folder",
    }


def test_a_folder_that_can_not_be_read_is_a_reason(tmp_path, shut):
    path = write_folder(tmp_path / "set", {"a/BA_1.jpg": png(), "b/c/MO_1.jpg": png()})
    shut(path / "b" / "c")
    found = list_files("pbc", path)
    assert [e.file for e in found.entries] == ["a/BA_1.jpg"]
    assert reasons(found) == {
        "b/c": "folder can't be read, with all in it: Permission denied"
    }


@pytest.mark.parametrize("kind", [write_folder, write_zip, write_tar])
def test_names_in_any_script(kind, tmp_path):
    labels = ["單核球", "Моноцит", "مونوسيت", 'mono cyte,"x"', "é\u0301\nnew"]
    files = {f"{label}/1.png": png(i) for i, label in enumerate(labels)}
    path = kind(tmp_path / ("set.tar" if kind is write_tar else "set.zip"), files)
    found = list_files("folder", path, codes=dict.fromkeys(labels, "monocyte"))
    assert {e.raw_label for e in found.entries} == set(labels)
    archive = open_archive(path)
    assert all(archive.read(name) == data for name, data in files.items())


def test_zip_names_in_utf8_without_the_flag(tmp_path):
    path = write_zip(tmp_path / "set.zip", {"Моноцит/1.png": png()})
    data = path.read_bytes()
    for mark, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        spot = data.index(mark) + at
        flags = struct.unpack_from("<H", data, spot)[0] & ~0x800
        data = data[:spot] + struct.pack("<H", flags) + data[spot + 2 :]
    path.write_bytes(data)
    found = list_files("folder", path, codes={"Моноцит": "monocyte"})
    assert found.entries[0].file == "Моноцит/1.png"


def test_folder_names_that_are_no_utf8(tmp_path):
    folder = tmp_path / "m"
    folder.mkdir()
    try:
        with open(os.fsencode(folder) + b"/caf\xe9.png", "wb") as file:  # noqa: PTH123
            file.write(png(5))
    except OSError:
        pytest.skip("this file system holds UTF-8 names only")
    found = list_files("folder", tmp_path, codes={"m": "monocyte"})
    assert found.entries[0].file == "m/caf\\xe9.png"
    archive = open_archive(tmp_path)
    member = archive.members["m/caf\\xe9.png"]
    assert open_archive(tmp_path).read_member(member) == png(5)


def test_catalogue_says_how_to_get_every_set():
    for item in PUBLIC_SETS:
        assert item.layout in LAYOUTS
        assert item.licence and item.citation and item.page.startswith("https://")
        steps = explain_placing(item.layout, item.archive)
        assert steps.startswith("(1) open https://")
        assert item.archive in steps and "\n" not in steps
        assert bool(item.url) != bool(item.steps)
    assert "no public page" in explain_placing("eone", "eone.zip")
