"""Stage `explain`: the cells behind one classifier's counts, and where it looked."""

from cytobalance.classify.cells import check_split
from cytobalance.classify.classifier import load_classifier
from cytobalance.evaluate.doubt import fit_together, scaled
from cytobalance.evaluate.predictions import Predictions, read_predictions
from cytobalance.explain.explanation import explain_classifier
from cytobalance.study import places
from cytobalance.study.cells import read_cells
from cytobalance.study.devices import make_deterministic, pick_device
from cytobalance.study.metrics import write_metrics
from cytobalance.study.options import read_item
from cytobalance.study.runtime import random_stream, run_stage
from cytobalance.study.stages import read_settings
from cytobalance.study.tables import read_table


def main() -> None:
    """Choose test cells of each count; find their neighbours and where it looked."""
    options = read_item("protocol", "balancer", "classifier")
    protocol, balancer = options.protocol, options.balancer
    pair = places.key(balancer, options.classifier)
    study = read_settings("explain", pair)
    key = places.key(protocol, pair)
    make_deterministic()

    device = pick_device()
    maker = study.recipes[balancer].maker
    sets = {
        "real": read_cells(places.CELLS),
        "synthetic": read_cells(places.synthetic(protocol, maker)),
    }
    path = places.split(protocol, balancer)
    split = read_table(path)
    check_split(split, sets["real"].table, sets["synthetic"].table, path)
    about = sets["real"].table
    groups = dict(zip(about["cell_id"], about["group"], strict=True))
    test, checked = (
        read_predictions(places.predictions(key), part, study.classes, groups)
        for part in ("test", "validation")
    )
    folder = places.classifier(key)
    trials = [
        load_classifier(folder / f"trial_{trial}.pt", device)[0]
        for trial in range(len(test.predicted))
    ]
    test = together(test, checked)
    # One stream for all classifiers, which then show the same cells where they can.
    stream = random_stream(study.study.seed, "explain")
    record = explain_classifier(test, trials, split, sets, device, stream)
    head = {"protocol": protocol, "balancer": balancer}
    head |= {"classifier": options.classifier, "trials": len(trials)}
    write_metrics(places.explained(key), head | record)

    rows, reason = record["cells"]["rows"], record["looks"]["reason"]
    misses = sum(row[2] != row[3] for row in rows)
    print(
        f"{key}: {len(rows)} of {len(test)} test cells, {misses} of "
        f"{int((~test.right).sum())} misses; neighbours by {record['space']}; "
        + (f"no Grad-CAM: {reason}" if reason else "Grad-CAM of each")
    )
    print(f"wrote {places.explained(key)}")


def together(test: Predictions, validation: Predictions) -> Predictions:
    """All trials as one classifier, with the probabilities that `predict` gives."""
    return scaled(test.ensemble, fit_together(validation))


if __name__ == "__main__":
    run_stage(main)
