"""Decide a cluster of duplicates: what stays, what goes, what the experts must see."""

import numpy as np
import pandas as pd

from cytobalance.curation.classes import name_classes
from cytobalance.curation.expert import name_rows, read_expert_files
from cytobalance.study import places
from cytobalance.study.runtime import StudyError
from cytobalance.study.tables import columns_of
from cytobalance.taxonomy import TYPES

DECISION_COLUMNS = ("source", "file", "decision", "annotator", "date")
CLUSTER_COLUMNS = columns_of(places.DUPLICATES / "clusters.csv")
REVIEW_COLUMNS = columns_of(places.DUPLICATES / "review.csv")
CELL = ["source", "file"]


def read_decisions(
    names: tuple[str, ...], classes: dict[str, tuple[str, ...]], cells: pd.DataFrame
) -> pd.DataFrame:
    """Experts' decisions from data/expert, one row a file; blank decisions left out.

    classes: class -> types. cells: source and file of the ingested cells. Raises
    StudyError where two rows name one file with different decisions, or a decision is
    neither keep, drop nor a type.
    """
    table = read_expert_files(names, DECISION_COLUMNS, cells)
    table = table[table["decision"] != ""]
    legal = table["decision"].isin(("keep", "drop", *_list_types(classes)))
    if not legal.all():
        rows = (table["where"] + ": " + table["decision"])[~legal].tolist()
        raise StudyError(
            f"decisions that are neither keep, drop nor a type: {name_rows(rows)}"
        )
    table = table.drop_duplicates([*CELL, "decision"])
    split = table.duplicated(CELL, keep=False)
    if split.any():
        raise StudyError(
            "different decisions on one file: "
            f"{name_rows(table['where'][split].tolist())}; settle on one"
        )
    return table.reset_index(drop=True)


def _list_types(classes: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The 19 types and those that the study adds, as C-NMC's `all` and `hem`."""
    return (*TYPES, *(name for names in classes.values() for name in names))


def rank_cells(cells: pd.DataFrame) -> np.ndarray:
    """Rows of `cells` (RELABELLED_COLUMNS, in source order), best first.

    Best: not dropped by the experts, then the most pixels, then the order of sources,
    then the file's name.
    """
    table = pd.DataFrame(
        {
            "out": cells["dropped"] != "",
            "pixels": cells["width"] * cells["height"],
            "order": pd.factorize(cells["source"])[0],
            "file": cells["file"],
        }
    ).reset_index(drop=True)
    table = table.sort_values(list(table), ascending=[True, False, True, True])
    return table.index.to_numpy()


def find_members(cells: pd.DataFrame, clusters: np.ndarray) -> pd.DataFrame:
    """The cells that are in a cluster, best first within each, as in `rank_cells`."""
    members = cells.assign(cluster=clusters, out=cells["dropped"] != "")
    members = members.iloc[rank_cells(cells)]
    members = members[members["cluster"] != ""]
    return members.sort_values("cluster", kind="stable", ignore_index=True)


def resolve(
    members: pd.DataFrame,
    classes: dict[str, tuple[str, ...]],
    decisions: pd.DataFrame,
    rule: str,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Decide every cluster; returns (clusters, review).

    members: as `find_members`. classes: class -> types. rule: `drop` or `keep_first`,
    for clusters that hold cells of several classes and have no expert's decision.
    clusters: CLUSTER_COLUMNS, a row a member; `type` is the type to use. review:
    REVIEW_COLUMNS, the members of every conflict, decided or not.
    Raises StudyError where a decision names a file that is in no cluster now.
    """
    _check_decisions(members, decisions)
    chosen = decisions.set_index(CELL)["decision"]
    chosen = (
        chosen.reindex(pd.MultiIndex.from_frame(members[CELL])).fillna("").to_numpy()
    )
    table = members.assign(decision=chosen)
    table["published"] = table["type"]
    named = table["decision"].isin(_list_types(classes))
    table["type"] = table["type"].where(~named, table["decision"])

    cluster = table["cluster"]
    before = _count_classes(table, table["published"], ~table["out"], classes)
    live = ~table["out"] & (table["decision"] != "drop")
    chosen = live & (table["decision"] != "")
    decided = chosen.groupby(cluster).transform("any")
    conflict = ~decided & (_count_classes(table, table["type"], live, classes) > 1)
    first = live & (live.groupby(cluster).cumsum() == 1)
    keep = chosen | (first & ~decided & ~(conflict & (rule == "drop")))
    _check_twice(table[keep])

    table["action"] = np.where(keep, "keep", "drop")
    table["reason"] = _reasons(table, keep, conflict)
    best = ~table["out"] & ~cluster.duplicated() & (rule != "drop")
    table["proposed"] = np.where(best, "keep", "drop")
    review = table.assign(type=table["published"])[before > 1]
    by_whom = decisions.set_index(CELL)[["annotator", "date"]]
    review = review.join(by_whom, on=CELL).fillna({"annotator": "", "date": ""})
    return table[list(CLUSTER_COLUMNS)], review[list(REVIEW_COLUMNS)]


def _count_classes(table, types, live, classes) -> pd.Series:
    """How many classes the live members of each member's cluster have.

    A type of no class stands for itself: it contradicts every class.
    """
    labels = name_classes(types, classes)
    return labels.where(live).groupby(table["cluster"]).transform("nunique")


def _reasons(table: pd.DataFrame, keep: pd.Series, conflict: pd.Series) -> pd.Series:
    """Why each member goes, "" for those that stay."""
    name = table["source"] + "/" + table["file"]
    kept = table.assign(name=name)[keep].drop_duplicates("cluster").set_index("cluster")
    original = table["cluster"].map(kept["name"])
    exact = table["cluster"].map(kept["cell_id"]) == table["cell_id"]
    copy = np.where(exact, "exact copy of ", "near copy of ") + original.fillna("")
    reason = pd.Series(copy, table.index)
    # Kept nobody and no conflict: the experts dropped all that was left.
    reason[original.isna()] = "copy of a dropped cell"
    reason[conflict & original.isna()] = "conflict: copies in several classes"
    reason[table["decision"] == "drop"] = "expert: drop"
    reason[table["out"]] = table["dropped"]
    return reason.where(~keep, "")


def _check_decisions(members: pd.DataFrame, decisions: pd.DataFrame) -> None:
    """Refuse decisions on files that are in no cluster, or are dropped already."""
    open_files = pd.MultiIndex.from_frame(members.loc[~members["out"], CELL])
    stale = ~pd.MultiIndex.from_frame(decisions[CELL]).isin(open_files)
    if stale.any():
        gone = decisions[stale]
        rows = (
            gone["where"] + " (" + gone["source"] + "/" + gone["file"] + ")"
        ).tolist()
        raise StudyError(
            f"{len(rows)} stale decisions, on files that are in no cluster of "
            f"duplicates now: {name_rows(rows)}; take these rows out"
        )


def _check_twice(kept: pd.DataFrame) -> None:
    """Refuse to keep the same pixels twice."""
    twice = kept.duplicated("cell_id", keep=False)
    if twice.any():
        rows = (kept["source"] + "/" + kept["file"])[twice].tolist()
        raise StudyError(
            f"decisions keep files with the same pixels: {name_rows(rows)}; keep one"
        )
