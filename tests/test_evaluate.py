"""The stage `evaluate` on a tiny study: what it writes is true and stays small."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fake_study import CLASSES, write_cells, write_params, write_predictions
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

import evaluate
from cytobalance.evaluate.calibration import (
    expected_calibration_error,
    reliability_bins,
)
from cytobalance.prediction.temperature import scale
from cytobalance.study.cells import hash_file
from cytobalance.study.runtime import run_stage


def evaluate_in(folder: Path, protocol: str, balancer: str) -> None:
    words = ["--protocol", protocol, "--balancer", balancer]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["x", *words, "--classifier", "sequential_cnn"])
        run_stage(evaluate.main)


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    write_params(folder)
    cells = write_cells(folder)
    for protocol, balancer in (("heldout", "plain"), ("paper", "c_wgan_gp")):
        write_predictions(folder, cells, protocol, balancer)
        evaluate_in(folder, protocol, balancer)
    return folder


def read(study: Path, key: str) -> dict:
    return json.loads((study / f"metrics/classifiers/{key}.json").read_text())


def temperature_of(record: dict) -> float:
    """That of all trials together."""
    return record["temperature"]["temperature"]


def test_misses_rebuild_the_confusion_matrix(study):
    record = read(study, "heldout-plain-sequential_cnn")
    support = [record["test"]["all"]["classes"][c]["support"] for c in CLASSES]
    counts = [[0.0] * 3 for _ in CLASSES]
    for i, n in enumerate(support):
        counts[i][i] = float(n)
    for trial, _, origin, label, said, p_said, p_true in record["misses"]["rows"]:
        assert origin == "real" and said != label and p_said > p_true
        assert trial in (0, 1)
        counts[label][said] += 0.5
        counts[label][label] -= 0.5
    assert counts == record["test"]["all"]["confusion"]


def test_rare_class_pulls_balanced_accuracy_below_accuracy(study):
    overall = read(study, "heldout-plain-sequential_cnn")["test"]["all"]["overall"]
    assert overall["accuracy"]["mean"] > overall["balanced_accuracy"]["mean"] + 0.1
    for score in overall.values():
        assert 0 <= score["low"] <= score["mean"] <= score["high"] <= 1


def test_paper_protocol_tells_real_from_synthetic_test_cells(study):
    test = read(study, "paper-c_wgan_gp-sequential_cnn")["test"]
    assert test["all"]["cells"] == test["real"]["cells"] + test["synthetic"]["cells"]
    assert test["synthetic"]["cells"] == 100
    synthetic = test["synthetic"]["classes"]["monoblast"]["recall"][0]
    real = test["real"]["classes"]["monoblast"]["recall"][0]
    every = test["all"]["classes"]["monoblast"]["recall"][0]
    assert real < every < synthetic  # the flattering mix
    assert "recall" not in test["synthetic"]["classes"]["neutrophil"]


def test_heldout_test_cells_are_all_real(study):
    assert list(read(study, "heldout-plain-sequential_cnn")["test"]) == ["all"]


def test_counts_name_every_part_and_origin(study):
    record = read(study, "paper-c_wgan_gp-sequential_cnn")
    split = pd.read_csv(study / "data/splits/paper/c_wgan_gp.csv")
    total = sum(
        sum(numbers)
        for origins in record["cells"].values()
        for numbers in origins.values()
    )
    assert total == len(split)
    assert record["cells"]["train"]["synthetic"] == [0, 0, 200]


@pytest.mark.parametrize("key", ["heldout-plain", "paper-c_wgan_gp"])
def test_trials_together_score_their_mean_probability(study, key):
    key = f"{key}-sequential_cnn"
    record = read(study, key)
    path = study / f"data/predictions/{key}.csv"
    assert record["predictions"] == hash_file(path)
    table = pd.read_csv(path)
    table = table[table["part"] == "test"]
    names = [f"p_{label}" for label in CLASSES]
    mean = table.groupby(["origin", "cell_id", "label"])[names].mean()
    mean = mean.reset_index().sort_values(["origin", "cell_id"])
    mean[names] = scale(mean[names].to_numpy(), temperature_of(record))
    said = np.array(CLASSES)[mean[names].to_numpy().argmax(1)]
    found = record["ensemble"]["all"]
    assert list(record["ensemble"]) == list(record["test"])
    score = found["overall"]["balanced_accuracy"]
    true = balanced_accuracy_score(mean["label"], said)
    assert score["mean"] == pytest.approx(true, abs=1e-5)
    assert score["low"] < score["mean"] < score["high"] and score["sd"] is None
    assert score != record["test"]["all"]["overall"]["balanced_accuracy"]
    bins = reliability_bins(
        mean[names].max(axis=1).to_numpy(), said == mean["label"], 10
    )
    ece = expected_calibration_error(bins)
    assert found["calibration"]["ece"] == pytest.approx(ece, abs=1e-4)
    assert sum(found["calibration"]["bins"]["count"]) == found["cells"] == len(mean)


def test_rare_class_is_ranked_and_its_threshold_can_be_used(study):
    key = "heldout-plain-sequential_cnn"
    record = read(study, key)
    assert record["rare_classes"] == ["monoblast"]
    ranking = record["ranking"]
    assert ranking["specificity"] == 0.99 and list(ranking["trials"]) == ["monoblast"]
    assert len(ranking["trials"]["monoblast"]["thresholds"]) == record["trials"]
    found = ranking["together"]["monoblast"]
    table = pd.read_csv(study / f"data/predictions/{key}.csv")
    names = [f"p_{label}" for label in CLASSES]
    mean = table.groupby(["part", "cell_id", "label"])[names].mean()
    mean[names] = scale(mean[names].to_numpy(), temperature_of(record))
    mean = mean["p_monoblast"]
    for part, scores in (
        ("test", [found["sensitivity"][0], found["specificity"][0]]),
        (
            "validation",
            [found[f"validation_{n}"] for n in ("sensitivity", "specificity")],
        ),
    ):
        rows = mean[part].reset_index()
        called = rows["p_monoblast"] > found["threshold"]
        own = rows["label"] == "monoblast"
        true = [called[own].mean(), 1 - called[~own].mean()]
        assert scores == pytest.approx(true, abs=1e-5), part
    assert found["validation_specificity"] >= 0.99
    test = mean["test"].reset_index()
    area = roc_auc_score(test["label"] == "monoblast", test["p_monoblast"])
    assert found["auroc"][0] == pytest.approx(area, abs=1e-5)
    trial = record["ranking"]["trials"]["monoblast"]["auroc"][0]
    classes = record["test"]["all"]["classes"]["monoblast"]
    assert trial == pytest.approx(classes["auroc"], abs=1e-5)
    assert len(found["curve"]["precision"]) <= 100


def test_recall_and_confusion_by_source_add_up(study):
    record = read(study, "heldout-plain-sequential_cnn")
    found = record["by_source"]
    assert list(found) == ["made", "other"]
    every = record["test"]["all"]
    assert sum(part["cells"] for part in found.values()) == every["cells"]
    together = sum(np.array(part["confusion"]) for part in found.values())
    assert together.tolist() == every["confusion"]
    for part in found.values():
        confusion = np.array(part["confusion"])
        recall = np.diag(confusion) / np.maximum(confusion.sum(1), 1)
        for label, (value, low, high) in part["recall"].items():
            assert value == pytest.approx(recall[CLASSES.index(label)], abs=1e-5)
            assert 0 <= low <= value <= high <= 1
        values = [value for value, *_ in part["recall"].values()]
        assert part["balanced_accuracy"] == pytest.approx(np.mean(values), abs=1e-5)


def test_differential_counts_subjects_and_the_whole_test(study):
    record = read(study, "heldout-plain-sequential_cnn")
    found = record["differential"]
    cells = pd.read_csv(study / "data/cells/cells.csv", keep_default_na=False)
    parts = pd.read_csv(study / "data/hold_out.csv")["part"]
    test = cells[(parts == "test").to_numpy()]
    size = test[test["subject"] != ""].groupby("subject").size()
    assert found["subjects"] == (size >= 10).sum() > 1
    assert found["cells_of_subjects"] == size.sum()
    whole = found["counted"]["whole"]
    true = [(test["label"] == label).mean() for label in CLASSES]
    assert whole["true"] == pytest.approx(true, abs=1e-5)
    assert found["blast_classes"] == ["monoblast"]
    assert whole["blasts"]["true"] == pytest.approx(true[2], abs=1e-5)
    points = found["counted"]["by_subject"]["blasts"]["true"]
    mine = test[test["subject"] != ""].groupby("subject")["label"]
    shares = mine.apply(lambda labels: (labels == "monoblast").mean())
    assert sorted(points) == pytest.approx(sorted(shares))


def test_paper_protocol_ranks_and_counts_real_cells_alone(study):
    record = read(study, "paper-c_wgan_gp-sequential_cnn")
    real = record["test"]["real"]["cells"]
    assert record["differential"]["cells"] == real < record["test"]["all"]["cells"]
    assert sum(part["cells"] for part in record["by_source"].values()) == real


def test_simulated_is_said_and_bytes_are_stable(study, capsys):
    path = study / "metrics/classifiers/heldout-plain-sequential_cnn.json"
    before = path.read_bytes()
    record = json.loads(before)
    assert record["simulated"] is True
    evaluate_in(study, "heldout", "plain")
    assert "wrote metrics/classifiers/heldout-plain" in capsys.readouterr().out
    assert path.read_bytes() == before
    assert len(before) < 60_000


def test_missing_predictions_end_in_one_line(study, capsys):
    with pytest.raises(SystemExit) as ended:
        evaluate_in(study, "heldout", "weighted")
    message = capsys.readouterr().err
    assert ended.value.code == 1
    assert "data/predictions/heldout-weighted-sequential_cnn.csv" in message
    assert "dvc repro" in message and message.count("\n") == 1


def test_balancer_outside_the_study_is_refused_with_the_legal_ones(study, capsys):
    with pytest.raises(SystemExit) as ended:
        evaluate_in(study, "heldout", "smote")
    message = capsys.readouterr().err
    assert ended.value.code == 2
    assert "plain" in message and "c_wgan_gp" in message
