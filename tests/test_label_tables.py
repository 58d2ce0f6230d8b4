"""Layout `table` and its kin: rows find their images, and no row goes wrong unseen."""

import io
import struct
import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import pytest
from archives import facts, list_files, png, reasons, write_folder, write_tar, write_zip
from PIL import Image

from cytobalance.curation.decode import cut_box
from cytobalance.curation.intake import take_in
from cytobalance.sources.members import UnreadableError
from cytobalance.study.cells import pixel_id, read_cells
from cytobalance.study.runtime import StudyError
from cytobalance.study.settings import Source
from cytobalance.study.tables import read_table

M = {"M": "monocyte", "B": "basophil"}


def list_table(path: Path, table: str, files, name: str = "labels.csv", codes=M):
    files = {name: table.encode(), **{file: png(k) for k, file in enumerate(files)}}
    return list_files("table", write_folder(path, files), codes=codes)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        # The last column won, and labels were swapped.
        ("path,label,label,subject\n1.png,M,B,7\n", ["'label' stands twice"]),
        # An unquoted comma: the subject went away, and patients leaked.
        ("path,label,subject\n1.png,M,7\n2.png,M, big,8\n", ["line 3", "4 fields"]),
        ("path,label,subject\n1.png,M\n", ["line 2", "2 fields"]),
        ("path,label,subject\n1.png,B,\xe9\n".encode("cp1252"), ["UTF-8"]),
    ],
)
def test_a_table_that_is_not_sound_is_refused(table, words, tmp_path):
    data = table if isinstance(table, bytes) else table.encode()
    write_folder(tmp_path, {"labels.csv": data, "1.png": png(), "2.png": png()})
    with pytest.raises(StudyError) as caught:
        list_files("table", tmp_path, codes=M)
    assert "labels.csv" in str(caught.value)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("name", ["LABELS.CSV", "labels.tsv", "d/Labels.Csv"])
def test_a_table_is_found_whatever_its_letters(name, tmp_path):
    table = " path ,label, subject\nx.png,M,7\n"
    folder = name.rpartition("/")[0]
    found = list_table(tmp_path, table, [f"{folder}/x.png".strip("/")], name)
    assert [label for _, label, _ in facts(found)] == ["M"]


def test_paths_count_from_the_tables_folder_and_may_lead_out_of_it(tmp_path):
    table = (
        "path;label;subject;note, free\n../images/x.png;M;7;\n./../images//y.png;M;7;\n"
        "..\\images\\z.png;M;8;\n../../images/x.png;M;7;\n;M;9;\n"
    )
    files = ["images/x.png", "images/y.png", "images/z.png"]
    found = list_table(tmp_path, table, files, "labels/labels.csv")
    assert facts(found) == [
        ("images/x.png", "M", "7"),
        ("images/y.png", "M", "7"),
        ("images/z.png", "M", "8"),
    ]
    assert reasons(found) == {
        "../images/x.png": "listed in labels.csv, but not in the archive",
        "labels.csv line 6": "row without a file",
        "labels/labels.csv": "labels, not an image",
    }


@pytest.mark.parametrize(
    ("files", "hint"),
    [
        (["X/A.png", "X/B.png"], "capital and small letters alike 2 would fit"),
        (["x/a.jpg", "x/b.jpg"], "without endings 2 would fit"),
        (["y/a.png"], "without folders 1 would fit"),
        (["A.TIF"], "without folders and endings, letters alike 1 would fit"),
        (["c.png"], "paths count from the table's folder"),
        ([], "first images: none"),
    ],
)
def test_where_no_row_fits_the_error_shows_rows_images_and_what_differs(
    files, hint, tmp_path
):
    table = "path,label,subject\nx/a.png,M,7\nx/b.png,B,7\n"
    with pytest.raises(StudyError, match=hint) as caught:
        list_table(tmp_path, table, files)
    assert "none of its 2 rows" in str(caught.value)
    assert "'x/a.png', 'x/b.png'" in str(caught.value)
    assert all(repr(file) in str(caught.value) for file in files)


NFC, NFD = (unicodedata.normalize(form, "Éosinophile") for form in ("NFC", "NFD"))


@pytest.mark.parametrize("write", [write_folder, write_zip, write_tar])
@pytest.mark.parametrize(("there", "here"), [(NFD, NFC), (NFC, NFD)])
def test_accents_may_be_written_either_way(write, there, here, tmp_path):
    path = tmp_path / ("set.tar" if write is write_tar else "set.zip")
    codes = {here: "eosinophil"}
    found = list_files("folder", write(path, {f"{there}/1.png": png()}), codes=codes)
    assert facts(found) == [(f"{there}/1.png", there, "")]  # as it stands
    assert found.codes[there] == "eosinophil"
    table = f"path,label,subject\n{here}/1.png,{here},{here}\n".encode()
    path = tmp_path / f"2{path.suffix}"
    files = {"labels.csv": table, f"{there}/1.png": png()}
    found = list_files("table", write(path, files), codes={there: "eosinophil"})
    assert facts(found) == [(f"{there}/1.png", here, NFC)]
    assert list(reasons(found)) == ["labels.csv"]


def test_a_zip_of_macos_has_decomposed_names_without_saying_utf8(tmp_path):
    path = write_zip(tmp_path / "set.zip", {f"{NFD}/1.png": png()})
    data = path.read_bytes()
    for mark, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        spot = data.index(mark) + at
        flags = struct.unpack_from("<H", data, spot)[0] & ~0x800
        data = data[:spot] + struct.pack("<H", flags) + data[spot + 2 :]
    path.write_bytes(data)
    found = list_files("folder", path, codes={NFC: "eosinophil"})
    assert facts(found) == [(f"{NFD}/1.png", NFD, "")]


def test_two_files_that_differ_in_their_accents_alone_are_two(tmp_path):
    table = f"path,label,subject\n{NFC}.png,M,7\n{NFD}.png,B,8\n"
    files = {"labels.csv": table.encode(), f"{NFC}.png": png(), f"{NFD}.png": png(1)}
    found = list_files("table", write_zip(tmp_path / "s.zip", files), codes=M)
    assert sorted(facts(found)) == sorted(
        [(f"{NFC}.png", "M", "7"), (f"{NFD}.png", "B", "8")]
    )
    with pytest.raises(StudyError, match="differ in the way accents are written"):
        list_files("table", tmp_path / "s.zip", codes={NFC: None, NFD: "basophil"})


def test_blanks_around_names_show_and_find_their_file(tmp_path):
    files = {"Mono /1.png": png(), "a/ 2.png": png(1)}
    path = write_zip(tmp_path / "set.zip", files)
    with pytest.raises(StudyError, match=r"unknown code 'Mono ', 'a' .*legal: 'Mono'"):
        list_files("folder", path, codes={"Mono": "monocyte"})
    table = "path,label,subject\nMono /1.png, M ,7\na/ 2.png,B , 8\n"
    path = write_zip(tmp_path / "t.zip", {**files, "labels.csv": table.encode()})
    found = list_files("table", path, codes=M)
    assert facts(found) == [("Mono /1.png", "M", "7"), ("a/ 2.png", "B", "8")]


# A row a box.


def field(seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.integers(0, 255, (80, 100, 3), np.uint8)


def boxes_archive(path: Path, rows: str, head="path,label,subject,xmin,ymin,xmax,ymax"):
    files = {}
    for k, name in enumerate(("f/1.png", "f/2.png")):
        buffer = io.BytesIO()
        Image.fromarray(field(k)).save(buffer, "PNG")
        files[name] = buffer.getvalue()
    return write_zip(path, {"labels.csv": f"{head}\n{rows}".encode(), **files})


def test_a_row_a_box_is_a_cell_cut_out_of_its_field(tmp_path):
    rows = (
        "f/1.png,M,p1,10,10,40,30\nf/1.png,B,p1,60.4,50,99.6,80\nf/2.png,B,,0,0,20,70\n"
        "f/2.png,M,,30,30,30,60\nf/2.png,M,,30,30,101,60\nf/2.png,M,,30,30,40,60\n"
        "f/2.png,M,,,,,\nf/2.png,M,,.1,.1,.2,.2\nf/1.png,X,p1,1,2,30,40\n"
        "f/1.png,B,p1,10,10,40,30\nf/1.png,M,p1,10,40,40,70\nf/2.png,B,,0,0,20,70\n"
    )
    path = boxes_archive(tmp_path / "set.zip", rows)
    source = Source(
        layout="table", origin="published", archive="x", codes={**M, "X": None}
    )
    folder = tmp_path / "data/ingested/mine"
    folder.mkdir(parents=True)
    take_in("mine", source, path, 32, folder, 1)
    table = read_cells(folder).table
    rejected = read_table(folder / "rejected.csv")
    assert table[
        ["file", "raw_label", "subject", "width", "height"]
    ].values.tolist() == [
        ["f/1.png[10,40,40,70]", "M", "p1", 30, 30],
        ["f/1.png[60,50,100,80]", "B", "p1", 40, 40],
        # Where no subject is given, cells of one field belong together.
        ["f/2.png[0,0,20,70]", "B", "f/2.png", 70, 70],
    ]
    cut = field()[40:70, 10:40]
    assert table["cell_id"][0] == pixel_id(cut)
    assert table["cell_id"][1] == pixel_id(field()[40:80, 60:100])  # moved inside
    assert table["cell_id"][2] == pixel_id(field(1)[0:70, 0:70])
    assert rejected.set_index("file")["reason"].to_dict() == {
        "f/1.png[10,10,40,30]": "listed twice in labels.csv, not alike",
        "f/1.png[1,2,30,40]": "code 'X' is left out by rule",
        "f/2.png (labels.csv line 5)": "empty box",
        "f/2.png[30,30,101,60]": "its box leaves the image of 100x80 pixels",
        "f/2.png[30,30,40,60]": "too small: 10x30 pixels",
        "f/2.png (labels.csv line 8)": "no box: its edges are no numbers",
        "f/2.png (labels.csv line 9)": (
            "its box is in parts of the image; pixels are needed"
        ),
        "f/2.png[0,0,20,70] (labels.csv line 13)": "listed again in labels.csv, alike",
        "labels.csv": "labels, not an image",
    }


@pytest.mark.parametrize("head", ["X_min,Y_min,X_max,Y_max", "XMin, YMin,XMax,YMax"])
def test_the_columns_of_a_box_may_be_written_otherwise(head, tmp_path):
    head = f"path,label,subject,{head}"
    path = boxes_archive(tmp_path / "set.zip", "f/1.png,M,1,0,0,20,20\n", head)
    assert [e.box for e in list_files("table", path, codes=M).entries] == [
        (0, 0, 20, 20)
    ]


@pytest.mark.parametrize(
    ("head", "given"),
    [
        ("x,y,w,h", "x, y, w, h"),
        ("x,y,width,height", "x, y, width, height"),
        ("Left,Top,Right,Bottom", "Left, Top, Right, Bottom"),
        ("bbox,a,b,c", "bbox"),
        ("xmin,ymin,width,height", "xmin, ymin"),
    ],
)
def test_boxes_in_other_columns_are_refused_and_not_taken_for_whole_images(
    head, given, tmp_path
):
    head = f"path,label,subject,{head}"
    path = boxes_archive(tmp_path / "set.zip", "f/1.png,M,1,0,0,20,20\n", head)
    with pytest.raises(StudyError, match=f"columns {given}; .*xmin, ymin, xmax, ymax"):
        list_files("table", path, codes=M)


def test_cells_of_one_image_have_one_subject(tmp_path):
    rows = (
        "f/1.png,M,,0,0,20,20\nf/1.png,B,p1,20,0,40,20\nf/1.png,M,,40,0,60,20\n"
        "f/2.png,M,p1,0,0,20,20\nf/2.png,B,p2,20,0,40,20\n"
    )
    found = list_files("table", boxes_archive(tmp_path / "set.zip", rows), codes=M)
    assert facts(found) == [
        ("f/1.png[0,0,20,20]", "M", "p1"),
        ("f/1.png[20,0,40,20]", "B", "p1"),
        ("f/1.png[40,0,60,20]", "M", "p1"),
    ]
    several = "its image has several subjects: 'p1', 'p2'"
    assert reasons(found) == {
        "f/2.png[0,0,20,20]": several,
        "f/2.png[20,0,40,20]": several,
        "labels.csv": "labels, not an image",
    }


def test_a_laboratorys_table_may_have_a_row_a_box_too(tmp_path):
    table = "file,label,patient,xmin,ymin,xmax,ymax\n1.png,monocyte,7,1,2,21,22\n"
    files = {"cells.csv": table.encode(), "images/1.png": png()}
    found = list_files("eone", write_folder(tmp_path, files))
    assert facts(found) == [("images/1.png[1,2,21,22]", "monocyte", "7")]


def test_a_box_as_large_as_its_image_is_all_of_it():
    pixels = field()
    assert np.array_equal(cut_box(pixels, (0, 0, 100, 80)), pixels)
    assert cut_box(pixels, (2, 20, 98, 40)).shape == (80, 96, 3)
    with pytest.raises(UnreadableError, match="leaves the image"):
        cut_box(pixels, (-1, 0, 30, 30))


# What stands beside the images.


def test_what_systems_leave_behind_is_no_image(tmp_path):
    files = {
        "a/BA_1.png": png(),
        "a/Icon\r": b"",
        "a/.ipynb_checkpoints/BA_1-checkpoint.png": png(),
        "a/@eaDir/BA_1.png": png(),
        "__MACOSX/a/._BA_1.png": b"x",
        "$RECYCLE.BIN/BA_2.png": png(),
        "a/more.zip": b"PK",
    }
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a\\", b"")  # a folder, as some programs for Windows write it
        archive.writestr("./a//BA_3.png", png())
        for name, data in files.items():
            archive.writestr(name, data)
    found = list_files("pbc", path)
    assert [e.file for e in found.entries] == ["a/BA_1.png", "a/BA_3.png"]
    faults = [item.file for item in found.rejected if not item.by_rule]
    assert faults == ["a/more.zip"]
    assert reasons(found)["a/more.zip"].startswith("an archive inside the archive")
    assert len(found.rejected) == 6


def test_archives_inside_an_archive_are_named_where_nothing_is_left(tmp_path):
    path = write_zip(tmp_path / "set.zip", {"fold_0.zip": b"PK", "fold_1.zip": b"PK"})
    with pytest.raises(StudyError, match="2 x an archive inside the archive; unpack"):
        list_files("pbc", path)


def test_annotations_are_read_strictly(tmp_path):
    rows = ["BAS/BAS_1.tiff BAS nan nan", "MON/MON_1.tiff MON MYO UNC"]
    files = {"A/BAS/BAS_1.tiff": png(), "A/annotations.dat": "\r\n".join(rows).encode()}
    found = list_files("lmu", write_folder(tmp_path / "1", files))
    assert facts(found) == [("A/BAS/BAS_1.tiff", "BAS", "")]
    assert reasons(found) == {
        "A/annotations.dat": "labels, not an image",
        "MON/MON_1.tiff": "listed in annotations.dat, but not in the archive",
    }
    for number, (row, words) in enumerate(
        [
            ("MON/MON 1.tiff MON nan nan", "line 3: 5 columns"),
            ("MON/MON_1.tiff MON nan", "line 3: 3 columns"),
            ("BAS/BAS_1.tiff MON nan nan", "BAS_1.tiff stands twice"),
        ]
    ):
        files["A/annotations.dat"] = "\n".join([*rows, row]).encode()
        with pytest.raises(StudyError, match=words):
            list_files("lmu", write_folder(tmp_path / f"x{number}", files))
