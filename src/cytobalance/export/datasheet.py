"""What the datasheet of an export says: what it holds, how it came, its limits."""

from typing import Any

import pandas as pd

from cytobalance.balance.hold_out import PARTS
from cytobalance.balance.settings import Recipe
from cytobalance.classify.ensemble import describe
from cytobalance.export.cell_set import ExportSet
from cytobalance.report.cards import WARNING, Chapter, write_card
from cytobalance.report.recipe_words import describe_recipe

PROTOCOLS = {
    "paper": "the papers' protocol: GANs and oversamplers saw every real cell; real "
    "and synthetic cells were pooled, then split image by image. Validation and test "
    "cells may be synthetic, or from a patient who is in training too, so scores on "
    "them do not hold for new cells.",
    "heldout": "real cells were dealt first, in whole groups (a patient, or copies of "
    "one cell). GANs and oversamplers saw training cells alone; validation and test "
    "cells are real.",
    "source_out": "the test cells are all from one source, which has no cell in "
    "training or validation. GANs and oversamplers saw training cells alone.",
}
FORMS = {
    "folders": "PART/CLASS/NAME.png: torchvision's ImageFolder reads each part. It "
    "numbers classes by the alphabet, which metadata.csv does not. A class that a part "
    "lacks is an empty folder, which it refuses without allow_empty.",
    "medmnist": "one .npz as MedMNIST's: train_images, train_labels, val_images, ... "
    "Beside them PART_synthetic says who is synthetic, PART_cell_ids which cell it is, "
    "classes what the labels mean.",
    "webdataset": "PART-NUMBER.tar, with .png, .cls (number of the class) and .json "
    "(its row of metadata.csv) of each cell, in a random order.",
}


def describe_cells(
    cells: ExportSet, recipe: Recipe, form: str, simulated: bool
) -> tuple[Chapter, ...]:
    """Chapters on an exported set, before those on the study that it is from.

    form: one of FORMS; simulated: whether its real cells are.
    """
    left = f"{cells.left:,} cells of the study take no part in this split."
    rows = [
        ("What it holds", f"{summarise(cells, simulated)} {left}"),
        ("Files", FORMS[form]),
        ("How cells were dealt", f"{cells.protocol}, {PROTOCOLS[cells.protocol]}"),
        (
            "Recipe",
            f"{cells.balancer}: {describe_recipe(recipe)}. The files hold its cells, "
            "and weight how often each is drawn in training; its loss and its random "
            "changes of views are not in the files.",
        ),
        ("Synthetic cells", _tell_synthetic(recipe) if cells.synthetic else "none"),
        (
            "Limits",
            "Cropped and resized: no scale in micrometres is kept. Columns subject, "
            "group and source_file stand as the source has them: make sure that they "
            "name no patient before you pass them on."
            + " Simulated cells say nothing about real ones."
            * simulated,
        ),
    ]
    sources = cells.table.loc[cells.table["source"] != "", "source"].value_counts()
    shares = [(name, f"{count:,}") for name, count in sources.sort_index().items()]
    return (
        Chapter("This exported set", rows, _count_classes(cells)),
        Chapter("Sources of this set", (), (("source", "real cells"), shares)),
    )


def summarise(cells: ExportSet, simulated: bool) -> str:
    """What an exported set holds, in a sentence.

    simulated: whether its real cells are.
    """
    real = int((cells.table["origin"] == "real").sum())
    return (
        f"{len(cells):,} images of one cell each: {real:,} "
        f"{'simulated' if simulated else 'real'} cells and {len(cells) - real:,} "
        f"synthetic ones, {cells.size} x {cells.size} pixels, RGB."
    )


def _tell_synthetic(recipe: Recipe) -> str:
    return (
        f"made by {recipe.maker} from cells of the study's sources, whose licences may "
        "extend to them. Their names begin with synthetic_, those of other cells with "
        "real_; metadata.csv has origin, maker and, of changed or mixed cells, parent. "
        "No finding on patients may rest on them."
    )


def _count_classes(cells: ExportSet) -> tuple[list[str], list[list[str]]]:
    """A row a class, with its index, and a column a part and origin that has cells."""
    table = cells.table
    counts = pd.crosstab(table["label"], [table["part"], table["origin"]])
    columns = [(part, origin) for part in PARTS for origin in ("real", "synthetic")]
    columns = [column for column in columns if column in counts]
    counts = counts.reindex(cells.classes, columns=columns, fill_value=0)
    rows = [
        [label, str(number), *(f"{count:,}" for count in counts.loc[label])]
        for number, label in enumerate(cells.classes)
    ]
    rows.append(["all", "", *(f"{count:,}" for count in counts.sum())])
    return ["class", "number", *(f"{p}, {origin}" for p, origin in columns)], rows


def describe_classifier(facts: dict[str, Any], scores: str, checked: str) -> str:
    """The datasheet of a classifier as ONNX, in Markdown.

    facts: of its metadata; scores: as of `find_scores`; checked: how it was.
    """
    size = facts["size"]
    simulated = any(i["origin"] == "simulated" for i in facts["inputs"].values())
    about = {
        "library_name": "onnx",
        "pipeline_tag": "image-classification",
        "tags": ["haematology", "cytobalance", *["simulated"] * simulated],
    }
    rows = [
        ("Kind", facts["kind"]),
        ("Trials", facts["trials"]),
        (
            "Input",
            f"images: uint8 [N, {size}, {size}, 3], RGB in 0..255. Scaling and "
            "resizing are in the graph.",
        ),
        (
            "Output",
            "probabilities: float32 [N, C], a column a class as below, scaled by the "
            f"temperature {facts['temperature']:g}",
        ),
        (
            "How an image becomes an input",
            "as tools/predict.py does it: crop by the source that the image is like, "
            f"then shrink to {size} pixels a side, each pixel the mean of its area",
        ),
        *((f"Crop, {k}", describe(item)) for k, item in facts["inputs"].items()),
        ("Scores", scores),
        ("Checked when written", checked),
        ("Licence", "see the study's model card (plots/cards)"),
        (
            "Limits",
            "Other stains, microscopes and cameras than those of training were not "
            "tested. It names a class for any image, also one without a cell."
            + " It was trained on simulated cells."
            * simulated,
        ),
    ]
    columns = [(str(k), label) for k, label in enumerate(facts["classes"])]
    chapter = Chapter("This exported model", rows, (("column", "class"), columns))
    lead = f"The same facts are in the file's metadata. {WARNING}"
    return write_card(about, f"Classifier {facts['key']} as ONNX", lead, (chapter,))
