"""predict.py: input as in training, unreadable files, batches, which scores hold."""

import errno
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from new_images import ABOUT, KEY, PBC, RECORD, SIZE, run, write_image, write_model
from PIL import Image
from tiny_classifiers import tiny_cnn, untrained

import predict
from cytobalance.classify.classifier import save_classifier
from cytobalance.classify.ensemble import choose_input
from cytobalance.prediction import judgement, reading
from cytobalance.study.metrics import write_metrics
from cytobalance.study.runtime import StudyError


def test_the_crop_of_training_is_used_without_asking(model, capsys):
    frame = np.random.default_rng(1).integers(0, 256, (40, 40, 3), np.uint8)
    Image.fromarray(frame).save("frame.png")
    Image.fromarray(frame[10:30, 10:30]).save("centre.png")
    _, whole, said = run(capsys, "frame.png")
    assert "centre square of 50 % of the side" in said
    write_model(model, inputs={"pbc": PBC | {"crop": 1.0}})
    _, centre, _ = run(capsys, "centre.png")
    pd.testing.assert_frame_equal(
        whole.drop(columns="file"), centre.drop(columns="file")
    )


def test_sources_that_differ_demand_like(model, capsys):
    write_model(model, inputs={"pbc": PBC, "mll": PBC | {"crop": 250}})
    write_image(Path("a.png"))
    code, table, said = run(capsys, "a.png")
    assert code == 1 and table.empty and said.count("\n") == 1
    assert "--like SOURCE" in said and "pbc (" in said and "mll (" in said
    code, _, said = run(capsys, "--like", "mll", "a.png")
    assert code == 0 and "250 px" in said
    code, _, said = run(capsys, "--like", "lmu", "a.png")
    assert code == 1 and "legal: pbc, mll" in said


def test_what_makes_sources_alike():
    deep = PBC | {"depth": 12}
    assert choose_input({"a": PBC, "b": deep}, None)["depth"] == 12
    for other in ({"depth": 16}, {"boxes": True}, {"crop": 1.0}):
        with pytest.raises(StudyError, match="--like"):
            choose_input({"a": deep, "b": deep | other}, None)


def test_models_that_do_not_tell_their_input_are_refused(model, capsys):
    write_image(Path("a.png"))
    (model / "trial_1.pt").unlink()
    code, _, said = run(capsys, "a.png")
    assert code == 1 and "2 trials" in said and said.count("\n") == 1
    old = {key: ABOUT[key] for key in ("classes", "size")}
    save_classifier(model / "trial_0.pt", untrained(tiny_cnn(), 2, SIZE), old)
    code, _, said = run(capsys, "a.png")
    assert code == 1 and "older version" in said and said.count("\n") == 1
    (model / "trial_0.pt").unlink()
    code, _, said = run(capsys, "a.png")
    assert code == 1 and "no trained classifier" in said


def test_litter_is_left_out_and_an_unreadable_file_is_a_row(model, capsys):
    folder = Path("new")
    for name in ("1.png", "sub/2.png", "é.png"):
        write_image(folder / name)
    litter = ("._1.png", ".ipynb_checkpoints/1.png", "@eaDir/1.png", "Thumbs.db")
    for name in (*litter, "__MACOSX/1.png", "notes.txt"):
        write_image(folder / "x.png")
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / "x.png").rename(folder / name)
    data = (folder / "1.png").read_bytes()
    (folder / "cut.png").write_bytes(data[: len(data) // 2])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "gone.png").symlink_to("nowhere.png")
    code, table, said = run(capsys, folder, "none.png", folder / "Thumbs.db")
    assert code == predict.SOME_UNREAD
    table = table.set_index("file")
    names = ["1.png", "cut.png", "empty.jpg", "gone.png", "sub/2.png", "é.png"]
    assert list(table.index) == [*(f"new/{name}" for name in names), "none.png"]
    reasons = table["reason"]
    assert (reasons[["new/1.png", "new/sub/2.png", "new/é.png"]] == "").all()
    assert reasons["new/empty.jpg"] == "empty file" and reasons["none.png"] == "missing"
    assert "damaged" in reasons["new/cut.png"] and "link" in reasons["new/gone.png"]
    assert (table["predicted"] == "").eq(reasons != "").all()
    last = said.splitlines()[-1]
    assert last.startswith("3 of 7 files predicted, 4 can't be read")
    assert "7 left out" in last


def test_a_folder_that_can_not_be_read_is_a_row(model, capsys, shut):
    for name in ("1.png", "closed/2.png"):
        write_image(Path("new", name))
    shut(Path("new/closed"))
    code, table, said = run(capsys, "new", f"{'x' * 300}.png")
    assert code == predict.SOME_UNREAD
    names = ["new/1.png", "new/closed", f"{'x' * 300}.png"]
    assert table["file"].tolist() == names
    assert table["reason"].tolist() == [
        "",
        "folder can't be read, with all in it: Permission denied",
        "can't be read: File name too long",
    ]
    assert "1 of 3 files predicted, 2 can't be read" in said


def test_a_folder_without_images_is_one_line(model, capsys):
    Path("new").mkdir()
    Path("new/notes.txt").touch()
    code, table, said = run(capsys, "new")
    assert (code, len(table), said.count("\n")) == (1, 0, 1)
    assert "new holds no image files" in said


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("there", "no regular file"),
        ("pipe", "no regular file"),
        ("a.png", "the name of an image"),
        ("a.zip", "the name of an archive"),
        ("a.tar.gz", "the name of an archive"),
        ("cell", "an input too"),
        ("link.csv", "an input too"),
        ("a.png/x.csv", "Not a directory"),
        (f"{'x' * 300}.csv", "File name too long"),
    ],
)
def test_an_output_that_can_not_be_is_refused_at_once(model, capsys, output, words):
    write_image(Path("a.png"))
    Path("there").mkdir()
    os.mkfifo("pipe")
    Path("cell").write_bytes(Path("a.png").read_bytes())
    Path("link.csv").symlink_to("cell")
    before = sorted(Path().rglob("*"))
    image = Path("a.png").read_bytes()
    code, _, said = run(capsys, "--output", output, "a.png", "cell")
    assert (code, said.count("\n")) == (1, 1)
    assert "--output" in said and words in said
    assert sorted(Path().rglob("*")) == before
    assert Path("a.png").read_bytes() == image


def test_a_model_outside_any_project_has_no_score(model, capsys, monkeypatch):
    write_image(Path("a.png"))
    monkeypatch.setattr(Path, "resolve", lambda self: Path("/model"))
    code, table, said = run(capsys, "a.png")
    assert code == 0 and len(table) == 1 and "no score is known" in said


def test_no_readable_file_at_all_still_gives_every_reason(model, capsys):
    code, table, said = run(capsys, "a.png", "b.png")
    assert code == predict.SOME_UNREAD and list(table["reason"]) == ["missing"] * 2
    Path("bare").mkdir()
    code, table, said = run(capsys, "bare")
    assert code == 1 and table.empty and "holds no image files" in said


def test_litter_alone_gives_a_table_with_its_header(model, capsys):
    Path("Thumbs.db").touch()
    code, _, said = run(capsys, "--output", "out.csv", "Thumbs.db")
    assert code == 0 and "0 of 0 files predicted" in said and "1 left out" in said
    table = pd.read_csv("out.csv")
    assert table.empty and {"file", "predicted", "reason"} < set(table.columns)


def test_a_page_that_fails_costs_no_finished_table(model, capsys, monkeypatch):
    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    write_image(Path("a.png"))
    monkeypatch.setattr(predict, "render", fail)
    words = ("--output", "out.csv", "--differential", "d.csv", "--page", "p.html")
    code, _, said = run(capsys, *words, "a.png")
    assert code == 1 and "not finished" not in said and "No space" in said
    assert len(pd.read_csv("out.csv")) == 1 and len(pd.read_csv("d.csv")) == 2
    assert not list(Path().glob("*p.html*"))


def test_memory_holds_one_batch_and_rows_stream(model, capsys, monkeypatch):
    monkeypatch.setattr(reading, "BATCH", 4)
    for k in range(11):
        write_image(Path(f"new/{k:02}.png"), k)
    (Path("new") / "05.png").write_bytes(b"")
    sizes, written = [], []

    def watch(trials, images):
        sizes.append(len(images))
        written.append(len(list(Path().glob(".out.csv.partial*"))))
        return plain(trials, images)

    plain = judgement.mean_probability
    monkeypatch.setattr(judgement, "mean_probability", watch)
    code, table, _ = run(capsys, "new")
    assert code == predict.SOME_UNREAD and sizes == [4, 3, 3] and len(table) == 11
    alone = pd.concat([run(capsys, f"new/{k:02}.png")[1] for k in (0, 6, 10)])
    same = table.iloc[[0, 6, 10]]
    assert list(same["file"]) == list(alone["file"])
    for name in ("confidence", "p_basophil"):
        assert np.allclose(same[name].astype(float), alone[name], atol=1e-5)
    run(capsys, "--output", "out.csv", "new")
    assert written[-3:] == [1, 1, 1]
    pd.testing.assert_frame_equal(pd.read_csv("out.csv", keep_default_na=False), table)


def test_an_interrupted_run_leaves_no_table(model, capsys, monkeypatch):
    monkeypatch.setattr(reading, "BATCH", 2)
    for k in range(6):
        write_image(Path(f"new/{k}.png"), k)
    calls = []

    def interrupt(trials, images):
        if calls:
            raise KeyboardInterrupt
        calls.append(1)
        return np.full((len(images), 2), 0.5)

    monkeypatch.setattr(judgement, "mean_probability", interrupt)
    code, _, said = run(capsys, "--output", "out.csv", "new")
    assert code == 130 and not list(Path().glob("*out.csv*"))
    assert "2 of 6 files; the table is not whole" in said.splitlines()[-1]


def test_16_bit_files_are_read_at_the_depth_of_training(model, capsys):
    grey = np.linspace(0, 4095, 40 * 40).reshape(40, 40).astype(np.uint16)
    Image.fromarray(grey).save("bright.png")
    Image.fromarray(grey // 4).save("dim.png")
    Image.fromarray(grey * 16).save("deeper.png")
    Image.fromarray((grey >> 4).astype(np.uint8)).save("small.png")
    Image.fromarray((grey >> 6).astype(np.uint8)).save("small_dim.png")
    files = ["bright.png", "dim.png", "deeper.png", "small.png", "small_dim.png"]
    _, table, _ = run(capsys, *files)
    assert table["reason"].str.contains("of which training had none").sum() == 3
    write_model(model, inputs={"pbc": PBC | {"depth": 12}})
    _, table, _ = run(capsys, *files)
    chance = table["p_basophil"]
    assert chance[0] == chance[3] and chance[1] == chance[4] != chance[0]
    assert "of 12 bits in training" in table["reason"][2]


def scores_said(capsys) -> str:
    write_image(Path("a.png"))
    _, table, said = run(capsys, "a.png")
    assert len(table) == 1
    return said.splitlines()[1]


def test_the_scores_of_all_trials_together_are_stated(model, capsys):
    path = Path(f"metrics/classifiers/{KEY}.json")
    write_metrics(path, RECORD)
    said = scores_said(capsys)
    assert "balanced accuracy 70.1 % (95 % interval 62.0 to 76.1)" in said
    assert "calibration error 0.031" in said
    assert "341 simulated test cells in 221 groups" in said and str(path) in said
    one_group = json.loads(json.dumps(RECORD))
    scores = one_group["ensemble"]["all"]["overall"]["balanced_accuracy"]
    scores |= {"low": None, "high": None}
    write_metrics(path, one_group)
    assert "no interval" in scores_said(capsys)


def test_no_score_is_claimed_that_does_not_hold(model, capsys):
    path = Path(f"metrics/classifiers/{KEY}.json")
    for change, words in (
        (None, "is missing"),
        ({"predictions": "other"}, "another training"),
        ({"protocol": "paper"}, "no held-out score"),
        ({"protocol": "source_out"}, "of a source that training lacked"),
        ({"ensemble": {}}, "older version"),
    ):
        if change is not None:
            write_metrics(path, RECORD | change)
        said = scores_said(capsys)
        assert words in said and "balanced accuracy" not in said
    for content in ("", "{", "[]", "3"):
        path.write_text(content)
        assert "damaged" in scores_said(capsys)
