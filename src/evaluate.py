"""Stage `evaluate`: everything to be known from one classifier's predictions."""

from pathlib import Path

from cytobalance.evaluate.evaluation import summarise_scores
from cytobalance.evaluate.predictions import Predictions, read_predictions
from cytobalance.evaluate.record import (
    count_cells,
    list_hits,
    list_misses,
    read_curves,
)
from cytobalance.study.cells import hash_file
from cytobalance.study.metrics import write_metrics
from cytobalance.study.options import read_item
from cytobalance.study.runtime import random_stream, run_stage
from cytobalance.study.stages import read_settings
from cytobalance.study.tables import read_table

CELLS = Path("data/cells/cells.csv")
PREDICTIONS = Path("data/predictions")
CURVES = Path("data/curves")
SPLITS = Path("data/splits")
OUTPUT = Path("metrics/classifiers")


def main() -> None:
    """Score the predictions of validation and test cells; write one metrics file."""
    study = read_settings("evaluate")
    item = read_item("protocol", "balancer", "classifier")
    protocol, balancer, classifier = item.protocol, item.balancer, item.classifier
    key = f"{protocol}-{balancer}-{classifier}"
    cells = read_table(CELLS)
    groups = dict(zip(cells["cell_id"], cells["group"], strict=True))
    parts = {
        part: read_predictions(PREDICTIONS / f"{key}.csv", part, study.classes, groups)
        for part in ("test", "validation")
    }
    test = parts["test"]
    evaluate, seed = study.evaluate, study.study.seed
    split = read_table(SPLITS / protocol / f"{balancer}.csv")
    record = {
        "simulated": study.simulated,
        "protocol": protocol,
        "balancer": balancer,
        "classifier": classifier,
        "trials": len(test.predicted),
        "confidence": study.evaluate.confidence,
        "resamples": study.evaluate.resamples,
        "classes": study.classes,
        # By this `predict` knows the classifier that these scores are of.
        "predictions": hash_file(PREDICTIONS / f"{key}.csv"),
        "cells": count_cells(split, study.classes),
        "test": {
            scope: summarise_scores(cells_of_scope, evaluate, seed, f"{key}/{scope}")
            for scope, cells_of_scope in scopes(test).items()
        },
        # All trials as one classifier, as `predict` uses them.
        "ensemble": {
            scope: summarise_scores(
                cells_of_scope.ensemble, evaluate, seed, f"{key}/ensemble/{scope}"
            )
            for scope, cells_of_scope in scopes(test).items()
        },
        # The best epoch was chosen on these cells: no measure of a new patient.
        "validation": summarise_scores(
            parts["validation"], evaluate, seed, f"{key}/validation"
        ),
        "curves": read_curves(CURVES / f"{key}.csv"),
        "misses": list_misses(test),
        "hits": list_hits(
            test.of_origin("real"),
            random_stream(seed, "evaluate", key, "hits"),
        ),
    }
    for scope, scores in record["test"].items():
        print_scores(f"{key}, {scope} test cells", scores)
        together = record["ensemble"][scope]
        print_scores(f"{key}, {scope} test cells, trials together", together)
    write_metrics(OUTPUT / f"{key}.json", record)
    print(f"wrote {OUTPUT / f'{key}.json'}: {len(record['misses']['rows'])} misses")


def scopes(test: Predictions) -> dict[str, Predictions]:
    """All test cells; where some are synthetic, also real and synthetic ones alone."""
    if (test.origin == "real").all():
        return {"all": test}
    origins = [name for name in ("real", "synthetic") if (test.origin == name).any()]
    return {"all": test} | {name: test.of_origin(name) for name in origins}


def print_scores(name: str, scores: dict) -> None:
    """One line: how many cells, and each overall score with its interval."""
    texts = [
        f"{key} {score['mean']:.3f} [{score['low']:.3f}, {score['high']:.3f}]"
        for key, score in scores["overall"].items()
    ]
    print(
        f"{name}: {scores['cells']} in {scores['groups']} groups; " + "; ".join(texts)
    )


if __name__ == "__main__":
    run_stage(main)
