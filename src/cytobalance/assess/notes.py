"""Notes on the numbers in metrics/gan: what each is, and why one is missing."""

from typing import Any

from cytobalance.assess.artefacts import ARTEFACTS, LEAST_SPREAD
from cytobalance.assess.distributions import CELLS_OF_PART, DISTANCES, LEAST_CELLS
from cytobalance.assess.memorisation import LEAST_HELD_OUT, LEAST_TRAINING, LEVEL

INCEPTION_SCORES = ("is_mean", "is_sd")
PAIRED = ("psnr", "ssim", "l1", "l2", "lpips")
LABELLED = ("label_precision", "label_recall", "label_f1")
COPIES = ("memorised", "copy_level")

COMPARED = (
    "overall distances and IS take `compared_cells` of each class and kind, as many as "
    "there are of the scarcest kind, since the classes' proportions differ by intent; "
    "`floor` puts as many held-out real cells of the same classes in the place of the "
    "synthetic ones: what a perfect GAN comes near to. Classes without synthetic "
    "cells are in neither"
)
FEATURES = {
    "cells": (
        "features: the last block of our classifier, trained on real training cells "
        "only, averaged over the image; distances, IS included, can't be compared with "
        "those of other features"
    ),
    "imagenet": (
        "features: EfficientNet-Lite0's, trained on ImageNet, of cells brought to 96 "
        "pixels; distances, IS included, can't be compared with those of Inception's "
        "features, though IS and FID are named after them"
    ),
    "inception": "features: those of Inception, as FID and IS were published with",
}
CLASS_INCEPTION_SCORE = (
    "is_mean, is_sd of one class: 1 where the network says the same of all its cells. "
    "With our classifier that is what right labels give, so more is a fault; with "
    "Inception or EfficientNet-Lite0 it is variety, so more is better"
)
ARTEFACT = (
    "spread: mean distance of two synthetic cells of a class in the features, over "
    "that of two real ones; near 0 they are all alike. grid: power at the frequencies "
    "of the grid that upsampling layers leave, over that around them, against the same "
    "of real cells; above 1 there is a grid. Overall both are means over classes"
)
LABELS = (
    "label_precision, label_recall, label_f1: whether our classifier names each "
    "synthetic cell as the class that it was made for; overall they are means over the "
    "classes with synthetic cells, label_accuracy is the share of all cells"
)
PAIRS = (
    "psnr, ssim, l1, l2, lpips: of each synthetic cell and the nearest (root mean "
    "square of pixels) of all real cells of its class that the GAN saw, turned and "
    "mirrored to meet it; l1 and l2 are mean absolute and mean squared difference in "
    "percent"
)
MEMORISED = (
    f"memorised: share of synthetic cells whose nearest training cell is nearer, "
    f"against the second nearest, than it is for {LEVEL:.0%} of held-out real cells of "
    f"the class (copy_level; root mean square of pixels; all training cells are "
    f"searched, turned by quarters and mirrored too); about {LEVEL} is chance; overall "
    "the share of the cells of those classes that have a level"
)
SAW_ALL = (
    "floor, memorised, copy_level: null, since under this protocol the GAN saw test "
    "and validation cells too"
)


def note_missing(
    overall: dict[str, Any], classes: dict[str, dict[str, Any]], viewed: bool
) -> list[str]:
    """The classes, `overall` or `floor`, of which a number is null, with the reason.

    viewed: whether there are features to measure distances and IS in.
    """
    reasons: dict[tuple[str, ...], str] = {
        (*LABELLED, "label_accuracy", *PAIRED): "without synthetic cells"
    }
    reasons[ARTEFACTS[1:]] = "without synthetic cells"
    if viewed:
        reasons[ARTEFACTS[:1]] = f"below {LEAST_SPREAD} real or synthetic cells"
        few = f"below {LEAST_CELLS} real or synthetic cells"
        reasons[DISTANCES[1:]] = few
        reasons[INCEPTION_SCORES[:1]] = f"below {LEAST_CELLS} cells to score"
        reasons[INCEPTION_SCORES[1:]] = (
            f"below {2 * CELLS_OF_PART} cells to score for each class that the network "
            "knows, which make one part and no deviation"
        )
        reasons[DISTANCES[:1]] = f"with no more cells than features, or {few}"
    places = {"overall": overall, **classes}
    if overall["held_out_cells"]:
        reasons[COPIES] = (
            f"without synthetic cells, or below {LEAST_HELD_OUT} held-out or "
            f"{LEAST_TRAINING} training cells"
        )
        places["floor"] = overall["floor"]
    notes = []
    for names, reason in reasons.items():
        missing = [
            label for label, scores in places.items() if scores.get(names[0], 0) is None
        ]
        if missing:
            notes.append(f"{', '.join(names)}: null {reason}: {', '.join(missing)}")
    return notes
