"""Families of related images: counts, and a line that describes them."""

import pandas as pd

from cytobalance.curation.classes import name_classes
from cytobalance.study import places
from cytobalance.study.tables import columns_of

FAMILY_COLUMNS = columns_of(places.DUPLICATES / "families.csv")
# In place of a family: this picture was compared with none.
EMPTY = "too little to compare"
WAY_OUT = (
    "this search finds most such images, not all: where a set is known to be "
    "augmented, list it as layout `table` with the original's name as subject "
    "(docs/sources.md)"
)


def count_families(
    families: pd.DataFrame, classes: dict[str, tuple[str, ...]]
) -> dict[str, int]:
    """Images in families, families, the largest, those across classes, and EMPTY ones.

    classes: class -> types; a type of no class stands for itself.
    """
    compared = families[families["family"] != EMPTY]
    by_family = name_classes(compared["type"], classes).groupby(compared["family"])
    return {
        "images": len(compared),
        "families": int(by_family.ngroups),
        "largest": int(by_family.size().max()) if len(compared) else 0,
        "across_classes": int((by_family.nunique() > 1).sum()),
        "not_compared": len(families) - len(compared),
    }


def describe_families(counts: dict[str, int] | None) -> str:
    """One line on related images: what was sought, what was found, what to do.

    counts: of `count_families`, None where they were not sought.
    """
    if counts is None:
        return (
            "related images (one cell turned, sheared, zoomed or mirrored) were not "
            "sought (dedup.related: false): scores are only right where there are none"
        )
    text = "no related images (one cell turned, sheared, zoomed or mirrored) were found"
    if counts["families"]:
        text = (
            f"{counts['images']:,} related images (one cell turned, sheared, zoomed or "
            f"mirrored) in {counts['families']:,} families, the largest of "
            f"{counts['largest']:,}, {counts['across_classes']:,} across classes; each "
            f"family is one group; {WAY_OUT}"
        )
    if counts["not_compared"]:
        text += f"; too empty to be compared: {counts['not_compared']:,}"
    return text
