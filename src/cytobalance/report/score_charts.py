"""Charts of scores in the form of Hazra 2022, Figs 4 to 6."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cytobalance.draw.style import (
    QUIET,
    balancer_colours,
    grid_shape,
    new_figure,
    new_panels,
)
from cytobalance.report.records import Record, select_records
from cytobalance.report.results import Results
from cytobalance.study.params import BASELINE
from cytobalance.taxonomy import readable

PERCENT = 100
# Score of a class -> its name, marker and colour (Wong 2011).
MARKS = {
    "recall": ("sensitivity", "o", "#0072b2"),
    "specificity": ("specificity", "D", "#e69f00"),
    "accuracy": ("accuracy", "|", "#009e73"),
}


def draw_class_scores(records: dict[str, Record], simulated: bool) -> Figure:
    """Sensitivity, specificity and accuracy of every class (Figs 4 and 5).

    A panel a recipe, `plain` first; classes by number of real training cells, the
    rarest on top. records: balancer -> record.
    """
    plain = records[BASELINE]
    order = np.argsort(plain["cells"]["train"]["real"], kind="stable")
    labels = [plain["classes"][i] for i in order]
    rows, columns = grid_shape(len(records))
    height = 1.2 + 0.3 * len(labels)
    figure = new_figure(2.2 + 2.2 * columns, rows * height + 0.3, simulated)
    panels = new_panels(figure, len(records))
    for panel, (name, record) in zip(panels, records.items(), strict=True):
        _draw_scores_of_classes(panel, record["test"]["all"]["classes"], labels)
        panel.set_title(name)
        panel.set_xlabel("%")
    names = [readable(label) for label in labels]
    panels[0].set_yticks(range(len(labels)), names)
    panels[0].set_ylim(len(labels) - 0.4, -0.6)
    handles, texts = panels[0].get_legend_handles_labels()
    figure.legend(handles, texts, loc="outside lower center", ncols=3, fontsize=8)
    return figure


def _draw_scores_of_classes(panel: Axes, classes: dict, labels: list[str]) -> None:
    for score, (name, marker, colour) in MARKS.items():
        values = [
            PERCENT * classes[label][score][0] if score in classes[label] else np.nan
            for label in labels
        ]
        size = 10 if marker == "|" else 5
        panel.plot(
            *(values, range(len(labels)), marker),
            **{"color": colour, "label": name, "markersize": size},
            markeredgewidth=2 if marker == "|" else 1,
        )
    for y, label in enumerate(labels):
        if not classes[label]["support"]:
            panel.text(2, y, "no test cells", va="center", fontsize=7.5, color=QUIET)
    panel.set_xlim(-3, 103)
    panel.grid(axis="x")
    panel.tick_params(axis="y", length=0)


def draw_accuracy(results: Results) -> Figure:
    """Accuracy of every classifier, a mark a recipe, a panel a protocol (Fig 6)."""
    protocols = results.dealt_alike
    colours = balancer_colours(results.balancers)
    step = 0.8 / len(results.balancers)
    height = 1.4 + len(results.classifiers) * max(0.3, 0.13 * len(results.balancers))
    figure = new_figure(2 + 4 * len(protocols), height, results.simulated)
    panels = figure.subplots(1, len(protocols), sharey=True, sharex=True, squeeze=False)
    for panel, protocol in zip(panels.flat, protocols, strict=True):
        for y, classifier in enumerate(results.classifiers):
            records = select_records(results.records, protocol, classifier)
            for i, name in enumerate(results.balancers):
                if name in records:
                    place = y + step * (i + 0.5) - 0.4
                    _draw_interval(panel, place, records[name], colours[name])
        panel.set_title(f"protocol {protocol}")
        panel.set_xlabel("accuracy, %")
        panel.grid(axis="x")
        panel.tick_params(axis="y", length=0)
    panels[0, 0].set_yticks(range(len(results.classifiers)), results.classifiers)
    panels[0, 0].set_ylim(len(results.classifiers) - 0.4, -0.6)
    for name, colour in colours.items():
        panels[0, 0].plot([], [], "o", color=colour, label=name, markersize=5)
    handles, texts = panels[0, 0].get_legend_handles_labels()
    columns = min(len(texts), 5)
    figure.legend(handles, texts, loc="outside lower center", ncols=columns, fontsize=8)
    return figure


def _draw_interval(panel: Axes, y: float, record: Record, colour: str) -> None:
    score = record["test"]["all"]["overall"]["accuracy"]
    limits = PERCENT * np.array([score["low"], score["high"]], float)  # None: none
    panel.plot(limits, [y, y], color=colour, linewidth=2, alpha=0.45)
    panel.plot(PERCENT * score["mean"], y, "o", color=colour, markersize=5)
