"""Charts that compare balancers: gains, recall of each class, flattery."""

import numpy as np
from matplotlib.figure import Figure

from cytobalance.draw.style import (
    INK,
    QUIET,
    RULE,
    balancer_colours,
    new_figure,
)
from cytobalance.report.claims import points, word_of
from cytobalance.report.findings import BASELINE, Findings
from cytobalance.taxonomy import readable

# Points of a hundred: gains are read in them, not in parts of one.
POINTS = 100


def draw_gains(findings: Findings, classifier: str) -> Figure:
    """Forest plot: gain of each balancer over `plain`, and of a GAN over the rest.

    Left the balanced accuracy, which the verdict is about; right the mean recall of
    the rare classes. In points of a hundred, with intervals.
    """
    gains = findings.gains[classifier]
    colours = balancer_colours(findings.study.balancers)
    rows = [(n, BASELINE, g) for n, g in gains[BASELINE].items()]
    for gan in findings.study.gan_balancers:
        rows += [(gan, c, gains[c][gan]) for c in findings.cheap]
    figure = new_figure(10, 1.5 + 0.36 * len(rows), findings.study.simulated)
    panels = figure.subplots(1, 2, sharey=True)
    keys = {
        "balanced_accuracy": "Gain in balanced accuracy, points",
        "rare_recall": "Gain in recall of rare classes, points",
    }
    own = len(gains[BASELINE])
    for panel, (key, name) in zip(panels, keys.items(), strict=True):
        panel.axvline(0, color=INK, linewidth=1)
        for y, (balancer, _, gain) in enumerate(rows):
            value, low, high = (POINTS * gain[key][k] for k in ("value", "low", "high"))
            panel.plot(
                [low, high],
                [y, y],
                color=colours[balancer],
                linewidth=2.5,
                solid_capstyle="butt",
            )
            panel.plot(value, y, "o", color=colours[balancer], markersize=7)
            panel.annotate(
                points(value / POINTS),
                (value, y),
                (0, 6),
                ha="center",
                textcoords="offset points",
                fontsize=8,
            )
        if own < len(rows):
            panel.axhline(own - 0.5, color=RULE, linewidth=1)
        panel.set_xlabel(name)
        panel.grid(axis="x")
        panel.tick_params(axis="y", length=0)
        reach = 1.1 * max(abs(v) for v in panel.get_xlim())
        panel.set_xlim(-reach, reach)
    panels[0].set_yticks(range(len(rows)), [f"{a} over {b}" for a, b, _ in rows])
    panels[0].set_ylim(len(rows) - 0.4, -0.7)
    for y, (_, reference, gain) in enumerate(rows):
        panels[1].text(
            1.02,
            y,
            word_of(gain, reference),
            transform=panels[1].get_yaxis_transform(),
            va="center",
            fontsize=8.5,
            color=QUIET,
        )
    return figure


def draw_recall(findings: Findings, protocol: str, classifier: str) -> Figure:
    """Recall (sensitivity) of every class, each balancer beside `plain` (grey).

    Classes by number of real training cells, the rarest on top; bars are Wilson
    intervals.
    """
    records = findings.of(protocol, classifier)
    plain = records[BASELINE]
    order = np.argsort(plain["cells"]["train"]["real"], kind="stable")
    labels = [plain["classes"][i] for i in order]
    others = [name for name in records if name != BASELINE]
    colours = balancer_colours(findings.study.balancers)
    figure = new_figure(
        2.2 + 2.2 * len(others), 1.2 + 0.34 * len(labels), findings.study.simulated
    )
    panels = np.atleast_1d(figure.subplots(1, len(others), sharey=True, sharex=True))
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


def draw_optimism(findings: Findings, classifier: str) -> Figure:
    """Balanced accuracy as the papers' protocol counts it, and on held-out cells."""
    paper, heldout = (findings.of(p, classifier) for p in ("paper", "heldout"))
    names = [name for name in paper if name in heldout]
    figure = new_figure(8, 2 + 0.46 * len(names), findings.study.simulated)
    panel = figure.subplots()
    kind = "simulated" if findings.study.simulated else "real"
    marks = {
        f"heldout: {kind} cells, never seen": (heldout, "all", "o", "#0072b2"),
        "paper: its own number": (paper, "all", "D", "#d55e00"),
        f"paper: its {kind} test cells": (paper, "real", "<", "#e69f00"),
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
