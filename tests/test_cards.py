"""Checklist, diagram and cards of a finished study say what its files say."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import yaml
from huggingface_hub import ModelCard
from jinja2 import Environment, FileSystemLoader

from cytobalance.report.card_facts import gather_data
from cytobalance.report.checklist import Checklist
from cytobalance.report.checklist_data import (
    list_data,
    tell_agreement,
    tell_source,
    tell_test_labels,
)
from cytobalance.report.checklist_model import tell_choice, tell_settings
from cytobalance.report.checklist_results import tell_looks
from cytobalance.report.datasheet import write_datasheet
from cytobalance.report.explained import Explained
from cytobalance.report.flow import draw_flow
from cytobalance.report.markdown import escape, tabulate
from cytobalance.report.rendering import TEMPLATES
from cytobalance.report.settings import Card
from cytobalance.study.stages import read_settings

CARDS = Path("plots/cards")


@pytest.fixture
def facts(study_folder):
    dataset = json.loads(Path("metrics/dataset.json").read_text())
    return gather_data(read_settings("report"), dataset)


def test_the_diagram_counts_every_file_down_to_the_parts(facts):
    flow = draw_flow(facts)
    dataset, cells = facts.dataset, pd.read_csv("data/cells/cells.csv", dtype=str)
    assert sum(s.files for s in facts.sources) == dataset["files"]["total"]
    words = " ".join(text.words for text in flow.texts)
    told = "; ".join(flow.sentences).replace("\N{NO-BREAK SPACE}", " ")
    for reasons in dataset["rejected"].values():
        for reason, count in reasons.items():
            assert f"{reason} {count}" in told
    hold_out = pd.read_csv("data/hold_out.csv")
    for part, name in (("train", "training"), ("test", "test")):
        rows = hold_out[hold_out["part"] == part]
        groups = rows["group"].nunique()
        assert f"{name}: {len(rows)} cells in {groups} groups" in told
    assert f"{len(cells)} cells of {len(facts.classes)} classes" in words
    inside = all(0 <= t.x <= flow.width and 0 < t.y < flow.height for t in flow.texts)
    assert inside


def test_a_long_or_wicked_name_is_cut_and_stays_text_in_the_drawing(facts):
    name = "<img src=x onerror=alert(1)>" * 4
    source = replace(facts.sources[0], name=name)
    flow = draw_flow(replace(facts, sources=(source,)))
    assert max(len(text.words) for text in flow.texts) <= 50
    look = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True)
    drawn = look.get_template("flow.html").render(flow=flow)
    assert "<img" not in drawn and "&lt;img" in drawn
    assert 'role="img"' in drawn and "<title" in drawn and "<desc" in drawn


def test_the_page_folds_the_checklist_and_counts_what_is_not_given(study_folder):
    page = Path("plots/report.html").read_text(encoding="utf-8")
    section = page[page.index('<h2 id="standards">') : page.index('<h2 id="glossary">')]
    given, total = map(
        int, re.search(r"(\d+) of\s+(\d+) are answered", section).groups()
    )
    assert section.count("<dt>") == total
    assert section.count("<b>not given</b>") == total - given > 0
    assert "<details open" not in section and section.count("<details>") == 8
    text = (CARDS / "checklist.md").read_text(encoding="utf-8")
    assert len(re.findall(r"^\| (?!---|question)", text, re.M)) == total
    assert text.count("| not given") == total - given


def test_every_item_of_both_standards_is_named(study_folder):
    text = (CARDS / "checklist.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")]
    claim = {n for row in rows[1:] for n in numbers_of(row[2])}
    assert claim >= set(range(1, 45))
    tripod = {n for row in rows[1:] for n in numbers_of(row[1])}
    assert tripod >= set(range(1, 28))


def numbers_of(text: str) -> set[int]:
    """`5a, 6b` -> {5, 6}; `14–16` -> {14, 15, 16}."""
    found = set()
    for part in text.split(","):
        ends = [int(number) for number in re.findall(r"\d+", part)]
        found |= set(range(ends[0], ends[-1] + 1)) if ends else set()
    return found


def test_what_a_person_writes_is_quoted_and_no_markup(facts):
    words = "Slides <b>from</b> | two\nlaboratories"
    card = Card(setting=words)
    item = list_data(replace(facts, card=card)).items[1]
    assert item.given and item.answer == words
    assert not list_data(replace(facts, card=Card())).items[1].given
    sheet = write_datasheet(replace(facts, card=card))
    assert r"Slides \<b\>from\</b\> \| two laboratories" in sheet


def test_a_checksum_is_that_of_the_archive_and_a_public_set_has_its_licence(facts):
    study = read_settings("report")
    name = facts.sources[0].name
    archive = "PBC_dataset_normal_DIB.zip"
    kind = type("Source", (), {"layout": "pbc", "origin": "published", "crop": 1})
    study.sources[name] = kind()
    study.sources[name].archive, study.sources[name].licence = archive, None
    noted = json.loads(Path("data/sources.json").read_text())
    noted["sources"][name] = {"archive": archive, "found": {"sha256": "ab" * 32}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cytobalance.report.card_facts.json.loads", lambda _: noted)
        source = gather_data(study, facts.dataset).sources[0]
    assert source.sha256 == "ab" * 32 and source.licence == "CC BY 4.0"
    assert "Acevedo" in source.citation


def test_a_model_card_is_read_by_the_hub_s_own_loader(study_folder):
    summary = json.loads(Path("metrics/summary.json").read_text())["best"]
    for kind in ("cheap", "synthetic"):
        key = f"heldout-{summary[kind]['recipe']}-{summary[kind]['classifier']}"
        card = ModelCard.load(CARDS / f"model-{key}.md")
        record = json.loads(Path(f"metrics/classifiers/{key}.json").read_text())
        scores = {r.metric_type: r.metric_value for r in card.data.eval_results}
        overall = record["ensemble"]["all"]["overall"]
        assert scores["balanced_accuracy"] == overall["balanced_accuracy"]["mean"]
        assert card.data.pipeline_tag == "image-classification"
        assert "simulated" in card.data.tags and "Not for diagnosis" in card.text
        assert record["predictions"] in card.text


def test_a_datasheet_has_the_seven_sections_and_yaml_in_front(study_folder):
    text = (CARDS / "datasheet.md").read_text(encoding="utf-8")
    front = yaml.safe_load(text.split("---")[1])
    assert front["task_categories"] == ["image-classification"]
    assert front["license_name"] == "MIT, as the simulator"
    titles = [line[3:] for line in text.splitlines() if line.startswith("## ")]
    assert titles == [
        *("Motivation", "Composition", "Collection process"),
        *("Preprocessing, cleaning, labelling", "Uses", "Distribution", "Maintenance"),
    ]


def test_agreement_is_not_given_without_two_opinions_of_a_file(facts):
    assert facts.agreement.annotators == 1 and tell_agreement(facts.agreement) is None
    both = replace(facts.agreement, annotators=2, shared=4, agreed=3, kappas=(0.5,))
    assert "3 of 4 files" in tell_agreement(both)
    assert "Cohen's kappa 0.50" in tell_agreement(both)


def test_markdown_shows_signs_as_text():
    assert escape("a|b <i> `x` c_wgan_gp _y_") == r"a\|b \<i\> \`x\` c_wgan_gp \_y\_"
    assert tabulate(("a", "b"), [("1|2", "3\n4")]) == (
        "| a | b |\n| --- | --- |\n| 1\\|2 | 3 4 |"
    )


def test_an_empty_checklist_counts_nothing():
    assert (Checklist(()).given, Checklist(()).total) == (0, 0)


def test_maps_of_what_networks_looked_at_are_counted():
    with_maps, without = (
        Explained({"looks": {"reason": reason}}, (), {}, {})
        for reason in ("", "no layer has a place")
    )
    assert tell_looks([without]) is None
    assert "of 1 of 2 trainings" in tell_looks([with_maps, without])


def test_without_a_rule_no_map_counts_as_applied_but_agreement_is_measured(facts):
    assert "named in an expert's map" in tell_test_labels(facts)
    study = read_settings("report")
    study.relabel = study.relabel.model_copy(update={"rule": "original"})
    original = gather_data(study, facts.dataset)
    assert "no expert's map was applied" in tell_test_labels(original)
    assert original.agreement == facts.agreement


def test_a_local_source_is_neither_published_nor_retrospective(facts):
    local = replace(facts.sources[0], origin="published", archive="lab", page=None)
    assert "images of lab" in tell_source(local)
    assert "published" not in tell_source(local)
    assert "published images of lab" in tell_source(replace(local, page="https://x.y"))


def test_settings_of_one_recipe_are_named(study_folder):
    trainings = read_settings("report").trainings
    key = next(iter(trainings))
    recipe, name = key.split("-")
    plain = {name: trainings[key]}
    assert "with" not in tell_settings(plain, {key: trainings[key]})
    more = trainings[key].model_copy(update={"trials": trainings[key].trials + 7})
    text = tell_settings(plain, {key: more})
    assert text.endswith(f"; {name} with {recipe}: trials {more.trials}")


def test_the_checklist_says_whether_the_test_chose_the_best():
    assert "Test cells choose nothing" in tell_choice({}, both=False)
    assert "The test decides" in tell_choice({}, both=True)
