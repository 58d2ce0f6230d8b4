"""The stage download and `make take`, run as a user runs them."""

import errno
import hashlib
import os
import shutil
import unicodedata
from pathlib import Path

import pytest
import yaml
from archives import write_zip

import download
from cytobalance.sources.survey import fingerprint
from cytobalance.study.runtime import StudyError

PARAMS = Path(__file__).parent.parent / "params.yaml"
# Only ingest looks at what is inside.
FILES = {"set/c/BA_1.png": b"one", "set/c/EO_2.png": b"two"}
MORE = {**FILES, "set/c/BA_9.png": b"nine"}


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Write params.yaml for the published sources given, in a folder to work in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["download.py"])

    def write(sources: dict) -> None:
        values = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
        shared = {"origin": "published", "archive": "set.zip"}
        values["sources"] = {name: shared | own for name, own in sources.items()}
        Path("params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))

    return write


def test_download_places_what_lies_in_incoming(study):
    study({"mine": {"layout": "pbc"}, "tree": {"layout": "pbc", "archive": "tree"}})
    path = write_zip(Path("data/incoming/set.zip"), FILES)
    write_zip(Path("data/incoming/tree/deep/x.zip"), FILES)
    download.main()
    assert Path("data/raw/mine/set.zip").read_bytes() == path.read_bytes()
    assert Path("data/raw/tree/deep/x.zip").exists()
    # What DVC will track shares no bytes on disk with what a user may overwrite.
    assert not Path("data/raw/mine/set.zip").samefile(path)


def test_an_archive_is_found_whichever_way_its_accents_are_written(
    study, tmp_path, monkeypatch
):
    nfc, nfd = (unicodedata.normalize(form, "é.zip") for form in ("NFC", "NFD"))
    study({"mine": {"layout": "pbc", "archive": nfc}})
    path = write_zip(tmp_path / "shelf" / nfd, FILES)
    shelf = ["download.py", "--take", str(path.parent)]
    monkeypatch.setattr("sys.argv", shelf)
    download.main()
    taken = Path("data/incoming") / nfc
    assert taken.read_bytes() == path.read_bytes()
    taken.rename(taken.with_name(nfd))
    monkeypatch.setattr("sys.argv", ["download.py"])
    download.main()
    assert (Path("data/raw/mine") / nfd).read_bytes() == path.read_bytes()


def test_download_checks_the_checksum_of_a_placed_archive(study):
    study({"mine": {"layout": "pbc", "sha256": "0" * 64}})
    write_zip(Path("data/incoming/set.zip"), FILES)
    with pytest.raises(StudyError, match="sha256"):
        download.main()
    assert not Path("data/raw").exists()


def test_download_fetches_from_a_local_path(study, tmp_path):
    path = write_zip(tmp_path / "elsewhere" / "x.zip", FILES)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    study({"mine": {"layout": "pbc", "url": str(path), "sha256": digest}})
    download.main()
    assert Path("data/raw/mine/set.zip").read_bytes() == path.read_bytes()
    path.unlink()
    download.main()  # nothing is fetched twice
    assert not Path("data/incoming").exists()  # that is the user's
    other = write_zip(tmp_path / "elsewhere" / "y.zip", MORE)
    study({"mine": {"layout": "pbc", "url": str(other)}})
    download.main()  # another address is asked anew
    assert Path("data/raw/mine/set.zip").read_bytes() == other.read_bytes()


def test_download_checks_the_checksum_of_a_folder(study):
    write_zip(Path("data/incoming/lab/x.zip"), FILES)
    digest = fingerprint(Path("data/incoming/lab"))["sha256"]
    study({"mine": {"layout": "pbc", "archive": "lab", "sha256": digest}})
    download.main()
    write_zip(Path("data/incoming/lab/x.zip"), MORE)
    with pytest.raises(StudyError, match=f"has the sha256 .*, not {digest}"):
        download.main()


def test_a_folder_with_what_can_not_be_copied_is_one_line(study):
    study({"mine": {"layout": "pbc", "archive": "lab"}})
    write_zip(Path("data/incoming/lab/x.zip"), FILES)
    os.mkfifo("data/incoming/lab/pipe")
    with pytest.raises(StudyError, match=r"lab/pipe.* can't be copied") as caught:
        download.main()
    assert "\n" not in str(caught.value)
    assert not Path("data/raw").exists()


@pytest.mark.parametrize(
    ("layout", "words"),
    [
        ("mll", ["(1) open https://doi.org/", "Aspera", "data/incoming", "dvc repro"]),
        ("cnmc", ["(1) open https://doi.org/", "Aspera", "data/incoming"]),
        ("eone", ["(1) get the archive", "under the name set.zip", "(3)"]),
    ],
)
def test_what_no_program_can_fetch_is_told_in_numbered_steps(study, layout, words):
    codes = {"codes": {"all": "monocyte"}} if layout == "cnmc" else {}
    study({"mine": {"layout": layout, **codes}})
    with pytest.raises(StudyError) as caught:
        download.main()
    assert "\n" not in str(caught.value)
    for word in ["source mine", *words]:
        assert word in str(caught.value)


def test_take_brings_the_archives_that_the_study_names(study, tmp_path, monkeypatch):
    study({"mine": {"layout": "pbc"}, "more": {"layout": "pbc", "archive": "b.zip"}})
    shelf = tmp_path / "usb stick"
    path = write_zip(shelf / "set.zip", FILES)
    write_zip(shelf / "other.zip", FILES)
    monkeypatch.setattr("sys.argv", ["download.py", "--take", str(shelf)])
    download.main()
    assert [p.name for p in Path("data/incoming").iterdir()] == ["set.zip"]
    assert Path("data/incoming/set.zip").read_bytes() == path.read_bytes()
    assert not Path("data/raw").exists()
    monkeypatch.setattr("sys.argv", ["download.py", "--take", str(tmp_path / "none")])
    with pytest.raises(StudyError, match="none of the archives"):
        download.main()


@pytest.fixture
def take(monkeypatch, capsys):
    """Run `make take` from a folder; what it says."""

    def run(shelf, *options):
        arguments = ["download.py", "--take", str(shelf), *options]
        monkeypatch.setattr("sys.argv", arguments)
        download.main()
        return capsys.readouterr().out

    return run


@pytest.mark.parametrize("place", ["lab", "lab/deep/pipe"])
def test_take_brings_no_pipe_for_which_dvc_would_wait(study, tmp_path, take, place):
    names = ("a.zip", "lab")
    study({f"s{k}": {"layout": "pbc", "archive": n} for k, n in enumerate(names)})
    shelf = tmp_path / "shelf"
    write_zip(shelf / "a.zip", FILES)
    (shelf / place).parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(shelf / place)
    with pytest.raises(StudyError, match=rf"{place} is neither a file nor a folder"):
        take(shelf)
    assert not Path("data/incoming").exists()


def test_take_leaves_no_half_folder(study, tmp_path, take, monkeypatch):
    study({"mine": {"layout": "pbc", "archive": "lab"}})
    write_zip(tmp_path / "shelf/lab/a.zip", FILES)
    write_zip(tmp_path / "shelf/lab/b.zip", FILES)
    copy = shutil.copyfile

    def fail(source, target, **options):
        if Path(source).name == "b.zip":
            raise PermissionError(errno.EACCES, "Permission denied", source)
        return copy(source, target, **options)

    monkeypatch.setattr(shutil, "copyfile", fail)
    with pytest.raises(StudyError, match=r"b\.zip can't be copied: .*denied"):
        take(tmp_path / "shelf")
    assert not any(Path("data/incoming").iterdir())


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_take_keeps_what_differs_unless_told_to_replace_it(study, tmp_path, take, kind):
    name = "set.zip" if kind == "file" else "lab"
    inside = "" if kind == "file" else "deep/x.zip"
    study({"mine": {"layout": "pbc", "archive": name}})
    old, new = tmp_path / "old", tmp_path / "new"
    write_zip(old / name / inside, FILES)
    path = write_zip(new / name / inside, MORE)
    there = Path("data/incoming") / name / inside
    assert take(old) == f"{name}: taken into data/incoming\n"
    before = there.read_bytes()
    with pytest.raises(StudyError, match=rf"other content.*{name}.*REPLACE=yes"):
        take(new)
    assert there.read_bytes() == before
    assert take(old) == f"{name}: lies in data/incoming already, the same\n"
    assert take(new, "--replace") == f"{name}: replaced in data/incoming\n"
    assert there.read_bytes() == path.read_bytes()
    assert [p.name for p in Path("data/incoming").iterdir()] == [name]
    assert (old / name / inside).read_bytes() == before


def test_take_notices_a_file_more_and_a_file_less(study, tmp_path, take):
    study({"mine": {"layout": "pbc", "archive": "lab"}})
    shelf = tmp_path / "shelf"
    for name in ("a.zip", "b.zip"):
        write_zip(shelf / "lab" / name, FILES)
    take(shelf)
    (shelf / "lab/b.zip").unlink()
    with pytest.raises(StudyError, match="nothing is taken"):
        take(shelf)
    take(shelf, "--replace")
    assert [p.name for p in Path("data/incoming/lab").iterdir()] == ["a.zip"]
    write_zip(shelf / "lab/c.zip", FILES)
    with pytest.raises(StudyError, match="nothing is taken"):
        take(shelf)


def test_take_refuses_all_or_brings_all_and_names_what_is_not_there(
    study, tmp_path, take
):
    names = ("one.zip", "two.zip", "three.zip")
    study({n[:-4]: {"layout": "pbc", "archive": n} for n in names})
    for name in names[:2]:
        write_zip(tmp_path / "shelf" / name, FILES)
    write_zip(Path("data/incoming/two.zip"), MORE)
    with pytest.raises(StudyError, match=r"name two\.zip;"):
        take(tmp_path / "shelf")
    assert not Path("data/incoming/one.zip").exists()
    assert take(tmp_path / "shelf", "--replace").splitlines() == [
        "one.zip: taken into data/incoming",
        "two.zip: replaced in data/incoming",
        f"three.zip: not in {tmp_path / 'shelf'}",
    ]
