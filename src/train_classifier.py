"""Stage `train_classifier`: fit all trials of one classifier and predict."""

from typing import Any

import pandas as pd
import torch

from cytobalance.classify.cells import (
    Cells,
    check_split,
    gather_cells,
    tabulate_views,
)
from cytobalance.classify.classifier import (
    Classifier,
    build_classifier,
    save_classifier,
)
from cytobalance.evaluate.predictions import read_predictions
from cytobalance.prediction.gathering import gather_reference
from cytobalance.prediction.reference import write_reference
from cytobalance.study import places
from cytobalance.study.cells import hash_file, read_cells
from cytobalance.study.devices import make_deterministic, pick_device
from cytobalance.study.inputs import read_inputs
from cytobalance.study.options import read_item
from cytobalance.study.runtime import StudyError, atomic_folder, derive_seed, run_stage
from cytobalance.study.stages import View, read_settings
from cytobalance.study.tables import check_labels, read_table, write_table

PREDICTED_PARTS = ("test", "validation")


def main() -> None:
    """Train each trial from its own seed; write models, predictions, curves, views."""
    options = read_item("protocol", "balancer", "classifier")
    protocol, balancer = options.protocol, options.balancer
    pair = places.key(balancer, options.classifier)
    study = read_settings("train_classifier", pair)
    settings = study.trainings[pair]
    key = places.key(protocol, pair)
    make_deterministic()

    device = pick_device()
    split, parts = read_parts(study, protocol, balancer, device)
    trained, curves, views, predictions = [], [], [], []
    for trial in range(1 if settings.deterministic else settings.trials):
        # Balancers share a trial's seed, so that they start from the same weights.
        seed = derive_seed(study.study.seed, "classifier", options.classifier, trial)
        classifier = build_classifier(
            settings, len(study.classes), study.image.size, device
        )
        curve, rows = classifier.fit(
            parts["train"], parts["validation"], study.recipes[balancer], seed
        )
        curves.append(in_trial(trial, curve))
        table = tabulate_views(parts["train"], rows, study.classes)
        views.append(in_trial(trial, table))
        for part in PREDICTED_PARTS:
            chosen = split[split["part"] == part]
            chances = classifier.chances(parts[part].images)
            predictions.append(tabulate(chosen, chances, study.classes, trial))
        trained.append(classifier)
        last = curve[-1]
        print(
            f"trial {trial}: training loss {last['train_loss']:.3f}, "
            f"validation accuracy {last['validation_accuracy']:.3f} at the end"
        )
    write_table(places.curves(key), pd.concat(curves))
    write_table(places.views(key), pd.concat(views))
    write_table(places.predictions(key), pd.concat(predictions))
    save_trials(key, trained, parts, study)
    print(f"wrote {places.classifier(key)}, its predictions, its curves and its views")


def read_parts(
    study: View, protocol: str, balancer: str, device: torch.device
) -> tuple[pd.DataFrame, dict[str, Cells]]:
    """The split's table, and its train, test and validation cells on the device."""
    size = study.image.size
    cells = read_cells(places.CELLS, size)
    maker = study.recipes[balancer].maker
    synthetic = read_cells(places.synthetic(protocol, maker), size)
    path = places.split(protocol, balancer)
    split = read_table(path)
    check_split(split, cells.table, synthetic.table, path)
    check_labels(split, study.classes, path)
    parts = {}
    for part in ("train", *PREDICTED_PARTS):
        rows = split[split["part"] == part]
        if not len(rows):
            raise StudyError(f"{protocol}/{balancer}: no {part} cells; see hold_out")
        parts[part] = gather_cells(
            cells.images, synthetic.images, rows, study.classes, device
        )
        print(f"{part}: {len(rows)} cells")
    return split, parts


def save_trials(
    key: str, trained: list[Classifier], parts: dict[str, Cells], study: View
) -> None:
    """A file a trial, each with what `predict` must know of the training.

    One more holds what it must know of the cells.
    """
    about = {
        "classes": list(study.classes),
        "size": study.image.size,
        "inputs": read_inputs(places.CELLS),
        # Of these trials together: `predict` takes all of them or none, and ties them
        # to the metrics of these predictions.
        "trials": len(trained),
        "predictions": hash_file(places.predictions(key)),
    }
    with atomic_folder(places.classifier(key)) as folder:
        for trial, classifier in enumerate(trained):
            save_classifier(folder / f"trial_{trial}.pt", classifier, about)
        groups = read_table(places.CELL_TABLE).set_index("cell_id")["group"].to_dict()
        validation = read_predictions(
            *(places.predictions(key), "validation", study.classes, groups)
        )
        reference = gather_reference(
            trained[0], parts, validation, about["predictions"]
        )
        write_reference(folder, reference)


def in_trial(trial: int, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """A table of `rows`, with the trial first."""
    table = pd.DataFrame(rows)
    table.insert(0, "trial", trial)
    return table


def tabulate(
    rows: pd.DataFrame, chances: torch.Tensor, classes: tuple[str, ...], trial: int
) -> pd.DataFrame:
    """Predictions of one part as a table: who, truth, predicted, probabilities."""
    table = rows[["part", "cell_id", "origin", "label"]].reset_index(drop=True)
    table.insert(0, "trial", trial)
    table["predicted"] = [classes[k] for k in chances.argmax(1).tolist()]
    columns = [f"p_{label}" for label in classes]
    return pd.concat([table, pd.DataFrame(chances.numpy(), columns=columns)], axis=1)


if __name__ == "__main__":
    run_stage(main)
