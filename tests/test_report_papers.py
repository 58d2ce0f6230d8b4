"""The page of a study that rebuilds a paper: printed numbers beside ours, by part."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from reported_study import PROTOCOLS, report_study, run_in

import report
from cytobalance.report.published import GUNGOR, HAZRA
from cytobalance.report.published_tables import SCORES


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("papers")
    report_study(folder)
    return folder


def page_of(folder: Path) -> str:
    text = (folder / "plots/report.html").read_text(encoding="utf-8")
    return re.sub(r">\s+<", "><", re.sub(r"\s+", " ", text))


def record_of(folder: Path, key: str) -> dict:
    return json.loads((folder / f"metrics/classifiers/{key}.json").read_text())


def row_of(text: str, title: str, name: str) -> list[str]:
    """The numbers in a row of the grouped table under a heading."""
    table = text[text.index(title) :].split("</table>")[0]
    row = re.search(rf"<tr><td>{name}</td>(.+?)</tr>", table)[1]
    return re.findall(r"<td[^>]*>(.*?)</td>", row)


def test_printed_and_measured_numbers_stand_in_groups_of_their_own(study):
    text = page_of(study).split('<h2 id="published"')[1].split("<h2")[0]
    titles = re.findall(r"<h3>(.+?)</h3>", text)
    assert [re.search(r"(table|section) [\d.]+", t)[0] for t in titles] == [
        *("table 6", "table 7", "table 8", "table 9", "section 3.2"),
    ]
    heads = re.findall(r'<th class="group" colspan="\d">(.+?)</th>', text)
    assert heads[:3] == [
        "published (Hazra 2022)",
        "this study (simulated cells), protocol paper",
        "this study (simulated cells), protocol heldout",
    ]
    assert "Protocol: The paper balanced before it split" in text
    assert "Simulated cells neither confirm nor refute" in text
    assert "870 simulated ones of 3 classes, 16 pixels a side" in text
    row = row_of(text, "table 8", "naive_bayes")
    scores = [
        record_of(study, f"{p}-plain-naive_bayes")["test"]["all"]["overall"]
        for p in PROTOCOLS
    ]
    names = ("balanced_accuracy", "macro_f1", "macro_specificity", "macro_precision")
    ours = [f"{100 * score[name]['mean']:.1f}" for score in scores for name in names]
    assert row == ["74.11", "74.74", "77.65", "74.93", *ours]
    assert row_of(text, "table 9", "naive_bayes")[:2] == ["77.01", "77.33"]
    gan = row_of(text, "table 6", "c_wgan_gp")
    assert gan[:6] == ["60.33", "97.1", "96.16", "96.99", "0.23", "14.52"]
    assert gan[6:12] == ["31.2", "–", "43.8", "–", "–", "–"]
    # Only what the study has: neither other GANs nor other classifiers.
    assert "vgg19" not in text and "acgan" not in text


def test_table_of_published_numbers_says_whose_each_is(study):
    table = pd.read_csv(study / "plots/tables/published.csv")
    assert set(table["source"]) == {"published", "this study"}
    whose = {(row.source, row.data) for row in table.itertuples()}
    assert whose == {("published", "published"), ("this study", "simulated")}
    printed = table[table["source"] == "published"]
    assert printed["protocol"].isna().all()
    rows = table["table"].str.startswith("Table 8") & (table["name"] == "naive_bayes")
    recall = table[rows & (table["score"] == "recall, %")]
    assert list(recall["protocol"].fillna("")) == ["", *PROTOCOLS]
    assert recall["value"].iloc[0] == 74.11


def test_scores_on_training_cells_stand_beside_those_on_test_cells(study):
    text = page_of(study)
    title = "What a score on training cells would have said"
    for recipe in ("plain", "c_wgan_gp"):
        record = record_of(study, f"heldout-{recipe}-sequential_cnn")
        # The last of three epochs of both trials: 1 - 0.5 / 3.
        test = record["test"]["all"]["overall"]["accuracy"]["mean"]
        validation = record["validation"]["overall"]["accuracy"]["mean"]
        row = row_of(text, title, recipe)
        assert row[:3] == [
            *("83.3 %", f"{100 * validation:.1f} %", f"{100 * test:.1f} %"),
        ]
        assert float(row[3].replace("−", "-")) == pytest.approx(
            100 * (1 - 0.5 / 3 - test), abs=0.06
        )
    assert "By its training cells plain is the most accurate, with 83.3 %" in text
    parts = pd.read_csv(study / "plots/tables/accuracy_by_part.csv")
    assert len(parts) == 2 * 2 * 2 * 3
    assert parts.loc[parts["part"] == "training", "accuracy"].round(4).eq(0.8333).all()


def test_charts_in_the_form_of_the_papers_figures_are_drawn(study):
    figures = {path.stem for path in (study / "plots/figures").glob("*.png")}
    assert figures >= {"scores_by_class", "accuracy"}
    text = page_of(study)
    assert text.count('alt="Sensitivity, precision, specificity and accuracy') == 1
    assert text.count('alt="Accuracy of every recipe, a panel a classifier"') == 1


def test_a_study_that_rebuilds_no_paper_shows_no_printed_number(study, tmp_path):
    copy = tmp_path / "none"
    shutil.copytree(study, copy)
    params = yaml.safe_load((copy / "params.yaml").read_text())
    params["study"]["paper"] = None
    (copy / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    run_in(copy, report.main)
    text = page_of(copy)
    assert 'id="published"' not in text and "77.01" not in text
    assert not (copy / "plots/tables/published.csv").exists()


def test_sensitivity_is_of_the_diseased_and_training_accuracy_of_the_last_epoch():
    curves = {"columns": ["trial", "epoch", "train_accuracy"]}
    curves["rows"] = [[0, 1, 0.5], [0, 2, 0.9], [1, 1, 0.7]]
    classes = {"all": {"recall": [0.9, 0.8, 1]}, "hem": {"recall": [0.6, 0.5, 0.7]}}
    test = {"all": {"classes": classes}}
    record = {"classes": ["all", "hem"], "test": test, "curves": curves}
    assert SCORES["sensitivity"](record) == pytest.approx(90)
    assert SCORES["specificity"](record) == pytest.approx(60)
    assert SCORES["train_accuracy"](record) == pytest.approx(80)  # .9 and .7
    assert set(GUNGOR.tables[0].ours) <= set(SCORES)
    classes["hem"] = {"support": 0}
    assert SCORES["specificity"](record) is None


def test_printed_numbers_are_those_of_the_papers():
    """Against the papers' text: a row a model, numbers in the printed order."""
    rows = {t.title[:7]: t.rows for t in HAZRA.tables}
    assert rows["Table 7"]["cgan"] == (30.22, 0.94, 13.9, 6.5)
    assert rows["Table 8"]["svm"] == (86.72, 85.44, 91.30, 85.47)
    assert rows["Table 9"]["sequential_cnn"] == (96.55, 96.01, 95.10, 96.93)
    for table in (*HAZRA.tables, *GUNGOR.tables):
        assert {len(row) for row in table.rows.values()} == {len(table.columns)}
    # Every classifier of the paper scored higher after balancing.
    for name, after in rows["Table 9"].items():
        assert all(np.array(after) > rows["Table 8"][name])
    validation = {n: row[1] for n, row in GUNGOR.tables[0].rows.items() if row[1]}
    assert sorted(validation, key=validation.get) == ["dcgan", "adasyn", "weighted"]
