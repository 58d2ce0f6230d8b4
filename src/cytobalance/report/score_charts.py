"""Charts of scores in the form of Hazra 2022, Figs 4 to 6."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cytobalance.draw.style import (
    QUIET,
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
    "precision": ("precision", "^", "#cc79a7"),
    "specificity": ("specificity", "D", "#e69f00"),
    "accuracy": ("accuracy", "|", "#009e73"),
}
# Protocol -> its marker and colour, as in the chart of optimism.
PROTOCOLS = {"heldout": ("o", "#0072b2"), "paper": ("D", "#d55e00")}


def draw_class_scores(records: dict[str, Record], simulated: bool) -> Figure:
    """Sensitivity, precision, specificity, accuracy of every class (Figs 4 and 5).

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
    figure.legend(handles, texts, loc="outside lower center", ncols=4, fontsize=8)
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
    """Accuracy of every recipe, a panel a classifier, a mark a protocol (Fig 6)."""
    names = results.balancers
    rows, columns = grid_shape(len(results.classifiers))
    height = 1 + 0.26 * len(names)
    figure = new_figure(2.2 + 2.2 * columns, rows * height + 0.4, results.simulated)
    panels = new_panels(figure, len(results.classifiers))
    for panel, classifier in zip(panels, results.classifiers, strict=True):
        for i, protocol in enumerate(results.dealt_alike):
            records = select_records(results.records, protocol, classifier)
            shift = 0.3 * (i - (len(results.dealt_alike) - 1) / 2)
            for y, name in enumerate(names):
                if name in records:
                    _draw_interval(panel, y + shift, records[name], protocol)
        panel.set_title(classifier)
        panel.set_xlabel("accuracy, %")
        panel.grid(axis="x")
        panel.tick_params(axis="y", length=0)
    panels[0].set_yticks(range(len(names)), names)
    panels[0].set_ylim(len(names) - 0.4, -0.6)
    for protocol in results.dealt_alike:
        marker, colour = PROTOCOLS[protocol]
        text = f"protocol {protocol}"
        panels[0].plot([], [], marker, color=colour, label=text, markersize=5)
    handles, texts = panels[0].get_legend_handles_labels()
    figure.legend(handles, texts, loc="outside lower center", ncols=2, fontsize=8)
    return figure


def _draw_interval(panel: Axes, y: float, record: Record, protocol: str) -> None:
    marker, colour = PROTOCOLS[protocol]
    score = record["test"]["all"]["overall"]["accuracy"]
    limits = PERCENT * np.array([score["low"], score["high"]], float)  # None: none
    panel.plot(limits, [y, y], color=colour, linewidth=2, alpha=0.45)
    panel.plot(PERCENT * score["mean"], y, marker, color=colour, markersize=5)
