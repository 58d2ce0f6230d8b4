"""Stage `evaluate`: all scores of one classifier's predictions."""

from cytobalance.evaluate.doubt import describe_doubt, fit_together, scaled
from cytobalance.evaluate.evaluation import summarise_scores
from cytobalance.evaluate.predictions import Predictions, read_predictions
from cytobalance.evaluate.ranking import rare_classes
from cytobalance.evaluate.real_cells import describe_real_cells
from cytobalance.evaluate.record import (
    count_cells,
    list_misses,
    mean_views,
    read_curves,
)
from cytobalance.study import places
from cytobalance.study.cells import hash_file
from cytobalance.study.metrics import write_metrics
from cytobalance.study.options import read_item
from cytobalance.study.runtime import run_stage
from cytobalance.study.settings import Evaluate
from cytobalance.study.stages import read_settings
from cytobalance.study.tables import read_table


def main() -> None:
    """Score the predictions of validation and test cells; write one metrics file."""
    study = read_settings("evaluate")
    item = read_item("protocol", "balancer", "classifier")
    protocol, balancer, classifier = item.protocol, item.balancer, item.classifier
    key = places.key(protocol, balancer, classifier)
    cells = read_table(places.CELL_TABLE)
    groups = dict(zip(cells["cell_id"], cells["group"], strict=True))
    parts = {
        part: read_predictions(places.predictions(key), part, study.classes, groups)
        for part in ("test", "validation")
    }
    test = parts["test"]
    evaluate, seed = study.evaluate, study.study.seed
    split = read_table(places.split(protocol, balancer))
    temperature = fit_together(parts["validation"])
    rare = rare_classes(read_table(places.HOLD_OUT), study.classes)
    record = {
        "simulated": study.simulated,
        "protocol": protocol,
        "balancer": balancer,
        "classifier": classifier,
        "trials": len(test.predicted),
        "confidence": study.evaluate.confidence,
        "resamples": study.evaluate.resamples,
        "classes": study.classes,
        "rare_classes": rare,
        # By this `predict` knows the classifier that these scores are of.
        "predictions": hash_file(places.predictions(key)),
        "cells": count_cells(split, study.classes),
        "views": mean_views(read_table(places.views(key)), study.classes),
        **score_parts(parts, temperature, evaluate, seed, key),
        **describe_real_cells(
            *(parts, cells, rare, study.merge.classes, temperature),
            *(evaluate, seed, key),
        ),
        "curves": read_curves(places.curves(key)),
        "misses": list_misses(test),
    }
    for scope, scores in record["test"].items():
        print_scores(f"{key}, {scope} test cells", scores)
        together = record["ensemble"][scope]
        print_scores(f"{key}, {scope} test cells, trials together", together)
    if "sets" in record:
        print(f"{key}, {describe_doubt(record)}")
    write_metrics(places.scores(key), record)
    print(f"wrote {places.scores(key)}: {len(record['misses']['rows'])} misses")


def score_parts(
    parts: dict[str, Predictions],
    temperature: float,
    settings: Evaluate,
    seed: int,
    key: str,
) -> dict[str, dict]:
    """Scores of test cells by scope, single trials and all together; of validation.

    temperature: by which the probabilities of all together are scaled.
    """
    by_scope = scopes(parts["test"])
    return {
        "test": {
            scope: summarise_scores(cells, settings, seed, f"{key}/{scope}")
            for scope, cells in by_scope.items()
        },
        # All trials as one classifier, as `predict` uses them.
        "ensemble": {
            scope: summarise_scores(
                scaled(cells.ensemble, temperature),
                *(settings, seed, f"{key}/ensemble/{scope}"),
            )
            for scope, cells in by_scope.items()
        },
        # The best epoch was chosen on these cells: no measure of a new patient.
        "validation": summarise_scores(
            parts["validation"], settings, seed, f"{key}/validation"
        ),
    }


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
