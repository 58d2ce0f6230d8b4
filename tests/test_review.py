"""Clusters: the best copy stays, conflicts go to the experts, their word is applied."""

import unicodedata

import numpy as np
import pandas as pd
import pytest

from cytobalance.curation.review import find_members, read_decisions, resolve
from cytobalance.study.runtime import StudyError

CLASSES = {
    "eosinophil": ("eosinophil",),
    "immature_granulocyte": ("myelocyte", "metamyelocyte"),
    "neutrophil": ("neutrophil",),
}
NONE = pd.DataFrame(columns=["source", "file", "decision", "annotator", "date"])


def members(*rows: str) -> pd.DataFrame:
    """Rows "cluster source/file id type side [dropped]" as `find_members` gives."""
    parts = [row.split() for row in rows]
    cells = pd.DataFrame(
        {
            "source": [part[1].split("/")[0] for part in parts],
            "file": [part[1].split("/")[1] for part in parts],
            "cell_id": [part[2] for part in parts],
            "type": [part[3] for part in parts],
            "width": [int(part[4]) for part in parts],
            "height": [int(part[4]) for part in parts],
            "dropped": ["".join(part[5:]) for part in parts],
        }
    )
    return find_members(cells, np.array([part[0] for part in parts]))


def decisions(*rows: str) -> pd.DataFrame:
    """Rows "source/file decision"."""
    parts = [row.replace("/", " ").split() for row in rows]
    table = pd.DataFrame(parts, columns=["source", "file", "decision"])
    return table.assign(annotator="expert", date="2024", where="d.csv line 2")


def actions(table: pd.DataFrame, said=NONE, rule: str = "drop") -> dict[str, str]:
    clusters, _ = resolve(table, CLASSES, said, rule)
    name = clusters["source"] + "/" + clusters["file"]
    word = clusters["action"] + np.where(clusters["reason"] == "", "", ": ")
    return dict(zip(name, word + clusters["reason"], strict=True))


SAME = ("d1 x/a 11 neutrophil 90", "d1 y/b 22 neutrophil 99", "d1 y/a 22 neutrophil 99")
SPLIT = ("d2 x/e 33 eosinophil 90", "d2 x/n 33 neutrophil 90")


def test_the_largest_then_the_first_by_source_and_file_stays():
    assert actions(members(*SAME)) == {
        "y/a": "keep",
        "y/b": "drop: exact copy of y/a",
        "x/a": "drop: near copy of y/a",
    }
    even = [row.replace("99", "90") for row in SAME]
    assert actions(members(*even))["x/a"] == "keep"


def test_several_classes_are_a_conflict_for_the_experts():
    found, review = resolve(members(*SAME, *SPLIT), CLASSES, NONE, "drop")
    assert set(review["cluster"]) == {"d2"}
    assert list(review["proposed"]) == ["drop", "drop"]
    assert set(review["decision"]) == {""}
    reasons = found.loc[found["cluster"] == "d2", "reason"]
    assert reasons.str.startswith("conflict").all()
    assert actions(members(*SPLIT), rule="keep_first") == {
        "x/e": "keep",
        "x/n": "drop: exact copy of x/e",
    }


def test_types_of_one_class_are_no_conflict_but_a_type_of_no_class_is():
    one_class = members("d1 x/a 1 myelocyte 9", "d1 x/b 2 metamyelocyte 9")
    assert actions(one_class)["x/a"] == "keep"
    no_class = members("d1 x/a 1 myelocyte 9", "d1 x/b 2 basophil 9")
    assert set(actions(no_class).values()) == {
        "drop: conflict: copies in several classes"
    }


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (["x/n keep"], {"x/e": "drop: exact copy of x/n", "x/n": "keep"}),
        (["x/e drop"], {"x/e": "drop: expert: drop", "x/n": "keep"}),
        (["x/n eosinophil"], {"x/e": "drop: exact copy of x/n", "x/n": "keep"}),
        (
            ["x/n drop", "x/e drop"],
            {"x/e": "drop: expert: drop", "x/n": "drop: expert: drop"},
        ),
    ],
)
def test_experts_decide(said, expected):
    assert actions(members(*SPLIT), decisions(*said)) == expected


def test_a_decided_type_is_used_and_the_sheet_shows_what_was_decided():
    clusters, review = resolve(
        members(*SPLIT), CLASSES, decisions("x/n myelocyte"), "drop"
    )
    kept = clusters[clusters["action"] == "keep"]
    assert kept[["file", "type"]].values.tolist() == [["n", "myelocyte"]]
    row = review.set_index("file").loc["n"]
    assert (row["type"], row["decision"]) == ("neutrophil", "myelocyte")


def test_an_expert_may_keep_two_near_copies_but_not_the_same_pixels_twice():
    near = members("d1 x/a 1 eosinophil 9", "d1 x/b 2 neutrophil 9")
    said = decisions("x/a keep", "x/b keep")
    assert set(actions(near, said).values()) == {"keep"}
    with pytest.raises(StudyError, match="same pixels"):
        actions(members(*SPLIT), decisions("x/e keep", "x/n keep"))


def test_a_cell_the_experts_dropped_neither_stays_nor_contradicts():
    table = members("d1 x/a 1 eosinophil 99 unclear", "d1 x/b 2 neutrophil 9")
    assert actions(table) == {"x/a": "drop: unclear", "x/b": "keep"}


def test_a_stale_decision_is_refused():
    with pytest.raises(StudyError, match=r"stale.*x/gone") as error:
        actions(members(*SPLIT), decisions("x/gone keep"))
    assert "\n" not in str(error.value)


def test_no_duplicates_at_all_is_fine():
    clusters, review = resolve(members(*SAME).head(0), CLASSES, NONE, "drop")
    assert len(clusters) == len(review) == 0


def test_the_sheet_of_a_study_without_conflicts_is_empty():
    clusters, review = resolve(members(*SAME), CLASSES, NONE, "drop")
    assert len(clusters) == 3 and review.empty


def test_a_decision_finds_its_file_whichever_way_accents_are_written(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/expert").mkdir(parents=True)
    nfc, nfd = (unicodedata.normalize(form, "é.png") for form in ("NFC", "NFD"))
    table = members(f"d2 x/{nfd} 33 eosinophil 90", "d2 x/n 33 neutrophil 90")
    sheet = "source;file;decision;annotator;date\n" + f"x;{nfc};keep;me;\n"
    path = tmp_path / "data/expert/done.csv"
    path.write_text(sheet, encoding="utf-8")
    said = read_decisions(("done.csv",), CLASSES, table)
    assert actions(table, said)[f"x/{nfd}"] == "keep"
    path.write_text(sheet + f"x;{nfd};drop;me;\n", encoding="utf-8")
    with pytest.raises(StudyError, match="different decisions"):
        read_decisions(("done.csv",), CLASSES, table)
    path.write_text(sheet + "x;n;drop\n", encoding="utf-8")
    with pytest.raises(StudyError, match=r"done\.csv, line 3: 3 fields"):
        read_decisions(("done.csv",), CLASSES, table)


def test_a_filled_review_sheet_is_read_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/expert").mkdir(parents=True)
    _, review = resolve(members(*SPLIT), CLASSES, NONE, "drop")
    assert (review.iloc[:, -1] != "").all()  # else Excel writes such rows short
    review.loc[review["file"] == "e", "decision"] = "keep"
    review.to_csv(tmp_path / "data/expert/done.csv", index=False)
    said = read_decisions(("done.csv",), CLASSES, members(*SPLIT))
    assert said[["file", "decision"]].values.tolist() == [["e", "keep"]]
    assert actions(members(*SPLIT), said)["x/e"] == "keep"
    both = pd.concat([review, review.replace({"decision": {"keep": "drop"}})])
    both.to_csv(tmp_path / "data/expert/done.csv", index=False)
    with pytest.raises(StudyError, match="different decisions"):
        read_decisions(("done.csv",), CLASSES, members(*SPLIT))
    review.assign(decision="maybe").to_csv(
        tmp_path / "data/expert/done.csv", index=False
    )
    with pytest.raises(StudyError, match="neither keep, drop nor a type"):
        read_decisions(("done.csv",), CLASSES, members(*SPLIT))
