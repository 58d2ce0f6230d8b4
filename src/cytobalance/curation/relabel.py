"""Experts' relabel maps: applied image by image, refused where they are stale."""

import numpy as np
import pandas as pd

from cytobalance.curation.expert import name_rows, read_expert_files
from cytobalance.study import places
from cytobalance.study.damage import damaged
from cytobalance.study.runtime import StudyError
from cytobalance.study.tables import columns_of
from cytobalance.taxonomy import TYPES

MAP_COLUMNS = ("source", "file", "from", "to", "annotator", "reason", "date")
UNCERTAIN = "UNC"  # the code of AML-Cytomorphology_LMU for an uncertain type
RELABELLED_COLUMNS = columns_of(places.RELABELLED)
CELL = ["source", "file"]


def read_maps(names: tuple[str, ...], cells: pd.DataFrame) -> pd.DataFrame:
    """Experts' maps from data/expert: MAP_COLUMNS and `where`, one row an opinion.

    cells: source and file of the ingested cells.
    """
    return read_expert_files(names, MAP_COLUMNS, cells)


def check_maps(maps: pd.DataFrame, cells: pd.DataFrame) -> None:
    """Refuse maps that do not fit the ingested cells.

    cells: source, file, type (published). Raises StudyError naming every row with an
    unknown source, file or type, a `from` that is not the published type (a stale
    map), or a second opinion of one annotator on one file.
    """
    published = cells.set_index(CELL)["type"]
    mapped = pd.MultiIndex.from_frame(maps[CELL])
    current = pd.Series(published.reindex(mapped).to_numpy(), maps.index)
    twice = maps.duplicated([*CELL, "annotator"], keep="first")
    problem = pd.Series("", maps.index)
    # The last one set wins, so the most basic problem comes last.
    problem[twice] = "the annotator has named this file before"
    stale = maps["from"] != current
    problem[stale] = (
        "`from` is " + maps["from"] + ", published is " + current.fillna("")
    )[stale]
    # A study may add types, as C-NMC's `all` and `hem`.
    types = {*TYPES, *cells["type"]}
    for column, legal in (("to", types | {UNCERTAIN}), ("from", types)):
        unknown = ~maps[column].isin(legal)
        problem[unknown] = f"`{column}` is no type: " + maps[column][unknown]
    problem[current.isna()] = "no such ingested file"
    problem[~maps["source"].isin(set(cells["source"]))] = "no such source"
    faulty = problem[problem != ""]
    if len(faulty):
        rows = [
            f"{maps['where'][row]} ({maps['source'][row]}/{maps['file'][row]}): {text}"
            for row, text in faulty.items()
        ]
        raise StudyError(
            f"{len(rows)} rows of the experts' maps do not fit the ingested cells: "
            f"{name_rows(rows)}; correct these rows, or make the map anew "
            "(simulated study: `make expert`)"
        )


def check_origin(relabelled: pd.DataFrame, ingested: list[pd.DataFrame]) -> None:
    """Refuse a data/relabelled.csv of other cells than the sources' cells.csv hold."""
    ingested_cells = pd.concat(ingested)[CELL]
    if not np.array_equal(relabelled[CELL], ingested_cells):
        raise damaged(places.RELABELLED, "belongs to other cells than data/ingested")


def settle(maps: pd.DataFrame, rule: str) -> pd.Series:
    """One verdict a file from all its annotators: a type, or UNC.

    Returns a Series over (source, file) with those files only on which the rule gives
    a verdict; every other file keeps its published type. `majority`: the answer given
    most often, none on a tie. `unanimous`: the answer all gave. `original`: none.
    """
    votes = maps.groupby([*CELL, "to"], sort=True).size().rename("votes").reset_index()
    if rule == "original" or votes.empty:
        return pd.Series(dtype=str, index=pd.MultiIndex.from_arrays([[], []]))
    if rule == "unanimous":
        alone = ~votes.duplicated(CELL, keep=False)
        return votes[alone].set_index(CELL)["to"]
    best = votes.groupby(CELL)["votes"].transform("max")
    leaders = votes[votes["votes"] == best]
    return leaders[~leaders.duplicated(CELL, keep=False)].set_index(CELL)["to"]


def relabel_cells(cells: pd.DataFrame, maps: pd.DataFrame, rule: str) -> pd.DataFrame:
    """Apply the experts' maps to the ingested cells.

    cells: the ingested tables of all sources, stacked. Returns RELABELLED_COLUMNS in
    the same row order; `type` is the type to use, `dropped` why the cell goes (or "").
    Raises StudyError as `check_maps`.
    """
    check_maps(maps, cells)
    verdict = settle(maps, rule).reindex(pd.MultiIndex.from_frame(cells[CELL]))
    verdict = pd.Series(verdict.to_numpy(), cells.index)
    uncertain = verdict == UNCERTAIN
    table = cells.rename(columns={"type": "published_type"})
    table["type"] = verdict.where(verdict.notna() & ~uncertain, cells["type"])
    table["dropped"] = ""
    table.loc[uncertain, "dropped"] = "experts: type cannot be told"
    return table[list(RELABELLED_COLUMNS)]
