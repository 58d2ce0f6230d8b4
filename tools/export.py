"""Write a trained classifier as ONNX, or the cells of a split in a common form."""

import argparse
import sys
from pathlib import Path

# A script sees the modules beside it; the library is beside the stages.
sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

import torch

from cytobalance.classify.ensemble import load_ensemble
from cytobalance.export.cell_set import ExportSet, gather_set
from cytobalance.export.datasheet import (
    FORMS,
    describe_cells,
    describe_classifier,
    summarise,
)
from cytobalance.export.formats import write_folders, write_medmnist, write_shards
from cytobalance.export.place import check_place, export_folder
from cytobalance.prediction.reference import read_reference
from cytobalance.prediction.statement import find_project, find_scores
from cytobalance.report.card_facts import CENSUS, gather_data
from cytobalance.report.datasheet import write_datasheet
from cytobalance.study import places
from cytobalance.study.metrics import read_metrics
from cytobalance.study.params import read_study
from cytobalance.study.runtime import run_stage
from cytobalance.study.stages import read_settings
from cytobalance.study.tables import write_table

DATASHEET = "datasheet.md"


def main() -> None:
    options = read_options()
    check_place(options.output)
    options.write(options)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    kinds = parser.add_subparsers(required=True)
    onnx = kinds.add_parser("onnx", help="a classifier as one ONNX file")
    onnx.set_defaults(write=export_classifier)
    onnx.add_argument("--model", required=True, type=Path, metavar="FOLDER")
    onnx.add_argument(
        "--trial", type=int, help="one trial, in place of the mean of all"
    )
    cells = kinds.add_parser("cells", help="the cells of a split of this study")
    cells.set_defaults(write=export_cells)
    cells.add_argument("--protocol", required=True)
    cells.add_argument("--balancer", required=True)
    cells.add_argument("--form", required=True, choices=FORMS)
    for kind in (onnx, cells):
        kind.add_argument(
            "--output",
            required=True,
            type=Path,
            metavar="FOLDER",
            help="new, or an earlier export; appears when it is whole",
        )
    return parser.parse_args()


def export_classifier(options: argparse.Namespace) -> None:
    """Write `classifier.onnx` and its datasheet, after it was checked."""
    from cytobalance.export import onnx_model  # slow to import

    trials, about = load_ensemble(options.model, torch.device("cpu"))
    temperature = 1.0  # of all trials together; one alone would need another
    if options.trial is None:
        reference = read_reference(
            *(options.model, len(about["classes"]), about["predictions"])
        )
        temperature = reference.temperature
    together = onnx_model.choose_trials(trials, options.trial, temperature)
    study, name = find_project(options.model), options.model.resolve().name
    facts = onnx_model.describe_model(
        *(name, trials, about, options.trial, temperature)
    )
    model = onnx_model.build_onnx(together, about["size"], facts)
    images, what = onnx_model.sample_images(study / places.CELLS, about["size"])
    difference = onnx_model.measure_parity(model, together, images)
    print(f"ONNX Runtime differs from PyTorch by at most {difference:.1g} on {what}")

    scores = "the study's scores are of all trials together, not of this one"
    if options.trial is None:
        _, scores = find_scores(study / places.scores(name), about)
        scores = scores.replace(f"{study}/", "")  # no path of this machine
    checked = f"ONNX Runtime and PyTorch agree to {onnx_model.TOLERANCE:g} on {what}"
    with export_folder(options.output) as out:
        (out / "classifier.onnx").write_bytes(model)
        sheet = describe_classifier(facts, scores, checked)
        (out / DATASHEET).write_text(sheet, encoding="utf-8")
    print(f"wrote {options.output}: classifier.onnx, {len(model):,} bytes")


def export_cells(options: argparse.Namespace) -> None:
    """Write the cells, `metadata.csv` with a row for each, and the datasheet."""
    study = read_study()
    cells = gather_set(study, options.protocol, options.balancer)
    facts = gather_data(read_settings("report"), read_metrics(places.DATASET, CENSUS))
    recipe = study.recipes[options.balancer]
    chapters = describe_cells(cells, recipe, options.form, study.simulated)
    with export_folder(options.output) as out:
        files = write_form(options.form, cells, out, study.study.seed)
        table = cells.table.copy()
        table.insert(0, "file", files)
        write_table(out / "metadata.csv", table)
        holds = summarise(cells, study.simulated)
        sheet = write_datasheet(facts, chapters, (len(cells), holds))
        (out / DATASHEET).write_text(sheet, encoding="utf-8")
    made = int((cells.table["origin"] == "synthetic").sum())
    print(
        f"wrote {options.output}: {len(cells)} cells, {made} of them synthetic; "
        f"{cells.left} cells of the study take no part in this split"
    )


def write_form(form: str, cells: ExportSet, folder: Path, seed: int) -> list[str]:
    """Write the cells in one of FORMS; the file of each."""
    if form == "folders":
        return write_folders(cells, folder)
    if form == "medmnist":
        return write_medmnist(cells, folder)
    return write_shards(cells, folder, seed)


if __name__ == "__main__":
    run_stage(main, alone=False)
