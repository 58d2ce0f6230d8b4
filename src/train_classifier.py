"""Stage `train_classifier`: fit all trials of one classifier and predict."""

from pathlib import Path

import pandas as pd
import torch

from cytobalance.classify.networks import save_network, seed_network
from cytobalance.classify.training import (
    check_split,
    gather_cells,
    predict_logits,
    train,
)
from cytobalance.study.cells import hash_file, read_cells
from cytobalance.study.devices import check_step, make_deterministic, pick_device
from cytobalance.study.inputs import read_inputs
from cytobalance.study.options import read_item
from cytobalance.study.runtime import StudyError, atomic_folder, derive_seed, run_stage
from cytobalance.study.stages import View, read_settings
from cytobalance.study.tables import check_labels, read_table, write_table

PREDICTED_PARTS = ("test", "validation")


def main() -> None:
    """Train each trial from its own seed; write models, predictions and curves."""
    options = read_item("protocol", "balancer", "classifier")
    study = read_settings("train_classifier")
    key = f"{options.protocol}-{options.balancer}-{options.classifier}"
    make_deterministic()

    check_step(
        study.classifier.batch, study.classifier.width, study.image.size, "classifier"
    )
    split, parts = read_parts(study, options.protocol, options.balancer)
    curves, predictions, networks = [], [], []
    for trial in range(study.classifier.trials):
        # Balancers share a trial's seed, so that they start from the same weights.
        seed = derive_seed(study.study.seed, "classifier", options.classifier, trial)
        settings = shape_network(study)
        network = seed_network(options.classifier, settings, seed)
        network = network.to(parts["train"].images.device)
        curve = train(
            network, parts["train"], parts["validation"], study.classifier, seed
        )
        curves.append(pd.DataFrame(curve).assign(trial=trial))
        for part in PREDICTED_PARTS:
            rows = split[split["part"] == part]
            logits = predict_logits(
                network, parts[part].images, study.classifier.precision
            )
            predictions.append(tabulate(rows, logits, study.classes, trial))
        networks.append(network.cpu())
        last = curve[-1]
        print(
            f"trial {trial}: training loss {last['train_loss']:.3f}, "
            f"validation accuracy {last['validation_accuracy']:.3f} at the end"
        )
    curves = pd.concat(curves)
    curves.insert(0, "trial", curves.pop("trial"))
    write_table(Path(f"data/curves/{key}.csv"), curves)
    path = Path(f"data/predictions/{key}.csv")
    write_table(path, pd.concat(predictions))
    about = {
        "classifier": options.classifier,
        "settings": shape_network(study),
        "classes": list(study.classes),
        "size": study.image.size,
        "precision": study.classifier.precision,
        "inputs": read_inputs(Path("data/cells")),
        # Of these trials together: `predict` takes all of them or none, and ties them
        # to the metrics of these predictions.
        "trials": len(networks),
        "predictions": hash_file(path),
    }
    with atomic_folder(Path("models/classifiers") / key) as folder:
        for trial, network in enumerate(networks):
            save_network(folder / f"trial_{trial}.pt", network, about)
    print(f"wrote models/classifiers/{key}, its predictions and its curves")


def read_parts(study: View, protocol: str, balancer: str):
    """The split's table, and its train, test and validation cells on the device."""
    size = study.image.size
    cells = read_cells(Path("data/cells"), size)
    synthetic = read_cells(Path(f"data/synthetic/{protocol}/{balancer}"), size)
    path = Path(f"data/splits/{protocol}/{balancer}.csv")
    split = read_table(path)
    check_split(split, cells.table, synthetic.table, path)
    check_labels(split, study.classes, path)
    device = pick_device()
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


def shape_network(study: View) -> dict:
    """The arguments that build a network of this study."""
    return {
        "classes": len(study.classes),
        "size": study.image.size,
        "width": study.classifier.width,
        "dropout": study.classifier.dropout,
    }


def tabulate(rows: pd.DataFrame, logits: torch.Tensor, classes, trial: int):
    """Predictions of one part as a table: who, truth, predicted, probabilities."""
    table = rows[["part", "cell_id", "origin", "label"]].reset_index(drop=True)
    table.insert(0, "trial", trial)
    table["predicted"] = [classes[k] for k in logits.argmax(1).tolist()]
    chances = pd.DataFrame(
        logits.softmax(1).cpu().numpy(), columns=[f"p_{label}" for label in classes]
    )
    return pd.concat([table, chances], axis=1)


if __name__ == "__main__":
    run_stage(main)
