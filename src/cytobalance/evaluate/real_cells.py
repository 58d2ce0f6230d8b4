"""What the real test cells alone tell: ranking of the rare, shares, sources."""

from typing import Any

import numpy as np
import pandas as pd

from cytobalance.evaluate.by_source import score_sources
from cytobalance.evaluate.differential import count_differential
from cytobalance.evaluate.doubt import compare_calibration, scaled, score_sets
from cytobalance.evaluate.predictions import Predictions
from cytobalance.evaluate.ranking import rank_class, trace_curve
from cytobalance.study.runtime import random_stream
from cytobalance.study.settings import Evaluate
from cytobalance.taxonomy import blast_classes


def describe_real_cells(
    parts: dict[str, Predictions],
    cells: pd.DataFrame,
    rare: list[str],
    types: dict[str, tuple[str, ...]],
    temperature: float,
    settings: Evaluate,
    seed: int,
    key: str,
) -> dict[str, Any]:
    """What a record holds of real cells alone; {} without such.

    parts: predictions of `test` and `validation`; cells: table of data/cells; types:
    class -> types; temperature: of all trials together; key: names the random streams.
    Synthetic cells take no part: their shares are those that the balancer gave them.
    """
    if any((p.origin != "real").all() for p in parts.values()):
        return {}
    test, validation = (parts[p].of_origin("real") for p in ("test", "validation"))
    about = cells.set_index("cell_id").loc[test.cell_id]
    source, subject = (about[n].to_numpy(str) for n in ("source", "subject"))
    named = np.where(subject == "", "", np.char.add(np.char.add(source, "/"), subject))
    blasts, mixed = blast_classes(types)
    stream = random_stream(seed, "evaluate", key, "differential")
    raw = test.ensemble, validation.ensemble
    together, checked = (scaled(predictions, temperature) for predictions in raw)
    return {
        "temperature": compare_calibration(*raw, temperature, settings),
        "sets": score_sets(together, checked, settings),
        "ranking": _rank_rare(
            {"trials": (test, validation), "together": (together, checked)},
            *(rare, settings, seed, key),
        ),
        "differential": {
            "mixed_classes": mixed,
            **count_differential(together, named, blasts, settings, stream),
        },
        "by_source": score_sources(test, source, settings.confidence),
    }


def _rank_rare(judges, rare, settings, seed, key) -> dict[str, Any]:
    """Ranking of each rare class, by single trials and by all trials together.

    judges: `trials` and `together` -> predictions of test and of validation cells.
    """
    rankings: dict[str, Any] = {"specificity": settings.specificity}
    for kind, (judged, chosen_on) in judges.items():
        rankings[kind] = {}
        for label in rare:
            stream = random_stream(seed, "evaluate", key, "ranking", kind, label)
            ranked = rank_class(judged, chosen_on, label, settings, stream)
            if ranked:
                rankings[kind][label] = ranked
    test = judges["together"][0]
    for label, ranked in rankings["together"].items():
        i = test.classes.index(label)
        of_class = test.label == i
        ranked["threshold"] = ranked.pop("thresholds")[0]
        ranked["curve"] = trace_curve(test.probability[0, :, i], of_class)
    return rankings
