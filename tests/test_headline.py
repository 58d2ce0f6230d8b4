"""The first screen: the verdict in a sentence, and what must be read with it."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

from cytobalance.report.facts import least_shown, list_facts
from cytobalance.report.headline import write_headline

CLASSES = ["neutrophil", "lymphocyte", "monoblast"]


def limits(value: float, half: float, joint: float | None = None) -> dict:
    joint = half if joint is None else joint
    ends = {"low": value - half, "high": value + half}
    return (
        {"value": value}
        | ends
        | {"joint_low": value - joint, "joint_high": value + joint}
    )


def record_of(recalls: tuple[float, float, float]) -> dict:
    classes = {
        label: {"support": n, "recall": [recall, recall - 0.1, recall + 0.1]}
        for label, recall, n in zip(CLASSES, recalls, (900, 95, 5), strict=True)
    }
    score = {"mean": np.mean(recalls), "low": 0.5, "high": 0.9}
    test = {
        "cells": 1000,
        "groups": 50,
        "classes": classes,
        "overall": {"balanced_accuracy": score},
    }
    about = {"classes": CLASSES, "confidence": 0.95, "trials": 2}
    return about | {"test": {"all": test}}


def gain_of(rare: dict, trials: int = 2) -> dict:
    return {
        "trials": trials,
        "deterministic": False,
        "balanced_accuracy": limits(0.1, 0.05),
        "rare_recall": rare,
        "common_recall": limits(-0.03, 0.01),
        "accuracy": limits(-0.02, 0.01),
        "recall": {"value": [-0.01, -0.05, rare["value"]]},
    }


def entry(recipe: str, test: float) -> dict:
    return {
        "recipe": recipe,
        "classifier": "cnn",
        "test": test,
        "low": 0.6,
        "high": 0.8,
    }


def study(
    rare: dict | None = None,
    difference: dict | None = None,
    twin: str = "weighted",
    cheap: str = "weighted",
    trials: int = 2,
) -> SimpleNamespace:
    rare = rare or limits(0.32, 0.1)
    records = {"plain": (0.96, 0.9, 0.38), "weighted": (0.95, 0.85, 0.7)}
    records |= {"weighted_gan": (0.95, 0.86, 0.71)}
    return SimpleNamespace(
        simulated=False,
        public=True,
        classifier="cnn",
        classifiers=("cnn",),
        rare=["monoblast"],
        deterministic=(),
        about=dict.fromkeys(records, "drawn evenly"),
        twins={"weighted_gan": twin},
        records={("heldout", n, "cnn"): record_of(r) for n, r in records.items()},
        gains={"cnn": {"weighted": gain_of(rare, trials)}},
        optimism={"cnn": {}},
        contest={
            "cheap": entry(cheap, 0.83),
            "synthetic": entry("weighted_gan", 0.84) if difference else None,
            "difference": difference,
        },
    )


def added(value: float, half: float, verdict: str) -> dict:
    ends = {"low": value - half, "high": value + half}
    return {"value": value} | ends | {"verdict": verdict}


def facts_of(results: SimpleNamespace) -> dict[str, str]:
    return {fact.term: fact.text for fact in list_facts(results)}


def test_the_verdict_is_one_sentence_with_its_numbers():
    results = study(difference=added(0.012, 0.021, "no difference shown"))
    assert write_headline(results) == (
        "On 1,000 real test cells no training has seen, the best cheap recipe, "
        "weighted, raised recall of the rare classes from 38.0 % to 70.0 % (+32.0 "
        "points [+22.0, +42.0]); synthetic cells on top added +1.2 points of balanced "
        "accuracy [−0.9, +3.3]: no difference shown."
    )


@pytest.mark.parametrize(
    ("rare", "words"),
    [
        (limits(0.32, 0.4), r"went from .+ with the best .+\]: no difference shown\)"),
        (limits(-0.2, 0.1), "weighted, lowered recall of the rare classes from 90.0 %"),
        (limits(0.005, 0.01), r": did not help\)"),
        # The verdict follows the limits that hold for all recipes together.
        (limits(0.32, 0.1, 0.33), "no difference shown"),
        (limits(np.nan, 0.1), "raised balanced accuracy from 73.0 % to 83.0 %"),
    ],
)
def test_a_rise_is_claimed_only_where_it_was_shown(rare, words):
    assert re.search(words, write_headline(study(rare)))


def test_a_recipe_that_differs_in_more_than_its_synthetic_cells_is_named():
    difference = added(-0.03, 0.02, "hurt")
    text = write_headline(study(difference=difference, twin="weighted_augmented"))
    assert "recipe with synthetic cells, weighted_gan, differs from it by −3.0" in text
    assert text.endswith("[−5.0, −1.0]: worse.")


def test_no_sentence_without_a_verdict_or_held_out_cells():
    assert write_headline(study(trials=1)) == ""
    results = study()
    results.contest = {}
    assert write_headline(results) == ""
    assert list(facts_of(results)) == ["Not for diagnosis"]
    assert set(facts_of(study(trials=1))) == {
        *("Best recipe", "What this test can't show", "Not for diagnosis")
    }


def test_no_balancing_may_be_the_best():
    text = write_headline(study(cheap="plain"))
    assert "no cheap recipe was chosen over no balancing (plain)" in text
    assert "38.0 %" in text
    assert "What it costs the common classes" not in facts_of(study(cheap="plain"))


def test_synthetic_cells_are_the_best_only_where_they_are_better():
    undecided = study(difference=added(0.012, 0.021, "no difference shown"))
    assert facts_of(undecided)["Best recipe"].startswith("weighted with cnn")
    better = study(difference=added(0.04, 0.02, "helped"))
    better.gains["cnn"]["weighted_gan"] = gain_of(limits(0.33, 0.1))
    assert facts_of(better)["Best recipe"].startswith("weighted_gan with cnn")
    assert (
        "The best without synthetic cells, weighted" in facts_of(better)["Best recipe"]
    )


def test_what_the_common_classes_lose_is_named():
    text = facts_of(study())["What it costs the common classes"]
    assert "of the 2 other classes went from 93.0 % to 90.0 %, −3.0 points" in text
    assert ": hurt." in text and "largest loss: lymphocyte, −5.0 points" in text
    assert "Accuracy over all cells: −2.0 points [−3.0, −1.0]" in text


def test_the_gain_that_is_named_would_be_shown_four_times_in_five():
    error, widened = 0.02, 1.3
    half = 1.959964 * error
    size = least_shown(limits(0.0, half, widened * half), 0.95)
    found = np.random.default_rng(3).normal(size, error, 40_000)
    assert np.mean(found - widened * half > 0) == pytest.approx(0.8, abs=0.01)


def test_the_test_says_which_gains_it_cannot_show():
    results = study(limits(0.32, 0.1), added(0.01, 0.02, "no difference shown"))
    text = facts_of(results)["What this test can't show"]
    # Half the interval, and 0.84 standard errors more.
    assert "truly gain about 14 points of recall of the rare classes or 7 of" in text
    assert "must add about 3 points of balanced accuracy" in text
    assert "Test cells of the rare classes: monoblast 5." in text


@pytest.mark.parametrize("key", ["trials", "groups"])
def test_no_verdict_from_one_trial_or_group_where_no_balancing_is_best(key):
    results = study(cheap="plain")
    assert write_headline(results) != ""
    record = results.records["heldout", "plain", "cnn"]
    (record if key == "trials" else record["test"]["all"])[key] = 1
    assert write_headline(results) == ""
    results.deterministic = ("cnn",)
    assert (write_headline(results) != "") == (key == "trials")


@pytest.mark.parametrize("cheap", ["plain", "weighted"])
def test_no_size_is_named_where_the_difference_has_no_verdict(cheap):
    difference = added(0.01, np.nan, "one group can't tell")
    results = study(difference=difference, cheap=cheap)
    text = facts_of(results)["What this test can't show"]
    assert "nan" not in text and "Synthetic cells must add" not in text
    assert (write_headline(results) == "") == (cheap == "plain")


def test_the_page_says_which_cells_chose_the_best_recipe():
    alone = facts_of(study())["Best recipe"]
    assert "test cells had no say" in alone
    both = facts_of(study(difference=added(0.04, 0.02, "helped"), cheap="plain"))
    assert "no say" not in both["Best recipe"]
    assert "the test decides whether" in both["Best recipe"]


def test_images_are_called_published_only_where_the_sources_are_known_public_sets():
    results = study()
    assert "on published images of" in facts_of(results)["Not for diagnosis"]
    results.public = False
    assert "published" not in facts_of(results)["Not for diagnosis"]
