"""All that the page shows, as plain data: the templates only render it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from cytobalance.report.blocks import GroupedTable, Picture, Table
from cytobalance.report.calibration_tables import (
    tabulate_calibration,
    tabulate_temperature,
)
from cytobalance.report.claims import Answer, GainLine, compose_answer
from cytobalance.report.dataset_tables import (
    Curation,
    tabulate_cells,
    tabulate_curation,
    tabulate_effort,
    tabulate_views,
)
from cytobalance.report.differential_tables import (
    Differential,
    gather_differential,
)
from cytobalance.report.explained import Explained, Images
from cytobalance.report.explorer import Explorer, compose_explorer
from cytobalance.report.gain_tables import Gains, gather_gains
from cytobalance.report.galleries import Galleries, gather_galleries
from cytobalance.report.gans import Gans
from cytobalance.report.heat_table import HeatTable, tabulate_heat
from cytobalance.report.part_tables import tabulate_parts, tell_parts
from cytobalance.report.published_tables import Beside, Published, show_published
from cytobalance.report.ranking_tables import Ranking, gather_ranking
from cytobalance.report.records import Record
from cytobalance.report.results import Results
from cytobalance.report.score_tables import (
    tabulate_classes,
    tabulate_optimism,
    tabulate_scores,
    warn_of_untested,
)
from cytobalance.report.shortcut_tables import Shortcuts, tabulate_shortcuts
from cytobalance.report.source_out_tables import SourceOut
from cytobalance.report.source_tables import tabulate_sources
from cytobalance.report.standards import Standards
from cytobalance.report.wording import name_confusion
from cytobalance.study.params import BASELINE


@dataclass(frozen=True)
class Page:
    """The page's content, section by section.

    charts: name -> picture; other_scores: further classifier -> its scores; classes:
    balancer -> its table of classes; confusions: a picture a balancer, `plain` and the
    best on validation cells first; sources: balancer -> its table of recall by source,
    {} where there is one source; optimism: classifier -> its protocols side by side,
    the one that is shown in full first, {} without both. gains is None without
    held-out cells, gans without any, source_out without its protocol, ranking and
    differential without real test cells, published where the study rebuilds no paper.
    """

    title: str
    seed: int
    simulated: bool
    protocol: str
    classifier: str
    answer: Answer
    charts: dict[str, bytes]
    scores: Table
    parts: GroupedTable
    parts_text: str
    other_scores: dict[str, Table]
    heat: HeatTable
    deterministic: tuple[str, ...]
    untested: tuple[str, ...]
    gains: Gains | None
    classes: dict[str, Table]
    ranking: Ranking | None
    differential: Differential | None
    sources: dict[str, Table]
    source_out: SourceOut | None
    shortcuts: Shortcuts
    optimism: dict[str, Table]
    published: Published | None
    confusions: tuple[Picture, ...]
    explorer: Explorer
    galleries: Galleries
    gans: Gans | None
    cells: Table
    views: Table
    effort: Table
    calibration: Table
    temperatures: Table | None
    curation: Curation
    standards: Standards


def compose_page(
    results: Results,
    over_plain: Sequence[GainLine],
    over_cheap: Sequence[GainLine],
    charts: dict[str, bytes],
    gans: Gans | None,
    images: Images,
    table: pd.DataFrame,
    explained: dict[tuple[str, str], Explained],
    dataset: dict[str, Any],
    shortcuts: dict[str, Any],
    source_out: SourceOut | None,
    published: Sequence[Beside],
    standards: Standards,
) -> Page:
    """Work out everything that the page shows.

    images, table: of data/cells; explained: by balancer and classifier; dataset,
    shortcuts: metrics/dataset.json and metrics/shortcuts.json.
    """
    shown = results.shown
    side = next(iter(images.values())).shape[0]
    classes = next(iter(shown.values()))["classes"]
    explorer = compose_explorer(
        *(explained, results.classifier, classes, results.protocol, table, images)
    )
    galleries = gather_galleries(
        *(shown, explained, results.classifier, images, explorer.tiles)
    )
    return Page(
        title=results.title,
        seed=results.seed,
        simulated=results.simulated,
        protocol=results.protocol,
        classifier=results.classifier,
        answer=compose_answer(results, dataset),
        charts=charts,
        scores=tabulate_scores(results, results.classifier),
        parts=tabulate_parts(results),
        parts_text=tell_parts(results),
        other_scores={
            name: tabulate_scores(results, name)
            for name in results.classifiers
            if name != results.classifier
        },
        heat=tabulate_heat(results),
        deterministic=results.deterministic,
        untested=warn_of_untested(shown),
        gains=gather_gains(results, over_plain, over_cheap),
        classes={name: tabulate_classes(record) for name, record in shown.items()},
        ranking=gather_ranking(shown, results.rare),
        differential=gather_differential(shown),
        sources={
            name: table
            for name, record in shown.items()
            if (table := tabulate_sources(record))
        },
        source_out=source_out,
        shortcuts=tabulate_shortcuts(shortcuts),
        optimism={
            name: tabulate_optimism(results, name)
            for name in sorted(results.classifiers, key=results.classifier.__ne__)
            if results.optimism[name]
        },
        published=show_published(results, published, side),
        confusions=tuple(
            Picture(
                charts[f"confusion-{name}"],
                f"Confusion matrix of {name}",
                name_confusions(shown[name]),
            )
            for name in dict.fromkeys((BASELINE, galleries.balancer, *shown))
        ),
        explorer=explorer,
        galleries=galleries,
        gans=gans,
        cells=tabulate_cells(shown),
        views=tabulate_views(shown),
        effort=tabulate_effort(shown),
        calibration=tabulate_calibration(shown),
        temperatures=tabulate_temperature(shown),
        curation=tabulate_curation(dataset),
        standards=standards,
    )


def name_confusions(record: Record) -> str:
    """The two confusions that are most frequent, in words."""
    texts = [name_confusion(c) for c in record["test"]["all"]["top_confusions"][:2]]
    return "Most frequent: " + "; ".join(texts) + "." if texts else "No confusion."
