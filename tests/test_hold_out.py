"""The deal: whole groups, near fractions, every class everywhere, thinning."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from cytobalance.balance.hold_out import PARTS, hold_out_cells, visible_cells
from cytobalance.balance.target import wanted_counts
from cytobalance.study.runtime import StudyError
from cytobalance.study.settings import HoldOut

CLASSES = ("neutrophil", "monocyte", "smudge_cell")
SHARES = (0.7, 0.27, 0.03)
FRACTIONS = {"train": 0.7, "test": 0.2, "validation": 0.1}
PLAIN = HoldOut(**FRACTIONS, thin={})


def smears(patients: int = 90, each: int = 10, seed: int = 1) -> pd.DataFrame:
    """Cells of patients who each hold several classes."""
    stream = np.random.default_rng(seed)
    labels = stream.choice(CLASSES, size=patients * each, p=SHARES)
    group = [f"p{k // each}" for k in range(patients * each)]
    ids = [f"c{k}" for k in range(patients * each)]
    table = pd.DataFrame({"cell_id": ids, "label": labels, "group": group})
    return table.assign(source="lab", published_part="")


def test_no_group_stands_in_two_parts():
    dealt = hold_out_cells(smears(), CLASSES, PLAIN, seed=1)
    assert (dealt.groupby("group")["part"].nunique() == 1).all()
    assert set(dealt["part"]) == set(PARTS)
    assert dealt["pool"].all()


def test_every_class_comes_near_the_fractions():
    cells = smears(patients=300)
    dealt = hold_out_cells(cells, CLASSES, PLAIN, seed=1)
    for label in CLASSES:
        own = dealt[dealt["label"] == label]
        for part, fraction in FRACTIONS.items():
            share = (own["part"] == part).mean()
            assert abs(share - fraction) < max(0.01, 1 / len(own)) + 1e-9, label


def test_a_class_of_three_groups_stands_in_all_parts():
    cells = smears()
    rare = pd.DataFrame(
        {
            "cell_id": [f"r{k}" for k in range(9)],
            "label": "monoblast",
            "group": ["p3", "p3", "p3", "p4", "p4", "p4", "p5", "p5", "p5"],
            "source": "lab",
            "published_part": "",
        }
    )
    cells = pd.concat([cells, rare], ignore_index=True)
    for seed in range(5):
        dealt = hold_out_cells(cells, (*CLASSES, "monoblast"), PLAIN, seed)
        own = dealt[dealt["label"] == "monoblast"]
        assert set(own["part"]) == set(PARTS)


def test_a_class_of_two_groups_is_refused_by_name():
    cells = smears()
    cells.loc[cells["label"] == "smudge_cell", "group"] = "p1"
    with pytest.raises(StudyError, match=r"smudge_cell.* 1 groups"):
        hold_out_cells(cells, CLASSES, PLAIN, seed=1)


def test_classes_that_no_deal_can_serve_are_refused():
    # Four groups, each class in three of them, no two parts for any pair: impossible.
    members = {"a": "123", "b": "124", "c": "134", "d": "234"}
    rows = [(f"{c}{g}", c, g) for c, groups in members.items() for g in groups]
    cells = pd.DataFrame(rows, columns=["cell_id", "label", "group"])
    cells = cells.assign(source="lab", published_part="")
    with pytest.raises(StudyError, match="no deal of whole groups exists"):
        hold_out_cells(cells, tuple(members), PLAIN, seed=1)


def cells_of(
    members: dict[str, list[int]], published: dict[int, str] | None = None
) -> pd.DataFrame:
    """One cell of each class in each of its groups."""
    rows = [(f"{c}{g}", c, f"p{g}") for c, own in members.items() for g in own]
    cells = pd.DataFrame(rows, columns=["cell_id", "label", "group"])
    part = cells["group"].str[1:].astype(int).map(published or {}).fillna("")
    return cells.assign(source="lab", published_part=part)


def test_a_move_that_fills_two_missing_classes_is_made():
    members = {"a": [1, 2, 5], "b": [0, 4, 5], "c": [0, 2, 3]}
    dealt = hold_out_cells(cells_of(members), tuple("abc"), PLAIN, seed=1)
    for label in "abc":
        assert set(dealt.loc[dealt["label"] == label, "part"]) == set(PARTS)


def deal_exists(members: dict[str, list[int]], open_to: dict[int, tuple]) -> bool:
    """Whether any of all deals of the groups puts every class into every part."""
    groups = sorted(open_to)
    return any(
        all(
            {deal[groups.index(g)] for g in own} == set(PARTS)
            for own in members.values()
        )
        for deal in product(*(open_to[g] for g in groups))
    )


@pytest.mark.parametrize("split", [False, True])
def test_a_small_deal_is_refused_only_where_none_exists(split):
    stream = np.random.default_rng(7)
    outcomes = {True: 0, False: 0}
    for case in range(150):
        count = int(stream.integers(4, 8))
        members = {
            label: sorted(
                stream.choice(count, stream.integers(3, 5), replace=False).tolist()
            )
            for label in "abcdef"[: stream.integers(3, 7)]
        }
        groups = sorted(set().union(*members.values()))
        published = {g: stream.choice([*PARTS, "", ""]) for g in groups if split}
        cells = cells_of(members, published)
        # A training group may validate where no validation part was published.
        validates = "validation" not in set(cells["published_part"])
        legal = {"": PARTS, "train": ("train", "validation")[: 1 + validates]}
        legal |= {"test": ("test",), "validation": ("validation",)}
        open_to = {g: legal[published.get(g, "")] for g in groups}
        exists = deal_exists(members, open_to)
        outcomes[exists] += 1
        try:
            dealt = hold_out_cells(cells, tuple(members), PLAIN, seed=case)
        except StudyError as refusal:
            assert not exists, members
            assert "no deal of whole groups exists" in str(refusal) or (
                "the published split gives it no" in str(refusal)
            )
            continue
        assert exists
        parts = dealt.groupby("label")["part"].agg(set)
        assert (parts == set(PARTS)).all()
        assert (dealt.groupby("group")["part"].nunique() == 1).all()
        for group, part in dealt[["group", "part"]].itertuples(index=False):
            assert part in open_to[int(group[1:])]
    assert min(outcomes.values()) > 20  # the riddles are of both kinds


def test_a_deal_too_tight_for_single_moves_is_found():
    # Seventy classes of three groups each, made from one hidden deal:
    # few others serve all, and single moves from random deals lead to none of them.
    stream = np.random.default_rng(3)
    count = 45
    hidden = np.arange(count) % 3  # a deal that serves every class made from it
    members = {
        f"c{k}": [int(stream.choice(np.flatnonzero(hidden == p))) for p in range(3)]
        for k in range(70)
    }
    dealt = hold_out_cells(cells_of(members), tuple(members), PLAIN, seed=1)
    assert (dealt.groupby("label")["part"].nunique() == 3).all()


def test_the_deal_follows_the_seed_alone():
    cells = smears()
    first = hold_out_cells(cells, CLASSES, PLAIN, seed=1)
    assert first.equals(hold_out_cells(cells, CLASSES, PLAIN, seed=1))
    other = hold_out_cells(cells, CLASSES, PLAIN, seed=2)
    assert (first["part"] != other["part"]).any()


def test_thinning_makes_a_class_rare_in_training_and_pool_alike():
    thin = HoldOut(**FRACTIONS, thin={"monocyte": 14})
    cells = smears()
    whole = hold_out_cells(cells, CLASSES, PLAIN, seed=1)
    dealt = hold_out_cells(cells, CLASSES, thin, seed=1)
    own = (dealt["label"] == "monocyte").to_numpy()
    # Test and validation stay what they were, so that scores can be compared.
    kept = whole["part"] != "train"
    assert dealt.loc[kept, "part"].equals(whole.loc[kept, "part"])
    assert (dealt.loc[own, "part"] == "train").sum() == 14
    pool = dealt[own & dealt["pool"].to_numpy()]
    counts = pool["part"].value_counts()
    assert counts.to_dict() == {"train": 14, "test": 4, "validation": 2}
    assert dealt.loc[~own, "pool"].all()


def test_what_each_protocol_sees():
    thin = HoldOut(**FRACTIONS, thin={"monocyte": 14})
    cells = smears()
    dealt = hold_out_cells(cells, CLASSES, thin, seed=1)
    pool = dealt.iloc[visible_cells(cells, dealt, "paper")]
    train = dealt.iloc[visible_cells(cells, dealt, "heldout")]
    assert set(pool["part"]) == set(PARTS)
    assert set(train["part"]) == {"train"}
    assert len(train) == (dealt["part"] == "train").sum()
    with pytest.raises(StudyError, match="other cells"):
        visible_cells(cells.iloc[::-1], dealt, "paper")


def test_wanted_counts_fill_up_to_the_target():
    labels = ["neutrophil"] * 120 + ["monocyte"] * 30 + ["smudge_cell"]
    paper = wanted_counts(labels, CLASSES, 100, "paper", 0.7)
    assert paper == {"neutrophil": 0, "monocyte": 70, "smudge_cell": 99}
    heldout = wanted_counts(labels, CLASSES, 100, "heldout", 0.7)
    assert heldout == {"neutrophil": 0, "monocyte": 40, "smudge_cell": 69}


def test_a_class_that_no_maker_sees_gets_no_cells():
    wanted = wanted_counts(["monocyte"] * 30, CLASSES, 100, "source_out", 0.7)
    assert wanted == {"neutrophil": 0, "monocyte": 40, "smudge_cell": 0}
