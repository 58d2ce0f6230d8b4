"""Stage `report`: the few numbers a reviewer reads, and one self-contained page."""

import io
from pathlib import Path

from PIL import Image

from cytobalance.draw.style import save_png
from cytobalance.report.charts import draw_gains, draw_optimism, draw_recall
from cytobalance.report.diagnostics import draw_confusion, draw_curves, draw_reliability
from cytobalance.report.findings import Findings, gather_findings, summarise
from cytobalance.report.gans import SHEETS as ENDS
from cytobalance.report.inputs import Material
from cytobalance.report.leftovers import remove_leftovers
from cytobalance.report.tables import CLASSIFIER_TABLES, TABLES
from cytobalance.report.whole_page import write_report
from cytobalance.study.cells import read_cells
from cytobalance.study.damage import damaged, reading
from cytobalance.study.metrics import read_metrics, write_metrics
from cytobalance.study.runtime import atomic_file, atomic_folder, run_stage
from cytobalance.study.stages import View, read_settings
from cytobalance.study.tables import read_table, write_table

CELLS = Path("data/cells")
HOLD_OUT = Path("data/hold_out.csv")
RECORDS = Path("metrics/classifiers")
GANS = Path("metrics/gan")
SHEETS = Path("plots/gan")
LOSSES = Path("plots/losses")
DATASET = Path("metrics/dataset.json")
SUMMARY = Path("metrics/summary.json")
PLOTS = Path("plots")
# What the page needs of other stages' metrics.
GAN = {"protocol": str, "overall": dict, "classes": dict, "notes": list}
CENSUS = {
    **dict.fromkeys(("files", "rejected", "class_by_source"), dict),
    **dict.fromkeys(("published_types", "types"), dict),
    **{"relabelled": int, "groups": int, "imbalance": float, "warnings": list},
}


def main() -> None:
    """Compare the balancers, draw the charts, write summary, tables and page."""
    study = read_settings("report")
    if gone := remove_leftovers(study, (RECORDS, GANS, SHEETS, LOSSES)):
        names = ", ".join(map(str, gone[:3])) + ", ..." * (len(gone) > 3)
        print(f"removed what another study left: {len(gone)} files ({names})")
    # All that is read comes first: damage ends the stage before anything is written.
    dataset = read_metrics(DATASET, CENSUS)
    gans = read_gans(study)
    sheets = read_sheets(gans)
    images = read_images()
    findings = gather_findings(study, read_table(HOLD_OUT))
    check_cells(findings, images)
    write_metrics(SUMMARY, summarise(findings))
    print(SUMMARY.read_text(encoding="utf-8"))
    write_tables(findings)
    material = Material(
        images=images,
        charts=draw_charts(findings),
        gans=gans,
        sheets=sheets,
        dataset=dataset,
    )
    with atomic_file(PLOTS / "report.html") as partial:
        partial.write_text(write_report(findings, material), encoding="utf-8")
    print(f"wrote {SUMMARY}, {PLOTS / 'report.html'}, {len(material.charts)} charts")


def check_cells(findings: Findings, images: dict) -> None:
    """Refuse records of cells that data/cells does not hold."""
    for key, record in findings.records.items():
        cells = [row[0] for row in record["hits"]["rows"]]
        if not images.keys() >= set(cells):
            path = RECORDS / f"{'-'.join(key)}.json"
            raise damaged(path, "names cells that data/cells does not hold")


def write_tables(findings: Findings) -> None:
    """Write the study's tables, and a folder a kind of table with one a classifier."""
    with atomic_folder(PLOTS / "tables") as folder:
        for name, make in TABLES.items():
            write_table(folder / f"{name}.csv", make(findings))
    for kind, make in CLASSIFIER_TABLES.items():
        with atomic_folder(PLOTS / kind) as folder:
            for key, record in findings.records.items():
                write_table(folder / f"{'-'.join(key)}.csv", make(record))


def draw_charts(findings: Findings) -> dict[str, bytes]:
    """Draw and save every chart that the study's protocols allow: name -> PNG."""
    study = findings.study
    classifier = study.classifiers[0]
    protocol = findings.protocol
    figures = {
        "recall_by_class": draw_recall(findings, protocol, classifier),
        "curves": draw_curves(findings, protocol, classifier),
        "reliability": draw_reliability(findings, protocol, classifier),
    }
    if protocol == "heldout":
        figures["gains"] = draw_gains(findings, classifier)
    if findings.optimism(classifier):
        figures["optimism"] = draw_optimism(findings, classifier)
    for name, record in findings.of(protocol, classifier).items():
        figures[f"confusion-{name}"] = draw_confusion(record, study.simulated)
    with atomic_folder(PLOTS / "figures") as folder:
        return {
            name: save_png(folder / f"{name}.png", figure)
            for name, figure in figures.items()
        }


def read_images() -> dict:
    """Cell id -> image, memory-mapped."""
    cells = read_cells(CELLS)
    return dict(zip(cells.table["cell_id"], cells.images, strict=True))


def read_sheets(gans: dict[str, dict]) -> dict[str, bytes]:
    """The sheets of GANs of these keys: name -> PNG, its checksums read to the end."""
    sheets = {}
    for name in (key + end for key in gans for end in ENDS):
        path = SHEETS / f"{name}.png"
        with reading(path):
            sheets[name] = path.read_bytes()
            with Image.open(io.BytesIO(sheets[name]), formats=["PNG"]) as picture:
                picture.verify()
    return sheets


def read_gans(study: View) -> dict[str, dict]:
    """Metrics of every GAN of the study: key -> metrics."""
    protocols = sorted(study.protocols)  # `heldout` first
    keys = [f"{p}-{g}" for g in study.gans for p in protocols]
    return {key: read_metrics(GANS / f"{key}.json", GAN) for key in keys}


if __name__ == "__main__":
    run_stage(main)
