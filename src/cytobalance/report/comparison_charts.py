"""Charts that compare balancers: gains, recall of each class, flattery."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from cytobalance.draw.style import (
    INK,
    QUIET,
    balancer_colours,
    grid_shape,
    new_figure,
    new_panels,
)
from cytobalance.report.claims import GainLine
from cytobalance.report.records import Record
from cytobalance.report.wording import points
from cytobalance.study.params import BASELINE
from cytobalance.taxonomy import readable

# Points of a hundred: gains are read in them, not in parts of one.
POINTS = 100
JOINT = ("joint_low", "joint_high")


def draw_gains(
    lines: Sequence[GainLine], balancers: tuple[str, ...], simulated: bool
) -> Figure:
    """Forest plot: the gain of each line's balancer over its reference.

    Left the balanced accuracy, which the verdict is about; right the mean recall of
    the rare classes. In points of a hundred; thick intervals are of one comparison
    alone, thin ones hold together.
    """
    colours = balancer_colours(balancers)
    figure = new_figure(10, 1.5 + 0.36 * len(lines), simulated)
    panels = figure.subplots(1, 2, sharey=True)
    keys = {
        "balanced_accuracy": "Gain in balanced accuracy, points",
        "rare_recall": "Gain in recall of rare classes, points",
    }
    for panel, (key, name) in zip(panels, keys.items(), strict=True):
        panel.axvline(0, color=INK, linewidth=1)
        for y, line in enumerate(lines):
            colour = colours[line.balancer]
            score = line.gain[key]
            value = POINTS * score["value"]
            for width, limits in ((2.5, ("low", "high")), (1, JOINT)):
                panel.plot(
                    [POINTS * score[limit] for limit in limits],
                    [y, y],
                    color=colour,
                    linewidth=width,
                    solid_capstyle="butt",
                )
            panel.plot(value, y, "o", color=colour, markersize=7)
            panel.annotate(
                points(value / POINTS),
                (value, y),
                (0, 6),
                ha="center",
                textcoords="offset points",
                fontsize=8,
            )
        panel.set_xlabel(name)
        panel.grid(axis="x")
        panel.tick_params(axis="y", length=0)
        reach = 1.1 * max(abs(v) for v in panel.get_xlim())
        panel.set_xlim(-reach, reach)
    names = [f"{line.balancer} over {line.reference}" for line in lines]
    panels[0].set_yticks(range(len(lines)), names)
    panels[0].set_ylim(len(lines) - 0.4, -0.7)
    for y, line in enumerate(lines):
        panels[1].text(
            1.02,
            y,
            line.verdict,
            transform=panels[1].get_yaxis_transform(),
            va="center",
            fontsize=8.5,
            color=QUIET,
        )
    return figure


def draw_recall(
    records: dict[str, Record], balancers: tuple[str, ...], simulated: bool
) -> Figure:
    """Recall (sensitivity) of every class, each balancer beside `plain` (grey).

    Classes by number of real training cells, the rarest on top; bars are Wilson
    intervals. records: balancer -> record.
    """
    plain = records[BASELINE]
    order = np.argsort(plain["cells"]["train"]["real"], kind="stable")
    labels = [plain["classes"][i] for i in order]
    others = [name for name in records if name != BASELINE]
    colours = balancer_colours(balancers)
    rows, columns = grid_shape(len(others))
    height = 1.2 + 0.34 * len(labels)
    figure = new_figure(2.2 + 2.2 * columns, rows * height, simulated)
    panels = new_panels(figure, len(others))
    for panel, name in zip(panels, others, strict=True):
        for y, label in enumerate(labels):
            _draw_recall_row(panel, y, label, plain, records[name], colours[name])
        panel.set_title(name, color=colours[name])
        panel.set_xlim(-3, 103)
        panel.grid(axis="x")
        panel.tick_params(axis="y", length=0)
        panel.set_xlabel("recall, %")
    support = plain["test"]["all"]["classes"]
    panels[0].set_yticks(
        range(len(labels)),
        [f"{readable(label)} ({support[label]['support']})" for label in labels],
    )
    panels[0].set_ylim(len(labels) - 0.4, -0.6)
    return figure


def _draw_recall_row(panel, y, label, plain, record, colour) -> None:
    """One class: the interval, the way from plain's recall to the balancer's."""
    classes = [r["test"]["all"]["classes"][label] for r in (plain, record)]
    if any("recall" not in c for c in classes):
        panel.text(2, y, "no test cells", va="center", fontsize=7.5, color=QUIET)
        return
    before = POINTS * classes[0]["recall"][0]
    after, low, high = (POINTS * v for v in classes[1]["recall"])
    panel.plot(
        [low, high], [y, y], color=colour, linewidth=6, alpha=0.2, solid_capstyle="butt"
    )
    panel.plot([before, after], [y, y], color=colour, linewidth=1.6)
    panel.plot(before, y, "o", color="white", markeredgecolor=QUIET, markersize=6)
    panel.plot(after, y, "o", color=colour, markersize=6)


def draw_optimism(
    paper: dict[str, Record], heldout: dict[str, Record], simulated: bool
) -> Figure:
    """Balanced accuracy as the papers' protocol counts it, and on held-out cells.

    Each protocol's records: balancer -> record.
    """
    names = [name for name in paper if name in heldout]
    figure = new_figure(8, 2 + 0.46 * len(names), simulated)
    panel = figure.subplots()
    cells = "simulated" if simulated else "real"
    marks = {
        f"heldout: {cells} cells, never seen": (heldout, "all", "o", "#0072b2"),
        "paper: its own number": (paper, "all", "D", "#d55e00"),
        f"paper: its {cells} test cells": (paper, "real", "<", "#e69f00"),
        "paper: its synthetic test cells": (paper, "synthetic", ">", "#cc79a7"),
    }
    for i, (text, (records, scope, marker, colour)) in enumerate(marks.items()):
        shift = (i - 1.5) * 0.17
        points = [
            (y + shift, records[name]["test"][scope]["overall"]["balanced_accuracy"])
            for y, name in enumerate(names)
            if scope in records[name]["test"]
        ]
        for y, score in points:
            panel.plot(
                POINTS * np.array([score["low"], score["high"]], float),  # None: none
                [y, y],
                color=colour,
                linewidth=2,
                alpha=0.45,
            )
        panel.plot(
            [POINTS * s["mean"] for _, s in points],
            [y for y, _ in points],
            marker,
            color=colour,
            label=text,
            markersize=6,
        )
    panel.set_yticks(range(len(names)), names)
    panel.set_ylim(len(names) - 0.4, -0.6)
    panel.set_xlabel("balanced accuracy, %")
    panel.grid(axis="x")
    panel.tick_params(axis="y", length=0)
    figure.legend(loc="outside lower center", ncols=2, fontsize=8)
    return figure
