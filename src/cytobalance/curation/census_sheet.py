"""The data set for the eye: cells of each class, and how many from which source."""

from pathlib import Path

import numpy as np
import pandas as pd

from cytobalance.draw.montage import montage
from cytobalance.draw.style import CYCLE, new_figure, save_png
from cytobalance.taxonomy import readable


def draw_class_counts(
    path: Path, by_source: pd.DataFrame, title: str, simulated: bool
) -> None:
    """Write a PNG bar a class, its parts coloured by source.

    by_source: cells of each class (rows) from each source (columns).
    """
    figure = new_figure(7, 0.32 * len(by_source) + 1.5, simulated)
    axes = figure.add_subplot()
    names = [readable(label) for label in by_source.index]
    left = np.zeros(len(by_source))
    for place, (source, counts) in enumerate(by_source.items()):
        colour = CYCLE[place % len(CYCLE)]
        axes.barh(names, counts, left=left, color=colour, label=source, height=0.7)
        left += counts.to_numpy()
    for place, total in enumerate(left):
        axes.text(total, place, f" {total:,.0f}", va="center", fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.1)
    axes.set_xlabel("cells")
    axes.set_title(f"{title}: cells of each class")
    axes.legend(loc="best", fontsize=8)
    save_png(path, figure)


def draw_samples(
    path: Path, samples: dict[str, np.ndarray], title: str, simulated: bool
) -> None:
    """Write a PNG with a row of cells a class (Hazra 2022, Fig. 1).

    samples: class -> uint8 [N, S, S, 3], N may differ.
    """
    columns = max(len(images) for images in samples.values())
    figure = new_figure(0.62 * columns + 2.6, 0.66 * len(samples) + 0.7, simulated)
    grid = figure.subplots(len(samples), 1, squeeze=False)[:, 0]
    for axes, (label, images) in zip(grid, samples.items(), strict=True):
        axes.imshow(montage(images, columns), interpolation="nearest")
        axes.set_ylabel(readable(label), rotation=0, ha="right", va="center")
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_visible(False)
    figure.suptitle(f"{title}: cells of each class", fontsize=10, fontweight="bold")
    save_png(path, figure)
