"""Stage `assess`: fidelity, diversity, labels and memorisation of one GAN's cells."""

from pathlib import Path

import numpy as np

from cytobalance.balance.hold_out import visible_cells
from cytobalance.cells import CellSet, read_cells, read_table
from cytobalance.classify.networks import load_network
from cytobalance.config import Study, read_study
from cytobalance.devices import make_deterministic, pick_device
from cytobalance.draw.sheet import draw_gan_sheet
from cytobalance.metrics import write_metrics
from cytobalance.options import read_item
from cytobalance.runtime import random_stream, run_stage
from cytobalance.score.assessment import ClassCells, assess_gan
from cytobalance.score.fidelity import Selection


def main() -> None:
    """Score the GAN's cells against those it saw; draw both side by side."""
    study = read_study()
    options = read_item(study, "protocol", "gan")
    protocol, gan = options.protocol, options.gan
    make_deterministic()
    device = pick_device()

    cells = read_cells(Path("data/cells"))
    hold_out = read_table(Path("data/hold_out.csv"))
    synthetic = read_cells(Path(f"data/synthetic/{protocol}/{gan}"))
    seen = visible_cells(cells.table, hold_out, protocol)
    unseen = np.flatnonzero(hold_out["part"].isin(["test", "validation"]))
    if protocol == "paper":  # the GAN saw test and validation cells too
        unseen = unseen[:0]

    drawn = {
        label: ClassCells(
            Selection(cells.images, rows_of(cells, seen, label)),
            draw_cells(cells, seen, label, study, "real"),
            draw_cells(synthetic, np.arange(len(synthetic)), label, study, "synthetic"),
            draw_cells(cells, unseen, label, study, "held_out"),
        )
        for label in study.classes
    }
    model = Path(f"models/classifiers/{protocol}-plain-sequential_cnn/trial_0.pt")
    classifier, _ = load_network(model, device)
    scores = assess_gan(drawn, classifier, study.assess.features, device)

    output = Path(f"metrics/gan/{protocol}-{gan}.json")
    head = {"protocol": protocol, "gan": gan, "features": study.assess.features}
    write_metrics(output, {**head, "simulated": study.simulated, **scores})
    sheet = Path(f"plots/gan/{protocol}-{gan}.png")
    draw_gan_sheet(
        {label: own.real for label, own in drawn.items()},
        {label: own.synthetic for label, own in drawn.items()},
        sheet,
        f"{study.study.title}: {gan}, protocol {protocol}",
        {
            label: (
                int((cells.table["label"].to_numpy()[seen] == label).sum()),
                int((synthetic.table["label"] == label).sum()),
            )
            for label in study.classes
        },
        study.simulated,
    )
    print_scores(scores)
    print(f"wrote {output} and {sheet}")


def draw_cells(
    cells: CellSet, rows: np.ndarray, label: str, study: Study, kind: str
) -> np.ndarray:
    """Up to assess.cells images of a class among `rows`, drawn at random."""
    own = rows_of(cells, rows, label)
    stream = random_stream(study.study.seed, "assess", kind, label)
    return cells.images[stream.permutation(own)[: study.assess.cells]]


def rows_of(cells: CellSet, rows: np.ndarray, label: str) -> np.ndarray:
    """Those of `rows` that hold cells of a class."""
    return rows[(cells.table["label"].to_numpy(str) == label)[rows]]


def print_scores(scores: dict) -> None:
    """Overall scores, one a line, and every note."""
    for name, value in scores["overall"].items():
        print(f"{name:16} {'-' if value is None else value}")
    for note in scores["notes"]:
        print(f"note: {note}")


if __name__ == "__main__":
    run_stage(main)
