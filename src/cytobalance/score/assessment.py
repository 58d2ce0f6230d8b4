"""All that is told of one GAN: overall, class by class, and what could not be told."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.metrics import precision_recall_fscore_support

from cytobalance.score.distributions import (
    DISTANCES,
    LEAST_CELLS,
    compare_distributions,
    inception_score,
)
from cytobalance.score.features import (
    View,
    WeightsMissingError,
    load_inception,
    load_lpips,
    perceptual_distances,
    view_by_classifier,
    view_by_inception,
)
from cytobalance.score.fidelity import (
    Selection,
    measure_likeness,
    nearest_cells,
    oriented_cells,
)
from cytobalance.score.memorisation import LEAST_HELD_OUT, LEVEL, memorised_share

PAIRED = ("psnr", "ssim", "l1", "l2", "lpips")
LABELLED = ("label_precision", "label_recall", "label_f1")
WHAT_IS_COMPARED = (
    "overall distances and IS take `compared_cells` of each class and kind, as many as "
    "there are of the scarcest kind, since the classes' proportions differ by intent; "
    "`floor` puts as many held-out real cells of the same classes in the place of the "
    "synthetic ones: what a perfect GAN comes near to. Classes without synthetic "
    "cells are in neither"
)


@dataclass(frozen=True)
class ClassCells:
    """Cells of one class, uint8 [., S, S, 3] each.

    training: all that the GAN saw; real: those of them that are compared with the
    others; held_out: real cells it never saw, none where it saw all.
    """

    training: np.ndarray | Selection
    real: np.ndarray
    synthetic: np.ndarray
    held_out: np.ndarray


def assess_gan(
    cells: dict[str, ClassCells],
    classifier: torch.nn.Module,
    features: str,
    device: torch.device,
) -> dict[str, Any]:
    """Scores of a GAN's cells: keys overall, classes, notes; numbers or None.

    cells: by class, in class order. classifier: trained on real training cells alone.
    features: `cells` (that classifier's) or `inception`. Every None has a note.
    """
    notes = [WHAT_IS_COMPARED]
    labels = list(cells)
    told = {c: view_by_classifier(classifier, cells[c].synthetic) for c in labels}
    views = _view_all(cells, classifier, features, device, notes)
    classes = _count(cells)
    overall: dict[str, Any] = {
        name: sum(counts[name] for counts in classes.values())
        for name in classes[labels[0]]
    }

    overall |= _compare_overall(views, classes, "synthetic")
    for label in labels:
        found = dict.fromkeys(DISTANCES)
        if views:
            view = views[label]
            found = compare_distributions(
                view["real"].features, view["synthetic"].features
            )
        classes[label] |= found
    _score_labels(told, labels, overall, classes)
    _score_pairs(cells, features, device, overall, classes, notes)
    _score_copies(cells, device, overall, classes, notes)
    floor = views if overall["held_out_cells"] else {}
    overall["floor"] = _compare_overall(floor, classes, "held_out")
    if not overall["held_out_cells"]:
        notes.append("floor: null, since the GAN saw all real cells of this protocol")
    if views:
        _note_missing(classes, notes)
    return {"overall": overall, "classes": classes, "notes": notes}


def _view_all(cells, classifier, features, device, notes) -> dict[str, dict[str, View]]:
    """Views of every kind of cell of every class; empty where weights are missing."""

    def view(images):
        return view_by_classifier(classifier, images)

    if features == "cells":
        notes.append(
            "features: the last block of our classifier, trained on real training "
            "cells only, averaged over the image; distances, IS included, can't be "
            "compared with those of Inception's features"
        )
    else:
        try:
            inception = load_inception().to(device)
        except WeightsMissingError as reason:
            notes.append(f"distances and IS: null; {reason}")
            return {}

        def view(images):
            return view_by_inception(inception, images)

    return {
        label: {
            kind: view(getattr(own, kind)) for kind in ("real", "synthetic", "held_out")
        }
        for label, own in cells.items()
    }


def _compare_overall(views, classes, kind: str) -> dict[str, float | None]:
    """Distances and IS of one kind of cells against the real ones, classes evened.

    All depend on the number of cells, so every kind is compared with the same.
    """
    found = dict.fromkeys((*DISTANCES, "is_mean", "is_sd"))
    if not views:
        return found
    real, other, logits = [], [], []
    for label, own in views.items():
        count = classes[label]["compared_cells"]
        real.append(own["real"].features[:count])
        other.append(own[kind].features[:count])
        logits.append(own[kind].logits[:count])
    real, other = np.concatenate(real), np.concatenate(other)
    found |= compare_distributions(real, other)
    if len(other) >= LEAST_CELLS:
        found["is_mean"], found["is_sd"] = inception_score(np.concatenate(logits))
    return found


def _score_labels(told: dict[str, View], labels, overall, classes) -> None:
    """Ask the classifier for the label each synthetic cell was made for (Table 6)."""
    wanted = np.concatenate([np.full(len(told[c]), k) for k, c in enumerate(labels)])
    said = np.concatenate([view.logits.argmax(1) for view in told.values()])
    made = np.unique(wanted)
    overall |= dict.fromkeys(("label_accuracy", *LABELLED))
    for label in labels:
        classes[label] |= dict.fromkeys(LABELLED)
    if not len(made):
        return
    scores = precision_recall_fscore_support(
        wanted, said, labels=made, zero_division=0.0
    )[:3]
    overall["label_accuracy"] = (wanted == said).mean()
    for name, values in zip(LABELLED, scores, strict=True):
        overall[name] = values.mean()
        for k, value in zip(made, values, strict=True):
            classes[labels[k]][name] = value


def _score_pairs(cells, features, device, overall, classes, notes) -> None:
    """Compare each synthetic cell with its nearest real cell of the class (Table 7)."""
    notes.append(
        "psnr, ssim, l1, l2, lpips: of each synthetic cell and the nearest (root mean "
        "square of pixels) of all real cells of its class that the GAN saw, turned and "
        "mirrored to meet it; l1 and l2 are mean absolute and mean squared difference "
        "in percent"
    )
    lpips = None
    if features == "cells":
        notes.append("lpips: null; assess.features is cells, which downloads nothing")
    else:
        try:
            lpips = load_lpips().to(device)
        except WeightsMissingError as reason:
            notes.append(f"lpips: null; {reason}")
    everyone = []
    for label, own in cells.items():
        classes[label] |= dict.fromkeys(PAIRED)
        if not len(own.synthetic) or not len(own.training):
            continue
        nearest = oriented_cells(
            own.training, nearest_cells(own.synthetic, own.training, 1, device)
        )
        found = measure_likeness(own.synthetic, nearest, device)
        if lpips is not None:
            found["lpips"] = perceptual_distances(lpips, own.synthetic, nearest)
        everyone.append(found)
        classes[label] |= {name: values.mean() for name, values in found.items()}
    overall |= dict.fromkeys(PAIRED)
    for name in everyone[0] if everyone else ():
        overall[name] = np.concatenate([found[name] for found in everyone]).mean()


def _score_copies(cells, device, overall, classes, notes) -> None:
    """Share of synthetic cells that copy a training cell; overall by their number."""
    notes.append(
        f"memorised: share of synthetic cells whose nearest training cell is nearer, "
        f"against the second nearest, than it is for {LEVEL:.0%} of held-out real "
        f"cells of the class (root mean square of pixels; all training cells are "
        f"searched, turned by quarters and mirrored too); about {LEVEL} is chance; "
        f"null below {LEAST_HELD_OUT} held-out cells"
    )
    total = copied = 0
    for label, own in cells.items():
        share = memorised_share(own.synthetic, own.training, own.held_out, device)
        classes[label]["memorised"] = share
        if share is not None:
            total += len(own.synthetic)
            copied += share * len(own.synthetic)
    overall["memorised"] = copied / total if total else None
    if not any(len(own.held_out) for own in cells.values()):
        notes.append("memorised: null, since the GAN saw all real cells")


def _note_missing(classes: dict[str, dict], notes: list[str]) -> None:
    for name, reason in (
        ("kid_mean", f"all distances: null below {LEAST_CELLS} cells"),
        ("fid", "fid: null with no more cells than features"),
    ):
        missing = [label for label, found in classes.items() if found[name] is None]
        if missing:
            notes.append(f"{reason}: {', '.join(missing)}")


def _count(cells: dict[str, ClassCells]) -> dict[str, dict[str, Any]]:
    """Cells of each class and kind, and as how many each kind is compared overall."""
    known = any(len(own.held_out) for own in cells.values())
    kinds = ("real", "synthetic", "held_out") if known else ("real", "synthetic")
    return {
        label: {
            "training_cells": len(own.training),
            "real_cells": len(own.real),
            "synthetic_cells": len(own.synthetic),
            "held_out_cells": len(own.held_out),
            "compared_cells": min(len(getattr(own, kind)) for kind in kinds),
        }
        for label, own in cells.items()
    }
