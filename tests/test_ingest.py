"""The stage ingest, run as a user runs it, in a folder of its own."""

import hashlib
import io
import os
import tarfile
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import yaml
from archives import write_zip
from PIL import Image

import ingest
from cytobalance.curation import intake, workers
from cytobalance.curation.decode import crop_centre, preview, shrink
from cytobalance.study.cells import pixel_id, read_cells
from cytobalance.study.inputs import read_inputs
from cytobalance.study.params import read_study
from cytobalance.study.runtime import StudyError
from cytobalance.study.tables import REJECTED_COLUMNS, read_table

PARAMS = Path(__file__).parent.parent / "params.yaml"
COLUMNS = ["cell_id", "source", "file", "subject", "raw_label", "type"]
COLUMNS += ["width", "height", "published_part"]


def smear(seed: int, height: int = 96, width: int = 90) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(30, 230, (9, 9, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Write params.yaml for the sources given and go to its folder."""
    monkeypatch.chdir(tmp_path)

    def write(sources: dict, **groups) -> Path:
        values = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
        for source in sources.values():
            source.setdefault("origin", "published")
            if source["origin"] == "published":
                source.setdefault("archive", "set.zip")
        values |= {"sources": sources, **groups}
        Path("params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
        return tmp_path

    return write


CODES = ("BA", "EO", "SNE")
FILES = {f"set/c/{CODES[n % 3]}_{n:03d}.png": png(smear(n)) for n in range(200)}
BAD = {
    "set/c/BA_000b.png": b"",
    "set/c/EO_050b.jpg": b"not an image at all",
    "set/c/SNE_150b.png": png(smear(1))[:900],
    "set/.DS_Store": b"x",
}


def fingerprint(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_outputs_are_as_agreed_and_every_file_is_accounted_for(study, capsys):
    study({"mine": {"layout": "pbc", "crop": 0.6}})
    write_zip(Path("data/raw/mine/set.zip"), {**FILES, **BAD})
    ingest.main()
    folder = Path("data/ingested/mine")
    cells, previews = read_cells(folder), np.load(folder / "previews.npy")
    table = cells.table
    rejected = read_table(folder / "rejected.csv")
    assert sorted(path.name for path in folder.iterdir()) == [
        "cells.csv",
        "images.npy",
        "previews.npy",
        "rejected.csv",
    ]
    facts = {"crop": 0.6, "depth": 0, "boxes": False, "origin": "published"}
    assert read_inputs(Path("data/ingested")) == {"mine": facts}
    assert list(table.columns) == COLUMNS
    assert list(rejected.columns) == list(REJECTED_COLUMNS)
    assert sorted([*table["file"], *rejected["file"]]) == sorted({**FILES, **BAD})
    assert list(table["file"]) == sorted(FILES)
    assert set(rejected["stage"]) == {"ingest"}
    assert rejected.set_index("file").loc["set/c/BA_000b.png", "reason"] == "empty file"
    assert set(table["source"]) == {"mine"} and set(table["published_part"]) == {""}
    assert cells.images.shape == (200, 32, 32, 3)
    assert previews.shape == (200, 64, 64)
    # Rows and arrays still belong together where rejected files left holes.
    for row in (0, 77, 199):
        number = int(table["file"][row][-7:-4])
        pixels = smear(number)
        assert table["cell_id"][row] == pixel_id(pixels)
        assert (
            table["type"][row]
            == ("basophil", "eosinophil", "neutrophil_segmented")[number % 3]
        )
        assert (table["height"][row], table["width"][row]) == (96, 90)
        assert np.array_equal(cells.images[row], shrink(crop_centre(pixels, 0.6), 32))
        assert np.array_equal(previews[row], preview(pixels))
    said = capsys.readouterr().out
    assert "200 cells of 3 types" in said
    assert "left out 1: empty file" in said


@pytest.mark.parametrize("kind", ["folder", "tar.gz"])
def test_same_bytes_whatever_the_archive_and_the_number_of_processes(kind, study):
    study({"mine": {"layout": "pbc", "crop": 0.6}})
    path = write_zip(Path("one.zip"), {**FILES, **BAD})
    other = Path("unpacked")
    zipfile.ZipFile(path).extractall(other)
    if kind == "tar.gz":
        with tarfile.open("set.tar.gz", "w:gz") as archive:
            for file in sorted(other.rglob("*"), reverse=True):
                if file.is_file():
                    archive.add(file, file.relative_to(other))
        other = Path("set.tar.gz")
    source = read_study().sources["mine"]
    results = []
    for archive, processes in ((path, 1), (path, 3), (other, 2)):
        folder = Path(f"out{len(results)}")
        folder.mkdir()
        intake.take_in("mine", source, archive, 32, folder, processes)
        results.append(fingerprint(folder))
    assert results[0] == results[1] == results[2]


def test_a_wrong_ending_does_not_matter_where_it_is_an_images(study):
    study({"mine": {"layout": "pbc"}})
    names = ("BA_1.jpg", "BA_2.TIFF", "BA_3.bmp", "BA_4.txt")
    files = {name: png(smear(seed)) for seed, name in enumerate(names)}
    write_zip(Path("data/raw/mine/set.zip"), files)
    ingest.main()
    cells = read_cells(Path("data/ingested/mine"))
    assert list(cells.table["cell_id"]) == [pixel_id(smear(k)) for k in range(3)]
    rejected = read_table(Path("data/ingested/mine/rejected.csv"))
    assert list(rejected["file"]) == ["BA_4.txt"]


def test_a_name_held_again_is_a_row_of_its_own(study):
    study({"mine": {"layout": "pbc"}})
    Path("data/raw/mine").mkdir(parents=True)
    path = Path("data/raw/mine/set.zip")
    with zipfile.ZipFile(path, "w") as archive, pytest.warns(UserWarning):
        for seed, name in enumerate(("BA_1.png", "../EO_1.png", ".DS_Store") * 3):
            archive.writestr(name, png(smear(seed)))
    ingest.main()
    cells = read_cells(Path("data/ingested/mine"))
    rejected = read_table(Path("data/ingested/mine/rejected.csv"))
    assert list(cells.table["cell_id"]) == [pixel_id(smear(6))]
    files = [*cells.table["file"], *rejected["file"]]
    assert len(files) == len(set(files)) == 9
    assert rejected["reason"].str.startswith("duplicate member name").sum() >= 2


def test_gaps_are_closed_block_by_block(study, monkeypatch):
    study({"mine": {"layout": "pbc"}})
    source = read_study().sources["mine"]
    path = write_zip(Path("set.zip"), {**FILES, **BAD})
    results = []
    for block in (512, 7):
        monkeypatch.setattr(intake, "BLOCK", block)
        folder = Path(f"out{block}")
        folder.mkdir()
        intake.take_in("mine", source, path, 32, folder, 2)
        results.append(fingerprint(folder))
    assert results[0] == results[1]


def test_the_published_part_stands_in_the_table(study):
    codes = {"all": "all", "hem": "hem"}
    classes = {"all": ["all"], "hem": ["hem"]}
    study(
        {"cnmc": {"layout": "cnmc", "crop": 50, "codes": codes}},
        merge={"classes": classes},
        balancers={"plain": {}},
    )
    names = ("UID_1_1_1_all.bmp", "UID_H1_1_1_hem.bmp")
    files = {f"fold_0/{name}": png(smear(n)) for n, name in enumerate(names)}
    write_zip(Path("data/raw/cnmc/set.zip"), files)
    ingest.main()
    cells = read_cells(Path("data/ingested/cnmc"))
    assert list(cells.table.columns) == COLUMNS
    assert list(cells.table["published_part"]) == ["train", "train"]
    assert list(cells.table["subject"]) == ["1", "H1"]
    assert np.array_equal(cells.images[0], shrink(crop_centre(smear(0), 50), 32))


def test_a_type_that_is_lost_entirely_is_an_error_with_reasons(study):
    study({"mine": {"layout": "pbc"}})
    jpeg = cv2.imencode(".jpg", smear(2))[1].tobytes()
    files = {f"a/EO_{n}.jpg": jpeg[: len(jpeg) // (n + 2)] for n in range(3)}
    files |= {"a/BA_1.png": png(smear(1)), "a/BA_2.png": b"", "a/EO_9.png": b""}
    files |= {"a/EO_7.png": b"x", "a/EO_8.png": png(smear(1, 8, 8))}
    write_zip(Path("data/raw/mine/set.zip"), files)
    with pytest.raises(StudyError) as caught:
        ingest.main()
    told = str(caught.value)
    assert told.startswith("source mine: no image of type eosinophil could be read: ")
    # The commonest first, each with its count and one file; of the other type nothing.
    assert "3 x damaged image (a/EO_0.jpg: Premature end of JPEG file)," in told
    assert "1 x empty file (a/EO_9.png)" in told and "1 x not an image" in told
    assert "1 for other reasons" in told and "\n" not in told and "BA" not in told
    # All of them outlive the stage that failed, at the place that it names.
    assert "data/unread/mine.csv" in told
    unread = read_table(Path("data/unread/mine.csv"))
    assert list(unread.columns) == list(REJECTED_COLUMNS)
    assert list(unread["file"]) == sorted(set(files) - {"a/BA_1.png"})
    assert not Path("data/ingested").exists()
    write_zip(Path("data/raw/mine/set.zip"), FILES)
    ingest.main()
    assert not Path("data/unread").exists()  # nothing stale after a run that went well


def grey_tiff(pixels: np.ndarray, bits: int) -> bytes:
    """16-bit grey TIFF of which `bits` are in use, without a word on it."""
    samples = pixels[..., 0].astype(np.uint16) * 257 >> (16 - bits)
    return cv2.imencode(".tiff", samples)[1].tobytes()


def test_16_bit_samples_of_a_source_are_read_at_one_depth(study, capsys):
    study({"mine": {"layout": "pbc"}})
    bright = np.maximum(smear(1), np.where(np.arange(90) < 9, 255, 0)[:, None])
    bright, dark = bright.astype(np.uint8), smear(2) // 8
    files = {"BA_1.tif": grey_tiff(bright, 12), "BA_2.tif": grey_tiff(dark, 12)}
    write_zip(Path("data/raw/mine/set.zip"), {**files, "EO_1.png": png(dark)})
    ingest.main()
    table = read_cells(Path("data/ingested/mine")).table
    # The dark one alone would be taken for one of 10 bits, four times as bright.
    expected = [np.repeat(p[..., :1], 3, axis=2) for p in (bright, dark)]
    assert list(table["cell_id"][:2]) == [pixel_id(pixels) for pixels in expected]
    assert table["cell_id"][2] == pixel_id(dark)
    said = capsys.readouterr().out
    assert "mine: 2 files of 16-bit samples, read as 12 bits: the largest" in said


@pytest.mark.parametrize("strict", [True, False])
def test_strict_makes_an_unreadable_file_an_error(study, strict):
    study({"mine": {"layout": "pbc"}}, ingest={"strict": strict})
    write_zip(Path("data/raw/mine/set.zip"), {**FILES, **BAD})
    if strict:
        with pytest.raises(StudyError, match=r"source mine: 3 files.*BA_000b\.png"):
            ingest.main()
        assert not Path("data/ingested").exists()
        assert len(read_table(Path("data/unread/mine.csv"))) == len(BAD)
    else:
        ingest.main()


def test_16_bit_samples_of_two_cameras_in_a_source_are_not_guessed_at(study):
    study({"mine": {"layout": "pbc"}})
    bright = np.maximum(smear(1), np.where(np.arange(90) < 9, 255, 0)[:, None])
    files = {f"BA_{n}.tif": grey_tiff(bright, bits) for n, bits in enumerate((16, 12))}
    write_zip(Path("data/raw/mine/set.zip"), files)
    ingest.main()
    assert list(read_cells(Path("data/ingested/mine")).table["file"]) == ["BA_0.tif"]
    rejected = read_table(Path("data/ingested/mine/rejected.csv"))
    assert list(rejected["file"]) == ["BA_1.tif"]
    assert rejected["reason"][0].startswith("bits in use unclear: 16-bit samples up to")


def test_strict_forgives_what_is_left_out_by_rule(study):
    study({"mine": {"layout": "mll"}}, ingest={"strict": True})
    files = {"BM/BLA/1.png": png(smear(1)), "BM/NIF/2.png": png(smear(2))}
    write_zip(Path("data/raw/mine/set.zip"), {**files, "BM/.DS_Store": b"x"})
    ingest.main()
    assert len(read_table(Path("data/ingested/mine/rejected.csv"))) == 2


def test_a_failing_source_leaves_the_earlier_result_alone(study):
    study({"mine": {"layout": "pbc"}})
    write_zip(Path("data/raw/mine/set.zip"), FILES)
    ingest.main()
    before = fingerprint(Path("data"))
    study({"mine": {"layout": "pbc"}, "other": {"layout": "pbc"}})
    with pytest.raises(StudyError, match="data/raw/other is missing"):
        ingest.main()
    assert fingerprint(Path("data")) == before


def die(chunk):
    os._exit(1)


def test_a_killed_worker_is_one_line(study, monkeypatch):
    study({"mine": {"layout": "pbc"}})
    write_zip(Path("data/raw/mine/set.zip"), FILES)
    monkeypatch.setattr(workers, "_decode_chunk", die)
    with pytest.raises(StudyError, match="killed"):
        ingest.main()


def test_real_bone_marrow_archive(study, real_data):
    study({"mll": {"layout": "mll", "archive": "BM_cytomorphology_data.zip"}})
    Path("data/raw").mkdir(parents=True)
    Path("data/raw/mll").symlink_to(real_data / "BM_cytomorphology_data.zip")
    ingest.main()
    table = read_cells(Path("data/ingested/mll")).table
    assert table["raw_label"].value_counts().to_dict() == {
        "BLA": 424,
        "PMO": 384,
        "NGS": 125,
        "MON": 121,
        "EOS": 120,
        "LYT": 112,
    }
    rejected = read_table(Path("data/ingested/mll/rejected.csv"))
    assert len(rejected) == 97
    assert set(rejected["raw_label"]) == {"NIF"}
    assert set(table["width"]) == {250}


def test_real_blood_archive_is_listed_whole(real_data):
    from cytobalance.sources.archive import open_archive
    from cytobalance.sources.listing import list_source
    from cytobalance.study.params import Source

    source = Source(layout="pbc", origin="published", archive="x")
    archive = open_archive(real_data / "PBC_dataset_normal_DIB.zip")
    found = list_source("pbc", source, archive)
    assert len(found.entries) == 9382
    assert [item.file for item in found.rejected] == [
        "PBC_dataset_normal_DIB/neutrophil/.DS_169665.jpg"
    ]
    counts = pd.Series([e.raw_label for e in found.entries]).value_counts()
    assert counts["EO"] == 1706 and counts["NEUTROPHIL"] == 31 and len(counts) == 13
