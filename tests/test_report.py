"""The stage `report` on a tiny study: the page says what the numbers say."""

import itertools
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from cell_sets import picks_of
from fake_study import (
    RECALL,
    TRIALS,
    write_cells,
    write_explained,
    write_params,
    write_predictions,
)
from reported_study import EVIL, PROTOCOLS, capture_page, poison, run_in
from sklearn.metrics import balanced_accuracy_score

import evaluate
import report
from cytobalance.assess.cell_sheet import draw_gan_sheet
from cytobalance.report.gans import MEASURES
from cytobalance.report.rendering import render
from cytobalance.study.tables import read_table

KEYS = ["data", "protocol", "balancer", "classifier"]
SHEET_WORDS = {
    "": "Training cells",
    "-closest": "Does it copy",
    "-training": "Cells of",
}

SHORTCUTS = {
    "source": {
        "neutrophil": {
            "balanced_accuracy": 0.9375,
            "chance": 0.5,
            "cells": {"made": 300, "other": 280},
            "left_out": {"third": 7},
        },
        "monoblast": {
            "balanced_accuracy": None,
            "chance": None,
            "cells": {},
            "left_out": {"made": 30},
        },
    },
    "border": {
        "balanced_accuracy": 0.4125,
        "chance": 1 / 3,
        "cells": {"neutrophil": 500, "lymphocyte": 240, "monoblast": 30},
        "left_out": {},
    },
}


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    write_params(folder)
    cells = write_cells(folder)
    for protocol in PROTOCOLS:
        for balancer in RECALL:
            write_predictions(folder, cells, protocol, balancer)
            words = ["--protocol", protocol, "--balancer", balancer]
            classifier = ["--classifier", "sequential_cnn"]
            run_in(folder, evaluate.main, *words, *classifier)
    images = np.zeros((8, 16, 16, 3), np.uint8)
    picks = {"monoblast": picks_of(images, images, 20, 9)}
    (folder / "metrics/gan").mkdir()
    for protocol in PROTOCOLS:
        key = f"{protocol}-c_wgan_gp"
        for end in ("", "-closest", "-training"):
            sheet = folder / f"plots/gan/{key}{end}.png"
            draw_gan_sheet(picks, sheet, "GAN", True)
        found = {"protocol": protocol, "notes": ["lpips: null, weights <missing>"]}
        found["features"] = "imagenet"
        found["overall"] = {"fid": 31.25, "lpips": None, "floor": {"fid": 2.5}}
        measures = dict.fromkeys(MEASURES) | {"tstr_recall": 0.4375, "kid_mean": 3.875}
        found["classes"] = {"monoblast": measures}
        (folder / f"metrics/gan/{key}.json").write_text(json.dumps(found))
    counts = {
        "files": {"total": 900, "kept": 870, "rejected": 30},
        "rejected": {"ingest": {"not an image": 30}, "dedup": {}},
        "relabelled": 1,
        "published_types": {"neutrophil": 870},
        "types": {"neutrophil": 869, "promyelocyte": 1},
        "class_by_source": {"neutrophil": {"pbc_simulated": 600}},
        "related": {"sought": True, "note": "12 related images in 2 families"},
        "groups": 87,
        "imbalance": 20.0,
        "warnings": ["all 30 cells of monoblast come from pbc_simulated alone"],
    }
    (folder / "metrics/dataset.json").write_text(json.dumps(counts))
    (folder / "metrics/shortcuts.json").write_text(json.dumps(SHORTCUTS))
    run_in(folder, report.main)
    return folder


def summary_of(folder: Path) -> dict:
    return json.loads((folder / "metrics/summary.json").read_text())


def page_of(folder: Path) -> str:
    """The page with single blanks, as a browser shows them, and none between tags."""
    text = (folder / "plots/report.html").read_text(encoding="utf-8")
    return re.sub(r">\s+<", "><", re.sub(r"\s+", " ", text))


def leaves(value) -> int:
    return sum(map(leaves, value.values())) if isinstance(value, dict) else 1


def test_summary_is_short_and_names_the_simulated_study(study):
    summary = summary_of(study)
    assert 15 <= leaves(summary) <= 40
    assert "Simulated" in summary["study"]
    assert list(summary).index("simulated") == 1 and summary["simulated"] is True
    for name in ("scores", "recall_by_class"):
        table = pd.read_csv(study / f"plots/tables/{name}.csv")
        assert set(table["data"]) == {"simulated"}
    assert summary["rare_classes"] == "monoblast"


def test_summary_scores_are_those_of_the_predictions(study):
    path = study / "data/predictions/heldout-weighted-sequential_cnn.csv"
    table = pd.read_csv(path)
    test = table[table["part"] == "test"]
    each = [
        balanced_accuracy_score(rows["label"], rows["predicted"])
        for _, rows in test.groupby("trial")
    ]
    found = summary_of(study)["sequential_cnn"]["heldout"]["weighted"]
    assert found["balanced_accuracy"] == pytest.approx(np.mean(each), abs=1e-5)
    rare = test[test["label"] == "monoblast"]
    recall = (rare["label"] == rare["predicted"]).mean()
    assert found["rare_recall"] == pytest.approx(recall, abs=1e-5)


def test_gain_is_the_difference_of_scores_with_a_verdict(study):
    found = summary_of(study)["sequential_cnn"]
    scores = {k: v["balanced_accuracy"] for k, v in found["heldout"].items()}
    assert set(found["gain"]) == {"weighted", "c_wgan_gp"}
    for name, gain in found["gain"].items():
        assert gain["value"] == pytest.approx(scores[name] - scores["plain"], abs=2e-5)
        assert gain["low"] <= gain["value"] <= gain["high"]
    assert found["gain"]["weighted"]["value"] > 0.1
    assert found["gain"]["c_wgan_gp"]["verdict"] == "no difference shown"


def test_leaky_protocol_shows_as_optimism(study):
    found = summary_of(study)["sequential_cnn"]["optimism"]
    assert found["c_wgan_gp"] > 0.1  # its monoblasts under test are mostly synthetic


class Structure(HTMLParser):
    """Open tags, sources and text of a page."""

    void = ("meta", "img", "br", "wbr")

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.links, self.ids = [], [], [], set()

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.tags.append(tag)
        self.ids.add(values.get("id"))
        self.links += [v for k, v in attrs if k in ("src", "href")]
        assert tag != "img" or values["alt"]
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_page_is_well_formed_and_needs_nothing_from_outside(study):
    page = Structure()
    page.feed(page_of(study))
    assert page.open == []
    assert page.tags.count("script") == 3 and "link" not in page.tags
    for link in page.links:
        assert re.match(r"data:image/(png|webp);base64,", link) or link[1:] in page.ids
    assert page.tags.count("img") > 10


def test_no_text_of_a_study_becomes_a_tag(study):
    before = (study / "plots/report.html").read_bytes()
    text = render(poison(capture_page(study)))
    page = Structure()
    page.feed(text)
    assert page.tags.count("img") == before.count(b"<img ")
    assert text.count("&lt;img src=x onerror=") > 200 and EVIL not in text
    assert all(link.startswith(("data:", "#")) for link in page.links)


def test_page_gives_the_answer_before_all_else(study):
    text = page_of(study)
    answer = text.index('class="lead"')
    assert answer < text.index("<table") and answer < text.index("<img")
    for name, gain in summary_of(study)["sequential_cnn"]["gain"].items():
        line = re.search(rf"<tr><td[^>]*>{name} over plain.+?</tr>", text)[0]
        assert gain["verdict"] in line
        assert f"{100 * gain['value']:+.1f}".replace("-", "−") in line


def test_ways_and_named_classes_carry_their_caveats(study):
    _, rest = page_of(study).split('class="lead">')[1].split("</p>", 1)
    assert rest.startswith("<p>With sequential_cnn: balancing helped in 1 of 2 ways")
    assert "<p>2 ways were compared with no balancing" in rest
    assert "<small>better at monoblast" in rest
    assert "hold all 6 such gains together" in rest


def test_page_tells_the_ranking_the_shares_and_the_sources_of_the_records(study):
    text = page_of(study)
    path = study / "metrics/classifiers/heldout-weighted-sequential_cnn.json"
    record = json.loads(path.read_text())
    found = record["ranking"]["together"]["monoblast"]
    part = text[text.index('<h2 id="ranking"') : text.index('<h2 id="sources"')]
    assert f"{found['average_precision'][0]:.3f}" in part
    assert f"<td>{found['threshold']:.4g}</td>" in part
    whole = record["differential"]["counted"]["whole"]["blasts"]
    part = text[text.index('<h2 id="differential"') : text.index('<h2 id="ranking"')]
    assert f"{100 * whole['predicted'][0]:.1f} %" in part
    assert "Counted as blasts: monoblast" in part and "Subject by subject" in part
    recall = record["by_source"]["made"]["recall"]["neutrophil"][0]
    assert f"{100 * recall:.1f} %" in text[text.index('<h2 id="sources"') :]
    # The recipes of the contest stand in the answer, with the test scores of validation
    # cells' choice.
    best = summary_of(study)["best"]
    cheap = f"<dd>{best['cheap']['recipe']} with sequential_cnn (every class drawn"
    assert cheap in text and f"accuracy {100 * best['cheap']['test']:.1f} %" in text
    score = f"{100 * best['synthetic']['test']:.1f} %"
    assert f"{best['synthetic']['recipe']} with sequential_cnn: {score}" in text


def test_tables_of_a_study_hold_what_the_records_do(study):
    gains = pd.read_csv(study / "plots/tables/gains.csv")
    over_plain = gains[(gains["reference"] == "plain") & gains["verdict"].notna()]
    found = summary_of(study)["sequential_cnn"]["gain"]
    for row in over_plain.itertuples():
        assert row.verdict == found[row.balancer]["verdict"]
        assert row.joint_low == pytest.approx(found[row.balancer]["low"], abs=1e-4)
        assert row.joint_low < row.low < row.high < row.joint_high
    shares = pd.read_csv(study / "plots/tables/differential.csv")
    assert shares.groupby([*KEYS, "way"])["predicted"].sum().round(4).eq(1).all()
    ranking = pd.read_csv(study / "plots/tables/ranking_of_rare.csv")
    assert set(ranking["of"]) == {"trials", "together"}
    sources = pd.read_csv(study / "plots/tables/recall_by_source.csv")
    assert set(sources["source"]) == {"made", "other"}


def test_the_score_of_all_trials_together_stands_beside_that_of_single_ones(study):
    text = page_of(study)
    assert "the same, trials together" in text and "<dt>trials together</dt>" in text
    for balancer in RECALL:
        path = study / f"metrics/classifiers/heldout-{balancer}-sequential_cnn.json"
        record = json.loads(path.read_text())
        row = re.search(rf"<td[^>]*><b>{balancer}</b>.+?</tr>", text, re.DOTALL)[0]
        single, together = (
            record[kind]["all"]["overall"]["balanced_accuracy"]["mean"]
            for kind in ("test", "ensemble")
        )
        assert row.index(f"{100 * single:.1f}") < row.index(f"{100 * together:.1f}")


def test_classifiers_that_see_other_recipes_stand_in_one_table(study, tmp_path):
    copy = tmp_path / "classifiers"
    shutil.copytree(study, copy)
    shipped = yaml.safe_load((copy / "params.yaml").read_text())["classifiers"]
    bayes = {"kind": "scikit_learn", "estimator": "GaussianNB", "trials": 1}
    bayes["balancers"] = ["plain", "weighted"]
    write_params(copy, classifiers={"bayes": bayes} | shipped)
    cells = pd.read_csv(copy / "data/hold_out.csv", dtype={"cell_id": str})
    for protocol, balancer in itertools.product(PROTOCOLS, bayes["balancers"]):
        write_predictions(copy, cells, protocol, balancer, "bayes", trials=1)
        evaluate_again(copy, protocol, balancer, "bayes")
    run_in(copy, report.main)
    page = page_of(copy)
    # The classifier with most recipes is shown in full, wherever it stands.
    assert "shown in full: classifier sequential_cnn," in page
    table = re.search(r'<div class="wide heat".+?</table>', page)[0]
    assert "<th>bayes</th><th>sequential_<wbr>cnn</th>" in table
    rows = dict(re.findall(r"<tr><td>(.+?)</td>(.+?)</tr>", table))
    assert list(rows) == ["plain", "weighted", "c_<wbr>wgan_<wbr>gp"]
    cells = [re.findall(r"<td.+?</td>", row) for row in rows.values()]
    assert [len(row) for row in cells] == [2, 2, 2]
    assert [cell.count("–") for row in cells for cell in row].count(1) == 1
    assert cells[2][0] == '<td class="quiet">–</td>'
    summary = summary_of(copy)
    for name, cell in zip(("bayes", "sequential_cnn"), cells[1], strict=True):
        score = summary[name]["heldout"]["weighted"]["balanced_accuracy"]
        gain = summary[name]["gain"]["weighted"]
        assert f"<b>{100 * score:.1f} %</b>" in cell
        assert f"<span>{100 * gain['value']:+.1f}</span>" in cell
        assert ("chip" in cell) == (gain["verdict"] != "no difference shown")
    assert 'style="--heat: 100%"' in table and 'style="--heat: 0%"' in table
    # Nothing is drawn by chance in Bayes' training: one trial has a verdict.
    assert "one trial" not in summary["bayes"]["gain"]["weighted"]["verdict"]
    assert "in training bayes: one trial tells all" in page
    assert "Every score: bayes" in page


def test_page_shows_how_often_training_saw_a_cell(study, tmp_path):
    copy = tmp_path / "views"
    shutil.copytree(study, copy)
    path = copy / "metrics/classifiers/heldout-c_wgan_gp-sequential_cnn.json"
    record = json.loads(path.read_text())
    assert record["views"]["real"] == [3, 3, 3]
    record["views"] = {"real": [0.25, 7, 177.4], "synthetic": [None, None, 1234.6]}
    path.write_text(json.dumps(record))
    run_in(copy, report.main)
    table = page_of(copy).split("How often training saw a cell")[1].split("</table>")[0]
    assert "<th>plain</th><th>weighted</th><th>c_wgan_gp</th>" in table
    assert "<td>neutrophil</td><td>3.0</td><td>3.0</td><td>0.2</td>" in table
    assert "<td>177<br><small>synthetic 1,235</small></td>" in table


def test_one_trial_names_no_class(study, tmp_path):
    copy = tmp_path / "once"
    shutil.copytree(study, copy)
    for path in (copy / "metrics/classifiers").glob("*.json"):
        record = json.loads(path.read_text())
        rows = record["misses"]["rows"]
        record["misses"]["rows"] = [row for row in rows if row[0] == 0]
        path.write_text(json.dumps(record | {"trials": 1}))
    run_in(copy, report.main)
    page = page_of(copy)
    lead = page.split('class="lead">')[1].split("</p>")[0]
    assert lead.startswith("One training of each classifier can&#39;t tell")
    for words in ("better at", "worse at", "must truly gain", "ways were compared"):
        assert words not in page
    assert "What it costs the common classes" not in page


def test_rare_classes_are_the_same_everywhere(study, tmp_path):
    """Under `paper` another class may be the rarest: held-out training cells decide."""
    copy = tmp_path / "rare"
    shutil.copytree(study, copy)
    for path in (copy / "metrics/classifiers").glob("paper-*.json"):
        record = json.loads(path.read_text())
        record["cells"]["train"]["real"] = [1, 200, 300]
        path.write_text(json.dumps(record))
    run_in(copy, report.main)
    assert summary_of(copy) == summary_of(study)
    assert summary_of(copy)["rare_classes"] == "monoblast"


def test_page_says_simulated_and_a_real_study_does_not(study, tmp_path):
    assert '<div class="banner">Simulated data</div>' in page_of(study)
    assert " simulated test cells no training has seen" in page_of(study)
    copy = tmp_path / "real"
    shutil.copytree(study, copy)
    params = yaml.safe_load((copy / "params.yaml").read_text())
    source = {"layout": "pbc", "origin": "published", "archive": "pbc.zip"}
    params["sources"] = {"pbc": source}
    params["study"]["title"] = "Real smears"
    (copy / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    before = (copy / "plots/figures/gains.png").read_bytes()
    run_in(copy, report.main)
    assert 'class="banner"' not in page_of(copy)
    assert " real test cells no training has seen" in page_of(copy)
    assert "<div>Not for diagnosis</div>" in page_of(copy)
    assert summary_of(copy)["simulated"] is False
    assert (copy / "plots/figures/gains.png").read_bytes() != before


def test_page_shows_gan_measures_notes_and_dataset_counts(study):
    text = page_of(study)
    assert "31.25" in text and "2.5" in text and "not measured" in text
    assert "EfficientNet-Lite0" in text  # whose features the distances are in
    assert "weights &lt;missing&gt;" in text
    assert re.search(r"<td>monoblast</td>.*<td>3.875</td>.*<td>43.8 %</td>", text)
    sheets = {end: text.count(f"gan_gp: {words}") for end, words in SHEET_WORDS.items()}
    # The page stays small: sheets of the protocol alone that is shown in full.
    assert sheets == {"": 1, "-closest": 1, "-training": 1}
    row = "<td>heldout-c_wgan_gp</td><td>31.25<br><small>real 2.5</small></td>"
    assert row in text and text.count("weights &lt;missing&gt;") == 1
    assert '<td class="text">not an image</td><td>30</td>' in text
    assert "come from pbc_simulated alone" in text
    assert "What the scores need: 12 related images in 2 families." in text


def test_a_study_may_have_no_gan(study, tmp_path):
    folder = shutil.copytree(study, tmp_path / "study")
    balancers = {
        name: {} if name == "plain" else {"sampling": "balanced"}
        for name in ("plain", "weighted")
    }
    write_params(folder, gans={}, balancers=balancers)
    run_in(folder, report.main)
    page = (folder / "plots/report.html").read_text(encoding="utf-8")
    assert "The GANs" not in page and "weighted" in page
    assert "c_wgan_gp" not in page
    assert not [*(folder / "metrics/gan").iterdir(), *(folder / "plots/gan").iterdir()]


def test_hits_are_titled_predicted_confidence_true(study):
    assert re.search(r"Neutrophil \d+ % \(Neutrophil\)", page_of(study))


def test_all_bytes_are_stable(study):
    paths = [p for p in sorted((study / "plots").rglob("*")) if p.is_file()]
    paths.append(study / "metrics/summary.json")
    before = {path: path.read_bytes() for path in paths}
    run_in(study, report.main)
    assert {path: path.read_bytes() for path in paths} == before
    names = {path.name for path in paths}
    assert names >= {"gains.png", "curves.png", "optimism.png", "recall_by_class.png"}


def test_confusion_table_has_a_row_a_cell_and_trial(study):
    own = pd.read_csv(study / "plots/confusion/heldout-plain-sequential_cnn.csv")
    hold_out = pd.read_csv(study / "data/hold_out.csv")
    assert len(own) == TRIALS * (hold_out["part"] == "test").sum()
    recall = (own["actual"] == own["predicted"])[own["actual"] == "monoblast"].mean()
    scores = pd.read_csv(study / "plots/tables/recall_by_class.csv")
    row = scores[(scores["protocol"] == "heldout") & (scores["balancer"] == "plain")]
    row = row[row["label"] == "monoblast"].iloc[0]
    assert row["recall"] == pytest.approx(recall, abs=1e-4)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_one_protocol_alone_tells_only_what_it_can(study, tmp_path, protocol):
    copy = tmp_path / "alone"
    shutil.copytree(study, copy)
    params = yaml.safe_load((copy / "params.yaml").read_text())
    params["protocols"] = [protocol]
    (copy / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    for balancer in RECALL:
        write_explained(copy, f"{protocol}-{balancer}-sequential_cnn")
    run_in(copy, report.main)
    found = summary_of(copy)["sequential_cnn"]
    assert "optimism" not in found
    assert ("gain" in found) == (protocol == "heldout")
    assert ("can&#39;t tell whether" in page_of(copy)) == (protocol == "paper")


def test_what_another_study_left_goes_and_a_users_own_stays(study, tmp_path, capsys):
    folder = tmp_path / "changed"
    shutil.copytree(study, folder)
    write_params(folder, protocols=["heldout"])
    theirs = [
        "metrics/classifiers/heldout-adasyn-sequential_cnn.json",
        "metrics/classifiers/heldout-plain-resnet50.json",
        "metrics/gan/heldout-dcgan.json",
        "plots/gan/heldout-dcgan-closest.png",
        "plots/losses/heldout-dcgan.csv",
        "plots/losses/paper-c_wgan_gp.csv",
    ]
    own = [
        "metrics/classifiers/heldout-mine.json",
        "metrics/notes.json",
        "plots/gan/before-c_wgan_gp.png",
        "plots/losses/README",
        "plots/losses/heldout-c_wgan_gp.csv",  # the study's
    ]
    for name in (*theirs, *own):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("{}")
    run_in(folder, report.main)
    assert "removed what another study left: 13 files" in capsys.readouterr().out
    assert all((folder / name).exists() for name in own)
    assert not any((folder / name).exists() for name in theirs)
    for kind in ("metrics", "plots"):
        assert not [*folder.glob(f"{kind}/*/paper-*")]
    assert len([*folder.glob("metrics/*/*.json")]) == 3 + 1 + 1
    assert len([*folder.glob("plots/gan/heldout-*.png")]) == 3


def evaluate_again(
    folder: Path, protocol: str, balancer: str, classifier: str = "sequential_cnn"
) -> None:
    words = ["--protocol", protocol, "--balancer", balancer]
    run_in(folder, evaluate.main, *words, "--classifier", classifier)


def test_optimism_is_over_the_classes_that_both_protocols_test(study, tmp_path):
    copy = tmp_path / "lacking"
    shutil.copytree(study, copy)
    for balancer in ("plain", "weighted"):
        path = copy / f"data/predictions/paper-{balancer}-sequential_cnn.csv"
        table = pd.read_csv(path)
        tested = (table["part"] == "test") & (table["label"] == "monoblast")
        table[~tested].to_csv(path, index=False)
        evaluate_again(copy, "paper", balancer)
    run_in(copy, report.main)
    found = summary_of(copy)["sequential_cnn"]
    assert found["optimism_without"] == {"plain": "monoblast", "weighted": "monoblast"}
    # The dice of plain are alike under both protocols, so nothing is left.
    recalls = {}
    for protocol in PROTOCOLS:
        name = f"metrics/classifiers/{protocol}-plain-sequential_cnn.json"
        classes = json.loads((copy / name).read_text())["test"]["all"]["classes"]
        shared = ("neutrophil", "lymphocyte")
        recalls[protocol] = np.mean([classes[c]["recall"][0] for c in shared])
    gap = recalls["paper"] - recalls["heldout"]
    assert found["optimism"]["plain"] == pytest.approx(gap, abs=1e-5)
    assert abs(gap) < 0.1
    page = page_of(copy)
    assert "points over plain on the classes that both test" in page
    assert '<small>no interval</small></td><td class="text">monoblast</td>' in page
    # Under paper alone the scores say which means are over fewer classes.
    params = yaml.safe_load((copy / "params.yaml").read_text())
    params["protocols"] = ["paper"]
    (copy / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    for balancer in RECALL:
        write_explained(copy, f"paper-{balancer}-sequential_cnn")
    run_in(copy, report.main)
    assert "plain has no test cells of monoblast: its means" in page_of(copy)
    found = summary_of(copy)["sequential_cnn"]
    assert found["untested"] == {"plain": "monoblast", "weighted": "monoblast"}


def test_test_cells_of_one_patient_get_no_verdict(study, tmp_path):
    copy = tmp_path / "patient"
    shutil.copytree(study, copy)
    parts = pd.read_csv(copy / "data/hold_out.csv", dtype={"cell_id": str})
    parts.loc[parts["part"] == "test", "group"] = "one"
    parts.to_csv(copy / "data/hold_out.csv", index=False)
    cells = read_table(copy / "data/cells/cells.csv").assign(group=parts["group"])
    cells.to_csv(copy / "data/cells/cells.csv", index=False)
    for balancer in RECALL:
        evaluate_again(copy, "heldout", balancer)
    run_in(copy, report.main)
    found = summary_of(copy)["sequential_cnn"]["gain"]["weighted"]
    assert found["verdict"] == "one group can't tell" and found["low"] is None
    page = page_of(copy)
    assert "All test cells are of one group" in page and "no interval" in page
    assert "nan" not in re.sub(r"data:[^\"]*", "", page).lower()


def test_missing_record_ends_in_one_line(study, tmp_path, capsys):
    copy = tmp_path / "broken"
    shutil.copytree(study, copy)
    (copy / "metrics/classifiers/heldout-plain-sequential_cnn.json").unlink()
    with pytest.raises(SystemExit):
        run_in(copy, report.main)
    message = capsys.readouterr().err
    assert "heldout-plain-sequential_cnn.json is missing" in message
    assert message.count("\n") == 1


def test_page_tells_what_shortcuts_were_measured(study):
    page = page_of(study)
    row = "<td>neutrophil</td><td><b>93.8 %</b></td><td>50.0 %</td>"
    text = '<td class="text">'
    assert f"{row}{text}made 300, other 280</td>{text}third 7</td>" in page
    assert f"<td><b>41.2 %</b></td><td>33.3 %</td>{text}neutrophil 500, " in page
    # A class of one source has nothing to tell apart.
    assert "<td>monoblast</td><td>not measured" not in page
    assert "It does not follow that a network does." in page
    assert 'id="source-out"' not in page


def test_a_source_left_out_stands_beside_heldout_on_the_same_classes(study, tmp_path):
    copy = tmp_path / "left_out"
    shutil.copytree(study, copy)
    hold_out = yaml.safe_load((copy / "params.yaml").read_text())["hold_out"]
    hold_out["left_out_source"] = "pbc_simulated"
    write_params(copy, protocols=[*PROTOCOLS, "source_out"], hold_out=hold_out)
    cells = read_table(copy / "data/hold_out.csv")
    new = cells["group"].str[1:].astype(int) % 2 == 1
    cells.loc[~new & (cells["part"] == "test"), "part"] = "train"
    cells.loc[new, "part"] = "test"
    cells.loc[cells["label"] == "monoblast", "part"] = "untrained"
    cells = cells[cells["part"] != "untrained"]
    for balancer in RECALL:
        write_predictions(copy, cells, "source_out", balancer)
        evaluate_again(copy, "source_out", balancer)
    for end in ("", "-closest", "-training"):
        names = [f"plots/gan/{p}-c_wgan_gp{end}.png" for p in ("heldout", "source_out")]
        shutil.copy(*(copy / name for name in names))
    measured = json.loads((copy / "metrics/gan/heldout-c_wgan_gp.json").read_text())
    (copy / "metrics/gan/source_out-c_wgan_gp.json").write_text(
        json.dumps(measured | {"protocol": "source_out"})
    )
    dataset = json.loads((copy / "metrics/dataset.json").read_text())
    tested = cells[cells["part"] == "test"]["label"].value_counts().to_dict()
    counts = tested | {"monoblast": 11}
    dataset["class_by_source"] = {c: {"pbc_simulated": n} for c, n in counts.items()}
    (copy / "metrics/dataset.json").write_text(json.dumps(dataset))
    run_in(copy, report.main)
    page = page_of(copy)
    section = page[page.index('id="source-out"') : page.index('id="shortcuts"')]
    assert f"{sum(tested.values())} cells of neutrophil and lymphocyte." in section
    assert "11 more cells of that source are not scored" in section
    assert "of their classes: monoblast." in section
    for balancer in RECALL:
        records = {}
        for protocol in ("source_out", "heldout"):
            name = f"metrics/classifiers/{protocol}-{balancer}-sequential_cnn.json"
            records[protocol] = json.loads((copy / name).read_text())
        score = records["source_out"]["test"]["all"]["overall"]["balanced_accuracy"]
        classes = records["heldout"]["test"]["all"]["classes"]
        beside = [classes[c]["recall"][0] for c in ("neutrophil", "lymphocyte")]
        row = re.search(rf"<td>{balancer}</td><td>(.*?)</td><td>(.*?)</td>", section)
        assert row[1].startswith(f"{100 * score['mean']:.1f} %<br><small>[")
        assert row[2].startswith(f"{100 * np.mean(beside):.1f} %<br><small>[")
    # The other protocols' results, verdicts included, are what they were.
    assert summary_of(copy) == summary_of(study)
