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
from cytobalance.report.records import Record, balanced_accuracy, validation_accuracy
from cytobalance.study import places
from cytobalance.study.runtime import random_stream

# A recipe and the classifier that it trained.
Entry = tuple[str, str]


def hold_contest(
    records: dict[Entry, Record],
    with_gan: Collection[str],
    hold_out: pd.DataFrame,
    rare: list[str],
    seed: int,
    deterministic: Collection[str] = (),
) -> dict[str, Any]:
    """The best recipe of either kind, and what the synthetic cells add.

    records: all under `heldout`; with_gan: the recipes with a GAN's cells;
    deterministic: classifiers that one trial tells all of. `cheap` and `synthetic`
    name the entry with the highest balanced accuracy on validation cells, the first of
    equals, and hold its score on the test cells, which had no say in the choice; None
    where the study has no such recipe. `difference` is the paired gain of the second
    over the first, None where one is missing. Where a classifier saw both kinds, those
    that saw one kind alone stand aside: each kind has the same networks to win with. {}
    without records.
    """
    if not records:
        return {}
    kinds = {entry: entry[0] in with_gan for entry in records}
    seen = {name: {kinds[e] for e in records if e[1] == name} for _, name in records}
    both = {name for name, sides in seen.items() if len(sides) == 2}
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
        pair = chosen["synthetic"], chosen["cheap"]
        difference = _compare(pair, records, hold_out, rare, seed, deterministic)
    return contest | {"difference": difference}


def _compare(
    pair: tuple[Entry, Entry],
    records: dict[Entry, Record],
    hold_out: pd.DataFrame,
    rare: list[str],
    seed: int,
    deterministic: Collection[str],
) -> dict[str, Any]:
    """Paired gain of the first entry over the second in balanced accuracy.

    Two recipes of one classifier are named as in the study's other comparisons, and so
    get the same draws: the page has one interval of a pair alone, and not two.
    """
    shared = pair[0][1] == pair[1][1]
    names = tuple(entry[0] if shared else places.key(*entry) for entry in pair)
    reference = records[pair[1]]
    gain = paired_gains(
        {
            name: rebuild_predictions(records[entry], hold_out)
            for name, entry in zip(names, pair, strict=True)
        },
        [names],
        rare,
        reference["confidence"],
        reference["resamples"],
        partial(random_stream, seed, "report", reference["classifier"]),
        all(e[1] in deterministic or records[e]["trials"] > 1 for e in pair),
    )[names]
    score = gain["balanced_accuracy"]
    limits = {key: score[key] for key in ("value", "low", "high")}
    return limits | {"verdict": verdict(gain)}


def choose_best(records: dict[Entry, Record], entries: list[Entry]) -> Entry | None:
    """The entry with the highest balanced accuracy on its validation cells."""
    return max(entries, key=lambda e: validation_accuracy(records[e]), default=None)


def _describe(entry: Entry, record: Record) -> dict[str, Any]:
    """Names and scores of a winner: mean over trials, test interval."""
    test = balanced_accuracy(record)
    return {
        "recipe": entry[0],
        "classifier": entry[1],
        "validation": validation_accuracy(record),
        "test": test["mean"],
        "low": test["low"],
        "high": test["high"],
    }
