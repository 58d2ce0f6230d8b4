"""Stage `assess`: measure the cells of one GAN."""

from cytobalance.assess.assessment import assess_gan
from cytobalance.assess.features import use_weights
from cytobalance.assess.memorisation import pick_cells, search_copies
from cytobalance.assess.picks import write_picks
from cytobalance.assess.selection import select_cells
from cytobalance.assess.teaching import prepare_lesson, score_teaching
from cytobalance.assess.training_log import thin_losses
from cytobalance.classify.classifier import load_classifier
from cytobalance.study import places
from cytobalance.study.cells import read_cells
from cytobalance.study.devices import make_deterministic, pick_device
from cytobalance.study.metrics import write_metrics
from cytobalance.study.options import read_item
from cytobalance.study.runtime import atomic_folder, derive_seed, run_stage
from cytobalance.study.stages import read_settings
from cytobalance.study.tables import check_labels, read_table, write_table


def main() -> None:
    """Score the GAN's cells against those it saw; pick cells to draw; keep losses."""
    study = read_settings("assess")
    options = read_item("protocol", "gan")
    protocol, gan = options.protocol, options.gan
    key = places.key(protocol, gan)
    make_deterministic()
    use_weights(study.assess.weights)
    device = pick_device()

    trained = places.gan(protocol, gan)
    losses = read_table(trained / "losses.csv")
    cells = read_cells(places.CELLS, study.image.size)
    hold_out = read_table(places.deal(protocol))
    made = places.synthetic(protocol, gan)
    synthetic = read_cells(made, study.image.size)
    check_labels(cells.table, study.classes, places.CELL_TABLE)
    check_labels(synthetic.table, study.classes, made / "cells.csv")

    drawn = select_cells(cells, hold_out, synthetic, protocol, study)
    searches = {
        label: search_copies(sample.synthetic, sample.training, sample.held_out, device)
        for label, sample in drawn.items()
    }
    model = places.classifier(places.key(protocol, "plain", study.assess.classifier))
    plain, _ = load_classifier(model / "trial_0.pt", device)
    scores = assess_gan(drawn, searches, plain, study.assess.features, device)
    taught = score_teaching(
        prepare_lesson(cells, hold_out, synthetic, study.classes, device),
        study.classes,
        study.assess_settings,
        seed=derive_seed(study.study.seed, "assess", "tstr"),
        leaked=protocol == "paper",
    )
    scores = join_scores(scores, taught)
    head = {"protocol": protocol, "gan": gan, "features": study.assess.features}
    head["simulated"] = study.simulated
    write_metrics(places.gan_metrics(key), head | scores)
    write_table(places.gan_losses(key), thin_losses(losses))
    print_scores(scores)

    counts = synthetic.table["label"].value_counts()
    output = places.picks(protocol, gan)
    with atomic_folder(output) as folder:
        write_picks(
            folder,
            {
                label: pick_cells(sample, searches[label], int(counts.get(label, 0)))
                for label, sample in drawn.items()
            },
        )
    print(f"wrote {places.gan_metrics(key)}, {places.gan_losses(key)}, {output}")


def join_scores(scores: dict, more: dict) -> dict:
    """Two sets of scores with the keys overall, classes and notes as one."""
    return {
        "overall": scores["overall"] | more["overall"],
        "classes": {
            c: first | more["classes"][c] for c, first in scores["classes"].items()
        },
        "notes": scores["notes"] + more["notes"],
    }


def print_scores(scores: dict) -> None:
    """Overall scores, one a line, and every note."""
    for name, value in scores["overall"].items():
        print(f"{name:22} {'-' if value is None else value}")
    for note in scores["notes"]:
        print(f"note: {note}")


if __name__ == "__main__":
    run_stage(main)
