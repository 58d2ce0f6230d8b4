"""All scores of one GAN, overall and class by class, with a note on each null."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from cytobalance.assess.artefacts import average_artefacts, measure_artefacts
from cytobalance.assess.distributions import (
    DISTANCES,
    LEAST_CELLS,
    compare_distributions,
    inception_score,
)
from cytobalance.assess.features import (
    View,
    WeightsMissingError,
    join_views,
    load_imagenet,
    load_inception,
    load_lpips,
    perceptual_distances,
    view_by_classifier,
    view_by_imagenet,
    view_by_inception,
)
from cytobalance.assess.likeness import measure_likeness, oriented_cells
from cytobalance.assess.memorisation import CopySearch
from cytobalance.assess.notes import (
    ARTEFACT,
    CLASS_INCEPTION_SCORE,
    COMPARED,
    COPIES,
    FEATURES,
    INCEPTION_SCORES,
    LABELLED,
    LABELS,
    MEMORISED,
    PAIRED,
    PAIRS,
    SAW_ALL,
    note_missing,
)
from cytobalance.assess.selection import ClassCells
from cytobalance.classify.classifier import Classifier
from cytobalance.evaluate.classification import (
    count_confusion,
    mean_of_defined,
    score_classes,
)


def assess_gan(
    cells: dict[str, ClassCells],
    searches: dict[str, CopySearch | None],
    classifier: Classifier,
    features: str,
    device: torch.device,
) -> dict[str, Any]:
    """Scores of a GAN's cells: keys overall, classes, notes; numbers or None.

    cells: by class, in class order; searches: of `search_copies` in them. classifier:
    trained on real training cells alone. features: `cells` (that classifier's),
    `imagenet` or `inception`. Every None has a note.
    """
    notes = [COMPARED]
    labels = list(cells)
    views = _view_all(cells, classifier, features, device, notes)
    judged = {
        label: views[label]["synthetic"]
        if features == "cells"
        else view_by_classifier(classifier, sample.synthetic)
        for label, sample in cells.items()
    }
    classes = _count(cells)
    overall: dict[str, Any] = {
        name: sum(counts[name] for counts in classes.values())
        for name in classes[labels[0]]
    }

    overall |= _compare_overall(views, classes, "synthetic")
    for label in labels:
        view = views.get(label)
        classes[label] |= _compare(view and view["real"], view and view["synthetic"])
    notes.append(LABELS)
    _score_labels(judged, labels, overall, classes)
    _score_pairs(cells, searches, features, device, overall, classes, notes)
    _score_copies(searches, overall, classes, notes)
    floor = views if overall["held_out_cells"] else {}
    overall["floor"] = _compare_overall(floor, classes, "held_out")
    _score_artefacts(cells, views, overall, classes, notes)
    if not overall["held_out_cells"]:
        notes.append(SAW_ALL)
    notes += note_missing(overall, classes, bool(views))
    return {"overall": overall, "classes": classes, "notes": notes}


def _view_all(cells, classifier, features, device, notes) -> dict[str, dict[str, View]]:
    """Views of every kind of cell of every class; empty where weights are missing."""

    try:
        view = _choose_view(classifier, features, device)
    except WeightsMissingError as reason:
        names = ", ".join((*DISTANCES, *INCEPTION_SCORES, "spread"))
        notes.append(f"{names}: null; {reason}")
        return {}
    notes += [FEATURES[features], CLASS_INCEPTION_SCORE]
    return {
        label: {
            kind: view(getattr(sample, kind))
            for kind in ("real", "synthetic", "held_out")
        }
        for label, sample in cells.items()
    }


def _choose_view(classifier, features, device) -> Callable[[np.ndarray], View]:
    """How images are seen: by our classifier, or by a network trained on others."""
    if features == "cells":
        return partial(view_by_classifier, classifier)
    if features == "imagenet":
        return partial(view_by_imagenet, load_imagenet().to(device))
    return partial(view_by_inception, load_inception().to(device))


def _compare_overall(views, classes, kind: str) -> dict[str, float | None]:
    """Distances and IS of one kind of cells against the real ones, classes evened.

    All depend on the number of cells, so every kind is compared with the same.
    """
    if not views:
        return _compare(None, None)
    parts = {"real": [], kind: []}
    for label, views_of_class in views.items():
        for name, part in parts.items():
            part.append(views_of_class[name][: classes[label]["compared_cells"]])
    return _compare(join_views(parts["real"]), join_views(parts[kind]))


def _compare(real: View | None, other: View | None) -> dict[str, float | None]:
    """Distances of two kinds of cells, and IS of the other; what can't be: None."""
    measures = dict.fromkeys((*DISTANCES, *INCEPTION_SCORES))
    if real is None or other is None:
        return measures
    measures |= compare_distributions(real.features, other.features)
    if len(other) >= LEAST_CELLS:
        measures["is_mean"], measures["is_sd"] = inception_score(other.logits)
    return measures


def _score_labels(judged: dict[str, View], labels, overall, classes) -> None:
    """Ask the classifier for the label each synthetic cell was made for (Table 6)."""
    wanted = np.concatenate([np.full(len(judged[c]), k) for k, c in enumerate(labels)])
    predicted = np.concatenate([view.logits.argmax(1) for view in judged.values()])
    if not len(wanted):
        overall |= dict.fromkeys(("label_accuracy", *LABELLED))
        for label in labels:
            classes[label] |= dict.fromkeys(LABELLED)
        return
    overall["label_accuracy"] = (wanted == predicted).mean()
    scores = score_classes(count_confusion(wanted, predicted, len(labels)))
    for name in LABELLED:
        values = scores[name.removeprefix("label_")]
        overall[name] = mean_of_defined(values)
        for label, value in zip(labels, values, strict=True):
            classes[label][name] = value if np.isfinite(value) else None


def _score_pairs(cells, searches, features, device, overall, classes, notes) -> None:
    """Compare each synthetic cell with its nearest real cell of the class (Table 7)."""
    notes.append(PAIRS)
    lpips = None
    if features != "inception":
        notes.append(
            f"lpips: null; assess.features is {features}, which downloads nothing"
        )
    else:
        try:
            lpips = load_lpips().to(device)
        except WeightsMissingError as reason:
            notes.append(f"lpips: null; {reason}")
    everyone = []
    for label, sample in cells.items():
        classes[label] |= dict.fromkeys(PAIRED)
        if searches[label] is None:
            continue
        nearest = oriented_cells(sample.training, searches[label].synthetic)
        likeness = measure_likeness(sample.synthetic, nearest, device)
        if lpips is not None:
            likeness["lpips"] = perceptual_distances(lpips, sample.synthetic, nearest)
        everyone.append(likeness)
        classes[label] |= {name: values.mean() for name, values in likeness.items()}
    overall |= dict.fromkeys(PAIRED)
    for name in everyone[0] if everyone else ():
        overall[name] = np.concatenate([likeness[name] for likeness in everyone]).mean()


def _score_copies(searches, overall, classes, notes) -> None:
    """Share of synthetic cells that copy a training cell; overall by their number."""
    notes.append(MEMORISED)
    total = copied = 0
    for label, search in searches.items():
        scores = classes[label]
        scores |= dict.fromkeys(COPIES)
        if search is None or search.level is None:
            continue
        scores |= {"memorised": search.share, "copy_level": search.level}
        total += scores["synthetic_cells"]
        copied += search.share * scores["synthetic_cells"]
    overall["memorised"] = copied / total if total else None


def _score_artefacts(cells, views, overall, classes, notes) -> None:
    """Spread within a class and energy of the upsampling grid; both for the floor."""
    notes.append(ARTEFACT)
    floor = []
    for label, sample in cells.items():
        view = views.get(label)
        classes[label] |= measure_artefacts(sample, view, "synthetic")
        if len(sample.synthetic):  # the same classes as the GAN's
            floor.append(measure_artefacts(sample, view, "held_out"))
    overall |= average_artefacts(list(classes.values()))
    overall["floor"] |= average_artefacts(floor)


def _count(cells: dict[str, ClassCells]) -> dict[str, dict[str, Any]]:
    """Cells of each class and kind, and as how many each kind is compared overall."""
    compared = ("real", "synthetic")
    if any(len(sample.held_out) for sample in cells.values()):
        compared += ("held_out",)
    return {
        label: {
            "training_cells": len(sample.training),
            "real_cells": len(sample.real),
            "synthetic_cells": len(sample.synthetic),
            "held_out_cells": len(sample.held_out),
            "compared_cells": min(len(getattr(sample, kind)) for kind in compared),
        }
        for label, sample in cells.items()
    }
