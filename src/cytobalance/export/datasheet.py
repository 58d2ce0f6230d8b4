"""The datasheet of an export, in Markdown: what it holds, how it came, its limits."""

from typing import Any

import pandas as pd

from cytobalance.balance.hold_out import PARTS
from cytobalance.classify.ensemble import describe
from cytobalance.export.cell_set import ExportSet
from cytobalance.report.recipe_words import describe_recipe
from cytobalance.sources.catalogue import find_public
from cytobalance.study.params import Study
from cytobalance.study.settings import Source

NOT_DIAGNOSIS = "Not for diagnosis: nothing here was validated for use on patients."
PROTOCOLS = {
    "paper": "The papers' protocol: GANs and oversamplers saw every real cell; real "
    "and synthetic cells were pooled, then split image by image. Validation and test "
    "cells may be synthetic, or from a patient who is in training too, so scores on "
    "them do not hold for new cells.",
    "heldout": "Real cells were dealt first, in whole groups (a patient, or copies of "
    "one cell). GANs and oversamplers saw training cells alone; validation and test "
    "cells are real.",
    "source_out": "The test cells are all from one source, which has no cell in "
    "training or validation. GANs and oversamplers saw training cells alone.",
}
FORMS = {
    "folders": "`<part>/<class>/<name>.png`: torchvision's `ImageFolder` reads each "
    "part. It numbers classes by the alphabet, which `metadata.csv` does not. A class "
    "that a part lacks is an empty folder, which it refuses without `allow_empty`.",
    "medmnist": "One `.npz` as MedMNIST's: `train_images`, `train_labels`, `val_...`, "
    "`test_...`. Beside them `<part>_synthetic` says who is synthetic, "
    "`<part>_cell_ids` which cell it is, `classes` what the labels mean.",
    "webdataset": "`<part>-<number>.tar`, with `.png`, `.cls` (the class's number) and "
    "`.json` (its row of `metadata.csv`) of each cell, in a random order.",
}


def describe_cells(cells: ExportSet, study: Study, form: str) -> str:
    """The datasheet of a cell set in one of FORMS."""
    real = int((cells.table["origin"] == "real").sum())
    made = len(cells) - real
    kind = "**simulated** smears, no patient's" if study.simulated else "blood smears"
    recipe = study.recipes[cells.balancer]
    blocks = [
        f"# Datasheet: cells of `{cells.balancer}` under `{cells.protocol}`",
        f"From the study: {' '.join(study.study.title.split())}.",
        "## What it holds",
        f"{len(cells):,} images of one cell each, {cells.size} x {cells.size} pixels, "
        f"RGB, 8 bits: {real:,} real cells from {kind}, and {made:,} synthetic ones. "
        f"{cells.left:,} cells of the study take no part in this split.",
        FORMS[form],
        _tabulate(_count_classes(cells)),
        "## Sources",
        _tabulate(_list_sources(cells, study.sources)),
        "Synthetic cells were made from cells of these sources, whose licences may "
        "extend to them." * bool(made),
        "## How it was made",
        f"Protocol `{cells.protocol}`. {PROTOCOLS[cells.protocol]}",
        f"Recipe `{cells.balancer}`: {describe_recipe(recipe)}. The files hold its "
        "cells, and `weight` how often each is drawn in training; its loss and its "
        "random changes of views are not in the files.",
        "## Synthetic cells" * bool(made),
        f"Made by `{recipe.maker}`. Their names begin with `synthetic_`, those of real "
        "cells with `real_`; `metadata.csv` has `origin`, `maker` and, of changed or "
        "mixed cells, `parent`." * bool(made),
        "## Limits",
        _list(
            [
                NOT_DIAGNOSIS,
                "Images were cropped and resized: no scale in micrometres is kept.",
                "`subject`, `group` and `source_file` stand as the source has them; "
                "make sure that they name no patient before you pass them on.",
                *["Simulated cells say nothing about real ones."] * study.simulated,
                *["No finding on patients may rest on synthetic cells."] * bool(made),
            ]
        ),
    ]
    return _join(blocks)


def _count_classes(cells: ExportSet) -> pd.DataFrame:
    """A row a class, with its index, and a column a part and origin that has cells."""
    table = cells.table
    counts = pd.crosstab(table["label"], [table["part"], table["origin"]])
    columns = [(part, origin) for part in PARTS for origin in ("real", "synthetic")]
    counts = counts.reindex(
        index=list(cells.classes),
        columns=[column for column in columns if column in counts],
        fill_value=0,
    )
    counts.columns = [f"{part}, {origin}" for part, origin in counts.columns]
    counts.loc["all"] = counts.sum()
    numbers = [*map(str, range(len(cells.classes))), ""]
    counts.insert(0, "number", numbers)
    return counts.rename_axis("class").reset_index()


def _list_sources(cells: ExportSet, sources: dict[str, Source]) -> pd.DataFrame:
    """A row a source with its real cells here, its licence and whom to cite."""
    counts = cells.table["source"].value_counts()
    rows = []
    for name, source in sources.items():
        public = find_public(source.archive) if source.archive else None
        if source.origin == "simulated":
            about = (source.licence or "none: simulated", "this project's simulator")
        elif public:
            about = (source.licence or public.licence, public.citation)
        else:
            about = (source.licence or "not given: ask who keeps it", "not given")
        rows.append((name, counts.get(name, 0), source.origin, *about))
    return pd.DataFrame(rows, columns=["source", "cells", "origin", "licence", "cite"])


def describe_classifier(facts: dict[str, Any], scores: str, checked: str) -> str:
    """The datasheet of a classifier as ONNX.

    facts: of its metadata; scores: as of `describe_scores`; checked: how it was.
    """
    size = facts["size"]
    inputs = facts["inputs"].items()
    simulated = any(item["origin"] == "simulated" for _, item in inputs)
    classes = pd.DataFrame(enumerate(facts["classes"]), columns=["column", "class"])
    blocks = [
        f"# Datasheet: classifier `{facts['key']}` as ONNX",
        f"Kind `{facts['kind']}`; trials: {facts['trials']}. The same facts are in the "
        "file's metadata.",
        "## Input and output",
        f"`images`: uint8 [N, {size}, {size}, 3], RGB in 0..255. Scaling and resizing "
        "are in the graph. `probabilities`: float32 [N, C], in this order:",
        _tabulate(classes),
        "## How an image becomes an input",
        "As `tools/predict.py` does it: crop as below, by the source that the image is "
        f"like, then shrink to {size} pixels a side, each pixel the mean of its area.",
        _list([f"`{name}`: {describe(item)}" for name, item in inputs]),
        "## Scores",
        scores[0].upper() + scores[1:] + ".",
        f"Checked when written: {checked}.",
        "## Limits",
        _list(
            [
                NOT_DIAGNOSIS,
                "Other stains, microscopes and cameras than those of training were not "
                "tested. It names a class for any image, also one without a cell.",
                *["It was trained on simulated cells."] * simulated,
            ]
        ),
    ]
    return _join(blocks)


def _join(blocks: list[str]) -> str:
    return "\n\n".join(filter(None, blocks)) + "\n"


def _list(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _tabulate(table: pd.DataFrame) -> str:
    rows = [list(table.columns), ["---"] * len(table.columns), *table.values.tolist()]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)
