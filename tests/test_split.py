"""The final table: what the paper leaks, what heldout keeps apart, targets, weights."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cytobalance.balance.hold_out import hold_out_cells, visible_cells
from cytobalance.balance.settings import Recipe
from cytobalance.balance.split import split_cells, weigh_views
from cytobalance.balance.target import wanted_counts
from cytobalance.study.params import read_study

PARAMS = Path(__file__).parents[1] / "params.yaml"
TARGET = 60


@pytest.fixture(scope="module")
def study():
    shipped = read_study(PARAMS)
    generate = shipped.generate.model_copy(update={"target": TARGET})
    hold_out = shipped.hold_out.model_copy(update={"thin": {"monocyte": 14}})
    return shipped.model_copy(update={"generate": generate, "hold_out": hold_out})


@pytest.fixture(scope="module")
def cells(study):
    """200 neutrophils, above any target, and 30 of each other class."""
    labels = [c for c in study.classes for _ in range(200 if c == "neutrophil" else 30)]
    labels = np.random.default_rng(1).permutation(labels)
    ids = [f"c{k}" for k in range(len(labels))]
    group = [f"g{k // 3}" for k in range(len(labels))]
    table = pd.DataFrame({"cell_id": ids, "label": labels, "group": group})
    return table.assign(source="lab", published_part="")


@pytest.fixture(scope="module")
def hold_out(study, cells):
    return hold_out_cells(cells, study.classes, study.hold_out, seed=1)


def synthetic_of(study, cells, hold_out, protocol):
    seen = cells["label"].to_numpy()[visible_cells(cells, hold_out, protocol)]
    fraction = study.hold_out.train
    wanted = wanted_counts(seen, study.classes, TARGET, protocol, fraction)
    labels = np.repeat(list(wanted), list(wanted.values()))
    ids = [f"made-{k}" for k in range(len(labels))]
    return pd.DataFrame({"cell_id": ids, "label": labels, "parent": ""})


def split(study, cells, hold_out, protocol, balancer):
    made = synthetic_of(study, cells, hold_out, protocol)
    if study.recipes[balancer].maker == "none":
        made = made.iloc[:0]
    return split_cells(cells, hold_out, made, study, protocol, balancer)


def test_heldout_tests_on_real_untouched_cells_only(study, cells, hold_out):
    table = split(study, cells, hold_out, "heldout", "adasyn")
    assert set(table.loc[table["part"] != "train", "origin"]) == {"real"}
    real = table[table["origin"] == "real"]
    kept = hold_out.set_index("cell_id")["part"]
    assert (kept[real["cell_id"]].to_numpy() == real["part"].to_numpy()).all()
    for part in ("test", "validation"):
        assert (real["part"] == part).sum() == (kept == part).sum()
    group = cells["group"].to_numpy()[real["row"]]
    assert (real.groupby(group)["part"].nunique() == 1).all()


def test_heldout_training_holds_the_target_of_every_class(study, cells, hold_out):
    table = split(study, cells, hold_out, "heldout", "c_wgan_gp")
    train = table[table["part"] == "train"]["label"].value_counts()
    assert train.to_dict() == dict.fromkeys(study.classes, round(TARGET * 0.7))


def test_paper_brings_the_pool_to_the_target_and_splits_by_image(
    study, cells, hold_out
):
    table = split(study, cells, hold_out, "paper", "c_wgan_gp")
    counts = pd.crosstab(table["label"], table["part"])
    assert (counts.sum(axis=1) == TARGET).all()
    assert (counts["train"] == 42).all() and (counts["test"] == 12).all()
    # The published leaks: synthetic test cells, and patients on both sides.
    assert ((table["part"] == "test") & (table["origin"] == "synthetic")).any()
    real = table[table["origin"] == "real"]
    group = cells["group"].to_numpy()[real["row"]]
    assert (real.groupby(group)["part"].nunique() > 1).any()


@pytest.mark.parametrize("protocol", ["paper", "heldout"])
def test_plain_keeps_every_cell_the_protocol_has(study, cells, hold_out, protocol):
    table = split(study, cells, hold_out, protocol, "plain")
    assert set(table["origin"]) == {"real"}
    assert (table["weight"] == 1).all()
    kept = hold_out["pool"] if protocol == "paper" else hold_out["part"] != "thinned"
    assert list(table["cell_id"]) == list(hold_out.loc[kept, "cell_id"])


def test_thinned_cells_stand_nowhere_under_heldout(study, cells, hold_out):
    thinned = set(hold_out.loc[hold_out["part"] == "thinned", "cell_id"])
    assert thinned
    for balancer in ("plain", "adasyn"):
        table = split(study, cells, hold_out, "heldout", balancer)
        assert not thinned & set(table["cell_id"])


def test_row_points_at_the_cell(study, cells, hold_out):
    made = synthetic_of(study, cells, hold_out, "heldout")
    table = split(study, cells, hold_out, "heldout", "adasyn")
    for origin, source in (("real", cells), ("synthetic", made)):
        own = table[table["origin"] == origin]
        assert len(own)
        assert (source["cell_id"].to_numpy()[own["row"]] == own["cell_id"]).all()
        assert (source["label"].to_numpy()[own["row"]] == own["label"]).all()


def test_weights_are_gungors_formula(study, cells, hold_out):
    # C-NMC's training counts, 2 classes: 10,661 / (2 x 7,272) and / (2 x 3,389).
    labels = np.array(["ALL"] * 7272 + ["HEM"] * 3389)
    balanced = Recipe(sampling="balanced")
    none = np.zeros(len(labels), bool)
    weights = weigh_views(labels, np.full(len(labels), "c_nmc"), none, balanced)
    assert weights[0] == pytest.approx(0.733, abs=1e-3)
    assert weights[-1] == pytest.approx(1.573, abs=1e-3)
    table = split(study, cells, hold_out, "heldout", "weighted")
    train = table[table["part"] == "train"]
    by_class = train.groupby("label")["weight"].sum()
    assert np.allclose(by_class, len(train) / len(study.classes))


def test_the_split_repeats(study, cells, hold_out):
    first = split(study, cells, hold_out, "paper", "adasyn")
    assert first.equals(split(study, cells, hold_out, "paper", "adasyn"))


LABELS = np.repeat(["a", "b", "c"], [60, 30, 10])
MADE = np.arange(100) % 10 >= 8  # a fifth of each class is synthetic


def views_of(recipe: Recipe, labels=LABELS, made=MADE) -> pd.Series:
    """Part of all views that each class and origin gets."""
    weights = weigh_views(labels, np.full(len(labels), "pbc"), made, recipe)
    assert weights.mean() == pytest.approx(1)
    table = pd.DataFrame({"label": labels, "made": made, "views": weights / 100})
    return table.groupby(["label", "made"])["views"].sum()


@pytest.mark.parametrize(
    "sampling, parts",
    [
        ("natural", (0.6, 0.3, 0.1)),
        ("balanced", (1 / 3, 1 / 3, 1 / 3)),
        ("sqrt", np.sqrt([60, 30, 10]) / np.sqrt([60, 30, 10]).sum()),
        ({"a": 1.0, "b": 2.0, "c": 3.0}, np.array([60, 60, 30]) / 150),
    ],
)
def test_sampling_says_how_often_a_class_is_seen(sampling, parts):
    views = views_of(Recipe(sampling=sampling))
    assert np.allclose(views.groupby("label").sum(), parts)


def test_a_share_is_the_synthetic_part_of_the_views_of_each_class():
    views = views_of(Recipe(synthetic="smote", share=0.25, sampling="balanced"))
    assert np.allclose(views[:, True], 0.25 / 3)
    assert np.allclose(views[:, False], 0.75 / 3)
    # Natural sampling with a share is by the real cells: synthetic ones add no weight.
    views = views_of(Recipe(synthetic="smote", share=0.25))
    assert np.allclose(views.groupby("label").sum(), [0.6, 0.3, 0.1])


def test_a_share_of_some_classes_leaves_the_others_real():
    recipe = Recipe(synthetic="smote", share={"c": 0.5}, sampling="balanced")
    views = views_of(recipe)
    assert views["a", True] == views["b", True] == 0
    assert views["c", True] == pytest.approx(1 / 6)


def test_a_class_of_one_kind_of_cells_gets_all_its_views_from_them():
    made = MADE.copy()
    made[LABELS == "a"] = False
    made[LABELS == "c"] = True
    recipe = Recipe(synthetic="smote", share=0.25, sampling="balanced")
    views = views_of(recipe, made=made)
    assert views["a", False] == pytest.approx(1 / 3)
    assert views["c", True] == pytest.approx(1 / 3)


def test_a_recipe_with_a_share_pools_nothing_and_cuts_no_class(study, cells, hold_out):
    table = split(study, cells, hold_out, "heldout", "weighted_augmented_gan")
    train = table[table["part"] == "train"]
    seen = (hold_out["part"] == "train").sum()
    assert (train["origin"] == "real").sum() == seen
    rare = study.recipes["weighted_augmented_gan"].share
    drawn = train[(train["origin"] == "synthetic") & (train["weight"] > 0)]
    assert set(drawn["label"]) == set(rare)


@pytest.mark.parametrize(
    "how, parts", [("balanced", (0.5, 0.5)), ("sqrt", (0.75, 0.25)), ("natural", None)]
)
def test_sources_are_evened_within_a_class_and_leave_its_views_alone(how, parts):
    # Class a: 45 cells of one source, 5 of another, 10 synthetic; b has one source.
    labels = np.repeat(["a", "b"], [60, 20])
    sources = np.repeat(["pbc", "mll", "", "pbc"], [45, 5, 10, 20])
    made = sources == ""
    recipe = {"synthetic": "acgan", "share": 0.4, "sampling": "balanced"}
    plain, even = (
        weigh_views(labels, sources, made, Recipe(**recipe, sources=s))
        for s in ("natural", how)
    )
    for chosen in (labels == "b", made, (labels == "a") & ~made):
        assert even[chosen].sum() == pytest.approx(plain[chosen].sum())
    first, second = even[:45].sum(), even[45:50].sum()
    wanted = parts or (0.9, 0.1)
    assert np.allclose(np.array([first, second]) / (first + second), wanted)
