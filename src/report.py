"""Stage `report`: the few numbers a reviewer reads, and one self-contained page."""

import io
import itertools
from collections.abc import Iterable

from matplotlib.figure import Figure
from PIL import Image

from cytobalance.draw.style import save_png
from cytobalance.report.blocks import compress_picture
from cytobalance.report.card_facts import (
    CENSUS,
    DataFacts,
    gather_data,
    list_versions,
)
from cytobalance.report.checklist import Checklist, write_checklist
from cytobalance.report.claims import GainLine, list_gains, list_gan_gains
from cytobalance.report.classifier_charts import (
    draw_confusion,
    draw_curves,
    draw_reliability,
)
from cytobalance.report.comparison_charts import draw_gains, draw_optimism, draw_recall
from cytobalance.report.csv_tables import CLASSIFIER_TABLES, TABLES
from cytobalance.report.datasheet import write_datasheet
from cytobalance.report.explained import read_explained
from cytobalance.report.gans import SHEETS, gather_gans
from cytobalance.report.leftovers import remove_leftovers
from cytobalance.report.model_card import choose_models, write_model_card
from cytobalance.report.page import compose_page
from cytobalance.report.published_tables import Beside, pair_tables, table_published
from cytobalance.report.ranking_charts import draw_blasts, draw_ranking
from cytobalance.report.records import select_records
from cytobalance.report.rendering import render
from cytobalance.report.results import Results, gather_results
from cytobalance.report.run_metrics import list_runs
from cytobalance.report.score_charts import draw_accuracy, draw_class_scores
from cytobalance.report.source_out_tables import gather_source_out
from cytobalance.report.standards import compose_checklist, compose_standards
from cytobalance.report.summary import summarise
from cytobalance.study import places
from cytobalance.study.cells import read_cells
from cytobalance.study.damage import reading
from cytobalance.study.metrics import read_metrics, write_metrics
from cytobalance.study.runtime import atomic_file, atomic_folder, run_stage
from cytobalance.study.stages import View, read_settings
from cytobalance.study.tables import read_table, write_table

# What the page needs of other stages' metrics.
GAN = {
    "protocol": str,
    "features": str,
    "overall": dict,
    "classes": dict,
    "notes": list,
}
SHORTCUTS = {"source": dict, "border": {"cells": dict, "left_out": dict}}


def main() -> None:
    """Compare the balancers, draw the charts, write summary, tables and page."""
    study = read_settings("report")
    remove_others(study)
    # All that is read comes first: damage ends the stage before anything is written.
    dataset = read_metrics(places.DATASET, CENSUS)
    shortcuts = read_metrics(places.SHORTCUTS, SHORTCUTS)
    gan_metrics = read_gans(study)
    sheets = read_sheets(gan_metrics)
    cells = read_cells(places.CELLS)
    images = dict(zip(cells.table["cell_id"], cells.images, strict=True))
    explained = read_explained(study, images)
    hold_out = read_table(places.HOLD_OUT)
    facts = gather_data(study, dataset)
    results = gather_results(study, hold_out)
    write_metrics(places.SUMMARY, summarise(results))
    print(places.SUMMARY.read_text(encoding="utf-8"))
    published = pair_tables(results, gan_metrics)
    write_runs(results)
    write_tables(results, published)
    gains = list_gains(results), list_gan_gains(results)
    charts = write_charts(draw_charts(results, *gains))
    gans = gather_gans(gan_metrics, sheets, results.protocol)
    source_out = gather_source_out(
        select_records(results.records, "source_out", results.classifier),
        *(results.shown, hold_out, dataset["class_by_source"]),
        *(study.hold_out.left_out_source, study.study.seed),
    )
    checklist = compose_checklist(
        study, results, facts, shortcuts, explained, list_versions()
    )
    cards = write_cards(study, results, facts, checklist)
    page = compose_page(
        *(results, *gains, charts, gans, images, cells.table, explained),
        *(dataset, shortcuts, source_out, published),
        compose_standards(facts, checklist, tuple(cards)),
    )
    with atomic_file(places.PAGE) as partial:
        partial.write_text(render(page), encoding="utf-8")
    print(f"wrote {places.SUMMARY}, {places.PAGE}, {len(charts)} charts")


def remove_others(study: View) -> None:
    """Remove, and print, what another study left beside this one's results."""
    places_of_keys = (
        places.scores("*"),
        places.explained("*"),
        places.gan_metrics("*"),
        places.gan_sheet("*"),
        places.gan_losses("*"),
    )
    if gone := remove_leftovers(study, [place.parent for place in places_of_keys]):
        names = ", ".join(map(str, gone[:3])) + ", ..." * (len(gone) > 3)
        print(f"removed what another study left: {len(gone)} files ({names})")


def write_runs(results: Results) -> None:
    """Write the folder that `dvc metrics` reads."""
    with atomic_folder(places.RUNS) as folder:
        for (classifier, recipe), run in list_runs(results).items():
            path = folder / classifier / f"{recipe}.json"
            path.parent.mkdir(exist_ok=True)
            write_metrics(path, run)


def write_tables(results: Results, published: tuple[Beside, ...]) -> None:
    """Write the study's tables, and a folder a kind of table with one a classifier."""
    with atomic_folder(places.PLOTS / "tables") as folder:
        for name, tabulate in TABLES.items():
            write_table(folder / f"{name}.csv", tabulate(results))
        if published:
            table = table_published(results, published)
            write_table(folder / "published.csv", table)
    for kind, tabulate in CLASSIFIER_TABLES.items():
        with atomic_folder(places.classifier_table(kind, "").parent) as folder:
            for key, record in results.records.items():
                path = places.classifier_table(kind, places.key(*key))
                write_table(folder / path.name, tabulate(record))


def write_cards(
    study: View, results: Results, facts: DataFacts, checklist: Checklist
) -> list[str]:
    """Write checklist, datasheet and model cards as Markdown; their names."""
    texts = {
        "checklist.md": write_checklist(checklist, facts.title),
        "datasheet.md": write_datasheet(facts),
    }
    for key in choose_models(results):
        texts[f"model-{key}.md"] = write_model_card(key, study, results, facts)
    with atomic_folder(places.CARDS) as folder:
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
    return list(texts)


def draw_charts(
    results: Results,
    over_plain: tuple[GainLine, ...],
    over_cheap: tuple[GainLine, ...],
) -> dict[str, Figure]:
    """Every chart that the study's protocols allow, by name."""
    shown, look = results.shown, (results.balancers, results.simulated)
    figures = {
        "recall_by_class": draw_recall(shown, *look),
        "scores_by_class": draw_class_scores(shown, results.simulated),
        "accuracy": draw_accuracy(results),
        "curves": draw_curves(shown, *look),
        "reliability": draw_reliability(shown, *look),
    }
    if ranking := draw_ranking(shown, *look):
        figures["ranking"] = ranking
    if blasts := draw_blasts(shown, *look):
        figures["blasts"] = blasts
    if over_plain:
        figures["gains"] = draw_gains(over_plain, *look)
    if over_cheap:
        figures["gains_of_gans"] = draw_gains(over_cheap, *look)
    if results.optimism[results.classifier]:
        paper = select_records(results.records, "paper", results.classifier)
        figures["optimism"] = draw_optimism(paper, shown, results.simulated)
    for name, record in shown.items():
        figures[f"confusion-{name}"] = draw_confusion(record, results.simulated)
    return figures


def write_charts(figures: dict[str, Figure]) -> dict[str, bytes]:
    """Save every chart as PNG, and return them for the page: name -> WebP."""
    with atomic_folder(places.PLOTS / "figures") as folder:
        return {
            name: compress_picture(save_png(folder / f"{name}.png", figure))
            for name, figure in figures.items()
        }


def read_sheets(keys: Iterable[str]) -> dict[tuple[str, str], bytes]:
    """The sheets of GANs of these keys, their checksums read to the end.

    (key, end of the sheet's name) -> PNG.
    """
    sheets = {}
    for key, end in itertools.product(keys, SHEETS):
        path = places.gan_sheet(key, end)
        with reading(path):
            png = path.read_bytes()
            with Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
                picture.verify()
        sheets[key, end] = png
    return sheets


def read_gans(study: View) -> dict[str, dict]:
    """Metrics of every GAN of the study: key -> metrics."""
    protocols = sorted(study.protocols)  # `heldout` first
    keys = [places.key(p, gan) for gan in study.gans for p in protocols]
    return {key: read_metrics(places.gan_metrics(key), GAN) for key in keys}


if __name__ == "__main__":
    run_stage(main)
