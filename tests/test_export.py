"""export.py cells: each form is read by its own library, marked, and written whole."""

import errno
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from cell_sets import write_cells
from fake_study import CLASSES, write_params
from PIL import Image

import export
from cytobalance.export import formats
from cytobalance.report.datasheet import describe_set
from cytobalance.study.metrics import write_metrics
from cytobalance.study.runtime import run_stage
from cytobalance.study.tables import REJECTED_COLUMNS, write_table

DOCS = Path(__file__).parents[1] / "docs/handover.md"
FORMS = ("folders", "medmnist", "webdataset")
SIZE = 32
NAMES = ["c_wgan_gp-000000", "c_wgan_gp-000001"]


def write_study(folder: Path) -> None:
    """30 real cells and two synthetic ones, which train; 5 real ones are left out."""
    write_params(folder, image={"size": SIZE})
    stream = np.random.default_rng(0)
    labels = [CLASSES[k % 3] for k in range(30)]
    ids = [f"{k:016x}" for k in range(30)]
    sources = ["pbc_simulated"] * 20 + ["lmu_simulated"] * 10
    real = pd.DataFrame({"cell_id": ids, "source": sources, "label": labels})
    real = real.assign(file=[f"{k}.png" for k in range(30)], subject="p1")
    images = stream.integers(0, 256, (30, SIZE, SIZE, 3), np.uint8)
    write_cells(folder / "data/cells", images, real)
    made = pd.DataFrame(
        {"cell_id": NAMES, "label": "monoblast", "parent": ["", ids[2]]}
    )
    images = stream.integers(0, 256, (2, SIZE, SIZE, 3), np.uint8)
    write_cells(folder / "data/synthetic/heldout/c_wgan_gp", images, made)
    parts = ["train"] * 15 + ["test"] * 6 + ["validation"] * 4
    split = real[["cell_id", "label"]].iloc[:25]
    split = split.assign(origin="real", row=range(25), part=parts, weight=0.5)
    train = {"origin": "synthetic", "row": [0, 1], "part": "train", "weight": 2.0}
    split = pd.concat([split, made[["cell_id", "label"]].assign(**train)])
    columns = ["cell_id", "origin", "row", "label", "part", "weight"]
    write_table(folder / "data/splits/heldout/c_wgan_gp.csv", split[columns])
    write_facts(folder, real)


def write_facts(folder: Path, real: pd.DataFrame) -> None:
    """What the study's datasheet rests on; no matter what it says."""
    deal = real[["cell_id", "label"]].assign(group="g", part="train", pool=True)
    write_table(folder / "data/hold_out.csv", deal)
    nothing = pd.DataFrame(columns=list(REJECTED_COLUMNS))
    write_table(folder / "data/cells/rejected.csv", nothing)
    (folder / "data/sources.json").write_text('{"sources": {}}')
    empty = {name: {} for name in ("rejected", "class_by_source")}
    empty |= {name: {} for name in ("published_types", "types")}
    counts = {"relabelled": 0, "groups": 1, "imbalance": 1.0, "warnings": []}
    files = {"total": 30, "kept": 30, "rejected": 0}
    census = {"files": files, "related": {"note": "none"}} | empty | counts
    write_metrics(folder / "metrics/dataset.json", census)


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """A small study, and its cells in every form, twice."""
    folder = tmp_path_factory.mktemp("study")
    write_study(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for form in FORMS:
            for output in ("exports", "again"):
                assert run(form, f"{output}/{form}") == 0
    return folder


@pytest.fixture
def here(study, monkeypatch) -> Path:
    monkeypatch.chdir(study)
    monkeypatch.setenv("HOME", str(study))  # where medmnist makes a folder
    return study


def run(
    form: str, output: str, balancer: str = "c_wgan_gp", protocol: str = "heldout"
) -> int:
    """The exit code of an export of cells."""
    words = ["cells", "--protocol", protocol, "--balancer", balancer]
    words += ["--form", form, "--output", output]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["export", *words])
        try:
            run_stage(export.main, alone=False)
        except SystemExit as ended:
            return ended.code
    return 0


def read_as_documented(library: str) -> dict:
    """What the example of docs/handover.md for a library defines."""
    blocks = re.findall(r"```python\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    (block,) = [block for block in blocks if library in block]
    names: dict = {}
    exec(block, names)
    return names


def originals(part: str) -> dict[str, tuple[np.ndarray, str]]:
    """Image and class of each cell of a part, by its name, from the study's files."""
    split = pd.read_csv("data/splits/heldout/c_wgan_gp.csv", dtype={"cell_id": str})
    place = {"real": "data/cells", "synthetic": "data/synthetic/heldout/c_wgan_gp"}
    images = {k: np.load(f"{folder}/images.npy") for k, folder in place.items()}
    return {
        f"{cell.origin}_{cell.cell_id}": (images[cell.origin][cell.row], cell.label)
        for cell in split[split["part"] == part].itertuples()
    }


def test_torchvision_reads_class_folders(here):
    folders = read_as_documented("torchvision")["folders"]
    wanted = originals("train")
    assert len(folders) == len(wanted) == 17 and folders.classes == sorted(CLASSES)
    for (path, _), (image, label) in zip(folders.samples, folders, strict=True):
        pixels, name = wanted.pop(Path(path).stem)
        assert np.array_equal(image, pixels) and folders.classes[label] == name
    assert not wanted


def test_medmnist_reads_its_npz(here):
    names = read_as_documented("medmnist")
    arrays, train = names["arrays"], names["medmnist"]
    wanted = originals("train")
    assert len(train) == len(wanted) == 17 and list(arrays["classes"]) == list(CLASSES)
    for (image, label), cell, made in zip(
        train, arrays["train_cell_ids"], arrays["train_synthetic"], strict=True
    ):
        pixels, name = wanted[f"{'synthetic' if made else 'real'}_{cell}"]
        assert np.array_equal(image, pixels) and CLASSES[label.item()] == name
    assert arrays["train_synthetic"].sum() == 2 and not arrays["test_synthetic"].any()
    others = [
        names["Cells"](p, root="exports/medmnist", size=32) for p in ("val", "test")
    ]
    assert [len(part) for part in others] == [4, 6]


def test_webdataset_reads_shards(here, capsys):
    samples = read_as_documented("webdataset")["samples"]
    assert capsys.readouterr().out.count("synthetic") == 2
    wanted = originals("train")
    order = []
    for sample in samples:
        pixels, name = wanted.pop(sample["__key__"])
        assert np.array_equal(sample["png"], pixels)
        assert CLASSES[sample["cls"]] == name == sample["json"]["label"]
        assert sample["json"]["origin"] == sample["__key__"].split("_")[0]
        order.append(name)
    assert not wanted and order != sorted(order, key=CLASSES.index)


def test_many_cells_take_several_shards(here, monkeypatch):
    monkeypatch.setattr(formats, "SHARD", 8)
    assert run("webdataset", "small") == 0
    names = sorted(path.stem for path in Path("small").glob("*.tar"))
    numbers = [("test", 0), ("train", 0), ("train", 1), ("train", 2), ("validation", 0)]
    assert names == [f"{part}-{number:06d}" for part, number in numbers]


@pytest.mark.parametrize("form", FORMS)
def test_exports_are_the_same_bytes_and_list_their_files(here, form):
    subprocess.run(["diff", "-r", f"exports/{form}", f"again/{form}"], check=True)
    check = ["sha256sum", "--check", "--strict", "--quiet", "cytobalance.sha256"]
    subprocess.run(check, cwd=f"exports/{form}", check=True)


@pytest.mark.parametrize("form", FORMS)
def test_every_cell_has_a_row_that_says_whether_it_is_synthetic(here, form):
    table = pd.read_csv(f"exports/{form}/metadata.csv", keep_default_na=False)
    assert len(table) == 27 and all(
        Path("exports", form, f).exists() for f in table["file"]
    )
    made = table[table["origin"] == "synthetic"]
    assert made["name"].tolist() == [f"synthetic_{name}" for name in NAMES]
    assert made["parent"].tolist() == ["", f"{2:016x}"] and set(made["source"]) == {""}
    real = table[table["origin"] == "real"]
    assert set(real["maker"]) == {""} and real["source_file"].iat[3] == "3.png"
    assert set(real["weight"]) == {0.5} and set(made["weight"]) == {2.0}


def test_a_png_says_itself_whether_it_is_synthetic(here):
    for path in Path("exports/folders").rglob("*.png"):
        assert Image.open(path).text["origin"] == path.name.split("_")[0]


def test_a_class_that_a_part_lacks_is_refused_by_the_reader(here):
    from torchvision.datasets import ImageFolder

    split = pd.read_csv("data/splits/heldout/c_wgan_gp.csv", dtype={"cell_id": str})
    lacks = (split["part"] == "validation") & (split["label"] == "lymphocyte")
    split = split[~lacks & (split["origin"] == "real")]
    write_table(Path("data/splits/heldout/weighted.csv"), split)
    nothing = np.zeros((0, SIZE, SIZE, 3), np.uint8), pd.DataFrame({"cell_id": []})
    write_cells(Path("data/synthetic/heldout/none"), *nothing)
    assert run("folders", "lacking", "weighted") == 0
    with pytest.raises(FileNotFoundError, match="lymphocyte"):
        ImageFolder("lacking/validation")
    part = ImageFolder("lacking/validation", allow_empty=True)
    assert part.classes == sorted(CLASSES)


def test_the_datasheet_says_what_is_there(here):
    sheet = Path("exports/folders/datasheet.md").read_text("utf-8")
    assert (
        sheet.count("27 images of one cell each: 25 simulated cells and 2 synth") == 2
    )
    assert "Simulated cells, 30 of" not in sheet  # those are the study's
    assert "5 cells of the study take no part" in sheet
    assert "| monoblast | 2 | 5 | 2 | 2 | 1 |" in sheet
    assert "| all |  | 15 | 2 | 6 | 4 |" in sheet
    assert "| pbc_simulated | 20 |" in sheet
    assert "made by c_wgan_gp" in sheet and "Not for diagnosis" in sheet
    assert "pbc_simulated MIT, as the simulator" in sheet  # of the study's chapters


def test_the_size_in_front_is_that_of_the_exported_set():
    facts = SimpleNamespace(title="a study", sources=(), simulated=False)
    sizes = {27: "n<1K", 999_999: "100K<n<1M", 1_200_000: "1M<n<10M"}
    for count, name in sizes.items():
        assert describe_set(facts, count)["size_categories"] == [name]


@pytest.mark.parametrize(
    ("spoil", "names", "words"),
    [
        (
            None,
            {"balancer": "adasyn"},
            "has no adasyn; it has: plain, weighted, c_wgan",
        ),
        (None, {"protocol": "source_out"}, "has no source_out; it has: paper, heldout"),
        (None, {"protocol": "paper"}, "is missing; run `dvc repro generate@paper-c_wg"),
        ("data/splits/heldout/c_wgan_gp.csv", {}, "run `dvc repro split@heldout-c_wg"),
        ("data/cells/images.npy", {}, "run `dvc repro merge`"),
        ("data/cells/cells.csv", {}, "run `dvc repro merge`"),
        ("metrics/dataset.json", {}, "run `dvc repro merge`"),
    ],
)
def test_what_can_not_be_exported_is_one_line(
    tmp_path, monkeypatch, capsys, spoil, names, words
):
    monkeypatch.chdir(tmp_path)
    write_study(tmp_path)
    if spoil:
        Path(spoil).write_bytes(Path(spoil).read_bytes()[:-9])
    before = sorted(Path().rglob("*"))
    assert run("folders", "out", **names) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1 and words in said
    assert sorted(Path().rglob("*")) == before


def test_a_stopped_export_leaves_nothing(here, monkeypatch):
    def stop(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    before = sorted(Path().rglob("*"))
    monkeypatch.setattr(formats, "encode_png", stop)
    for form in ("folders", "webdataset"):
        assert run(form, "stopped") == 1
    assert sorted(Path().rglob("*")) == before


def test_a_finished_study_is_exported(study_folder, tmp_path):
    assert run("webdataset", str(tmp_path / "out"), "weighted_augmented_gan") == 0
    split = pd.read_csv("data/splits/heldout/weighted_augmented_gan.csv")
    table = pd.read_csv(tmp_path / "out/metadata.csv")
    columns = ["cell_id", "part", "label", "origin"]
    assert set(table[columns].itertuples(index=False, name=None)) == set(
        split[columns].itertuples(index=False, name=None)
    )
    assert len(table) == len(split)
    sheet = (tmp_path / "out/datasheet.md").read_text("utf-8")
    assert "## This exported set" in sheet and "## Collection process" in sheet
