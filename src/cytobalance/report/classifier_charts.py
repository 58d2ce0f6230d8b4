"""Charts of single classifiers: confusion, training curves, reliability."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cytobalance.draw.style import (
    INK,
    QUIET,
    balancer_colours,
    grid_shape,
    new_figure,
    new_panels,
)
from cytobalance.report.records import Record
from cytobalance.taxonomy import readable

PERCENT = 100


def draw_confusion(record: Record, simulated: bool) -> Figure:
    """Confusion matrix in percent of the true class (rows): the diagonal is recall."""
    counts = np.array(record["test"]["all"]["confusion"])
    support = counts.sum(1)
    share = PERCENT * counts / np.maximum(support, 1)[:, None]
    classes = record["classes"]
    side = max(3.4, 1.7 + 0.29 * len(classes))
    figure = new_figure(side + 0.9, side + 0.2, simulated)
    panel = figure.subplots()
    panel.imshow(share, cmap="Blues", vmin=0, vmax=PERCENT)
    for a, p in np.argwhere(share >= 0.5):
        panel.text(
            p,
            a,
            f"{share[a, p]:.0f}",
            ha="center",
            va="center",
            fontsize=7.5,
            color="white" if share[a, p] > 60 else INK,
        )
    ticks = range(len(classes))
    panel.set_xticks(
        ticks,
        [readable(c) for c in classes],
        rotation=45,
        ha="right",
        rotation_mode="anchor",
    )
    panel.set_yticks(
        ticks,
        [f"{readable(c)} ({n:.0f})" for c, n in zip(classes, support, strict=True)],
    )
    panel.set_xlabel("predicted (rows: true class, test cells)")
    panel.set_title(f"{record['balancer']}, {record['protocol']}: % of true class")
    panel.spines[:].set_visible(False)
    panel.tick_params(length=0)
    return figure


def draw_curves(
    records: dict[str, Record], balancers: tuple[str, ...], simulated: bool
) -> Figure:
    """Loss and accuracy by epoch: training dashed, validation solid, a line a trial.

    records: balancer -> record.
    """
    colours = balancer_colours(balancers)
    rows, columns = grid_shape(len(records))
    figure = new_figure(1 + 2.1 * columns, 4.4 * rows, simulated)
    panels = figure.subplots(2 * rows, columns, sharex=True, squeeze=False)
    for panel in panels[-2:, len(records) - columns * (rows - 1) :].flat:
        panel.set_visible(False)
    for i, (name, record) in enumerate(records.items()):
        row, column = divmod(i, columns)
        pair = panels[2 * row : 2 * row + 2, column]
        for panel, measure in zip(pair, ("loss", "accuracy"), strict=True):
            _draw_curve(panel, record["curves"], measure, colours[name])
        pair[0].set_title(name, color=colours[name])
        pair[1].set_xlabel("epoch")
        if i + columns >= len(records):  # nothing below it
            pair[1].tick_params(labelbottom=True)
        pair[1].xaxis.set_major_locator(MaxNLocator(4, integer=True))
    for first, measure in enumerate(("loss", "accuracy")):
        lines = panels[first::2]
        limits = [panel.get_ylim() for panel in lines.flat if panel.get_visible()]
        for panel in lines.flat:
            panel.set_ylim(min(low for low, _ in limits), max(top for _, top in limits))
            panel.tick_params(labelleft=panel in lines[:, 0])
        for panel in lines[:, 0]:
            panel.set_ylabel(measure)
    panels[1, 0].legend(fontsize=8, loc="lower right")
    return figure


def _draw_curve(panel: Axes, curves: dict, measure: str, colour: str) -> None:
    """One measure of one classifier. curves: of its record."""
    rows = np.array(curves["rows"], float)
    for trial in np.unique(rows[:, 0]):
        epochs = rows[rows[:, 0] == trial]
        for part, style in (("train", "--"), ("validation", "-")):
            panel.plot(
                epochs[:, 1],
                epochs[:, curves["columns"].index(f"{part}_{measure}")],
                style,
                color=colour,
                linewidth=1.4,
                alpha=0.9,
                # A classifier without epochs has one point, and a line needs two.
                marker="o" if len(epochs) == 1 else None,
                label=part if trial == rows[0, 0] else None,
            )
    panel.grid()


def draw_reliability(
    records: dict[str, Record], balancers: tuple[str, ...], simulated: bool
) -> Figure:
    """Confidence against accuracy; the area of a point is its number of cells.

    records: balancer -> record.
    """
    colours = balancer_colours(balancers)
    rows, columns = grid_shape(len(records))
    figure = new_figure(0.8 + 2.1 * columns, 2.9 * rows, simulated)
    panels = new_panels(figure, len(records))
    for panel, (name, record) in zip(panels, records.items(), strict=True):
        calibration = record["test"]["all"]["calibration"]
        bins = {k: np.array(v, float) for k, v in calibration["bins"].items()}
        panel.plot([0, 1], [0, 1], color=QUIET, linewidth=1, linestyle=":")
        area = 260 * bins["count"] / bins["count"].sum() + 8
        panel.plot(bins["confidence"], bins["accuracy"], color=colours[name], alpha=0.5)
        panel.scatter(bins["confidence"], bins["accuracy"], area, color=colours[name])
        panel.set_title(f"{name}\n", color=colours[name])
        panel.text(
            0,
            1.03,
            f"calibration error {calibration['ece']:.3f}",
            fontsize=8,
            transform=panel.transAxes,
            color=QUIET,
        )
        panel.set_xlabel("confidence")
        panel.set_xlim(-0.03, 1.03)
        panel.set_ylim(-0.03, 1.03)
        panel.set_aspect("equal")
        panel.grid()
    for panel in panels[::columns]:
        panel.set_ylabel("share right")
    return figure
