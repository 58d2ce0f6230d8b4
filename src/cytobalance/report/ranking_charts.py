"""Charts of the rare: how they are ranked, and the share of blasts by subject."""

import math

import numpy as np
from matplotlib.figure import Figure

from cytobalance.draw.style import (
    QUIET,
    balancer_colours,
    balancer_lines,
    new_figure,
)
from cytobalance.report.records import Record
from cytobalance.taxonomy import readable

PERCENT = 100
# Panels beside each other at most.
ABREAST = 4


def draw_ranking(
    records: dict[str, Record], balancers: tuple[str, ...], simulated: bool
) -> Figure | None:
    """Both curves of every rare class, a line a balancer; None without any.

    Above precision over sensitivity, below sensitivity over false alarms. The circle
    is the threshold that was chosen on validation cells.
    """
    ranked = {
        name: record.get("ranking", {}).get("together", {})
        for name, record in records.items()
    }
    labels = list(
        dict.fromkeys(label for ranking in ranked.values() for label in ranking)
    )
    if not labels:
        return None
    looks = balancer_lines(balancers)
    figure = new_figure(1.2 + 2.4 * len(labels), 5.8, simulated)
    panels = figure.subplots(2, len(labels), squeeze=False)
    for (above, below), label in zip(panels.T, labels, strict=True):
        for name, ranking in ranked.items():
            if label in ranking:
                _draw_curves(above, below, ranking[label], looks[name], name)
        above.set_title(readable(label))
        above.set_xlabel("sensitivity, %")
        below.set_xlabel("false alarms, % of other cells")
        for panel in (above, below):
            panel.set_ylim(-3, 103)
            panel.set_xlim(-3, 103)
            panel.grid()
    panels[0, 0].set_ylabel("precision, %")
    panels[1, 0].set_ylabel("sensitivity, %")
    lines = {line.get_label(): line for p in panels[0] for line in p.get_lines()}
    names = [name for name in ranked if name in lines]
    figure.legend(
        [lines[name] for name in names],
        names,
        loc="outside lower center",
        ncols=min(5, len(names)),
        fontsize=8,
    )
    return figure


def _draw_curves(above, below, ranking: dict, look: dict, name: str) -> None:
    curve = {
        key: PERCENT * np.array(values) for key, values in ranking["curve"].items()
    }
    above.step(
        np.r_[0, curve["sensitivity"]],
        np.r_[curve["precision"][:1], curve["precision"]],
        where="pre",
        **look,
        linewidth=1.4,
        label=name,
    )
    alarms = PERCENT - curve["specificity"]
    below.plot(np.r_[0, alarms], np.r_[0, curve["sensitivity"]], **look, lw=1.4)
    point = (
        PERCENT - PERCENT * ranking["specificity"][0],
        PERCENT * ranking["sensitivity"][0],
    )
    edge = look["color"]
    below.plot(*point, "o", color="white", markeredgecolor=edge, markersize=6)


def draw_blasts(
    records: dict[str, Record], balancers: tuple[str, ...], simulated: bool
) -> Figure | None:
    """Predicted over true share of blasts, a point a subject; None without subjects."""
    points = {}
    for name, record in records.items():
        counted = record.get("differential", {}).get("counted", {})
        if blasts := (counted.get("by_subject") or {}).get("blasts"):
            points[name] = blasts
    if not points:
        return None
    colours = balancer_colours(balancers)
    columns = min(ABREAST, len(points))
    rows = math.ceil(len(points) / columns)
    figure = new_figure(0.8 + 2.5 * columns, 0.6 + 2.6 * rows, simulated)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for panel in panels.flat[len(points) :]:
        panel.set_visible(False)
    for panel, (name, blasts) in zip(panels.flat, points.items(), strict=False):
        true, predicted = (PERCENT * np.array(blasts[k]) for k in ("true", "predicted"))
        panel.axline((0, 0), slope=1, color=QUIET, linestyle=":", linewidth=1)
        panel.plot(true, predicted, "o", color=colours[name], alpha=0.6, markersize=5)
        panel.set_title(name, color=colours[name])
        panel.set_xlim(-3, 103)
        panel.set_ylim(-3, 103)
        panel.grid()
        panel.set_xlabel("true share of blasts, %")
    for panel in panels[:, 0]:
        panel.set_ylabel("predicted share, %")
    return figure
