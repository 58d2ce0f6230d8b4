"""The best recipe with and without synthetic cells, chosen before the test is seen."""

from collections.abc import Collection
from functools import partial
from typing import Any

import pandas as pd

from cytobalance.report.comparison import (
    paired_gains,
    rebuild_predictions,
    verdict,
)
from cytobalance.report.records import Record, balanced_accuracy
from cytobalance.study.runtime import random_stream

# A recipe and the classifier that it trained.
Entry = tuple[str, str]


def hold_contest(
    records: dict[Entry, Record],
    with_gan: Collection[str],
    hold_out: pd.DataFrame,
    rare: list[str],
    seed: int,
) -> dict[str, Any]:
    """The best recipe of either kind, and what the synthetic cells add.

    records: all under `heldout`; with_gan: the recipes with a GAN's cells. `cheap` and
    `synthetic` name the entry with the highest balanced accuracy on validation cells,
    the first of equals, and hold its score on the test cells, which had no say in the
    choice; None where the study has no such recipe. `difference` is the paired gain of
    the second over the first, None where one is missing. Where a classifier saw both
    kinds, those that saw one kind alone stand aside: each kind has the same networks to
    win with. {} without records.
    """
    if not records:
        return {}
    kinds = {entry: entry[0] in with_gan for entry in records}
    seen = {name: {kinds[e] for e in records if e[1] == name} for _, name in records}
    both = {name for name, found in seen.items() if len(found) == 2}
    entries = [entry for entry in records if entry[1] in both or not both]
    chosen = {
        "cheap": choose_best(records, [e for e in entries if not kinds[e]]),
        "synthetic": choose_best(records, [e for e in entries if kinds[e]]),
    }
    contest: dict[str, Any] = {
        kind: _describe(entry, records[entry]) if entry else None
        for kind, entry in chosen.items()
    }
    difference = None
    if all(chosen.values()):
        some = records[chosen["cheap"]]
        pair = "synthetic", "cheap"
        gain = paired_gains(
            {
                name: rebuild_predictions(records[chosen[name]], hold_out)
                for name in pair
            },
            [pair],
            rare,
            some["confidence"],
            some["resamples"],
            partial(random_stream, seed, "report", "contest"),
        )[pair]
        found = gain["balanced_accuracy"]
        difference = {key: found[key] for key in ("value", "low", "high")}
        difference["verdict"] = verdict(gain)
    return contest | {"difference": difference}


def choose_best(records: dict[Entry, Record], entries: list[Entry]) -> Entry | None:
    """The entry with the highest balanced accuracy on its validation cells."""

    def score(entry: Entry) -> float:
        return records[entry]["validation"]["overall"]["balanced_accuracy"]["mean"]

    return max(entries, key=score, default=None)


def _describe(entry: Entry, record: Record) -> dict[str, Any]:
    """Names and scores of a winner: mean over trials, test interval."""
    test = balanced_accuracy(record)
    validation = record["validation"]["overall"]["balanced_accuracy"]
    return {
        "recipe": entry[0],
        "classifier": entry[1],
        "validation": validation["mean"],
        "test": test["mean"],
        "low": test["low"],
        "high": test["high"],
    }
