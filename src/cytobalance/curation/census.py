"""Count the data set: what came in, what went and why, what each class holds."""

import pandas as pd

from cytobalance.curation.families import count_families, describe_families
from cytobalance.study.params import Study
from cytobalance.taxonomy import TYPES

# What people and programs write for an unknown subject, in lower case.
NO_SUBJECT = (
    *("na", "n/a", "#n/a", "<na>", "nan", "none", "null", "nil"),
    *("unknown", "unk", "missing", "anonymous", "-", "--", "?"),
)


def take_census(
    study: Study,
    table: pd.DataFrame,
    rejected: pd.DataFrame,
    families: pd.DataFrame,
    warnings: list[str],
) -> dict:
    """metrics/dataset.json: plain numbers, in a stated order.

    table: every ingested cell with published_type, type, label, group and stage;
    rejected: every file or row that was left out; families: FAMILY_COLUMNS; warnings:
    those of `dedup`. Types come in the order of the taxonomy, then those of the study's
    own by name; classes and sources in the study's order.
    """
    cells = table[table["stage"] == ""]
    classes = _count(cells["label"], study.classes)
    ingested = int((rejected["stage"] == "ingest").sum())
    by_source = count_by_source(study, cells)
    own_types = {*table["published_type"], *table["type"]} - set(TYPES)
    types = (*TYPES, *sorted(own_types))
    return {
        "simulated": study.simulated,
        "files": {
            "total": len(table) + ingested,
            "kept": len(cells),
            "rejected": len(rejected),
        },
        "rejected": count_reasons(rejected),
        "relabelled": int((table["published_type"] != table["type"]).sum()),
        "published_types": _count(table["published_type"], types),
        "types": _count(cells["type"], types),
        "classes": classes,
        "class_by_source": {
            label: {source: int(n) for source, n in row.items() if n}
            for label, row in by_source.iterrows()
        },
        "related": count_related(study, families),
        "groups": int(cells["group"].nunique()),
        "imbalance": round(max(classes.values()) / min(classes.values()), 2),
        "warnings": [
            *warnings,
            *warn(by_source),
            *warn_of_subjects(cells),
            *warn_of_spellings(cells),
        ],
    }


def count_related(study: Study, families: pd.DataFrame) -> dict:
    """Whether related images were sought, their counts, and a line on both."""
    counts = None
    if study.dedup.related:
        counts = count_families(families, study.merge.classes)
    note = describe_families(counts)
    return {"sought": study.dedup.related, **(counts or {}), "note": note}


def count_by_source(study: Study, cells: pd.DataFrame) -> pd.DataFrame:
    """Cells of each class (rows) from each source (columns), zeros included."""
    counts = pd.crosstab(cells["label"], cells["source"])
    return counts.reindex(
        index=list(study.classes), columns=list(study.source_names), fill_value=0
    )


def count_reasons(rejected: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Files left out by stage and kind of reason, names of files taken away."""
    kind = rejected["reason"].str.replace(r"(?s)( copy) of .*|: .*", r"\1", regex=True)
    counts: dict[str, dict[str, int]] = {}
    for stage in ("ingest", "relabel", "dedup", "merge"):
        here = kind[rejected["stage"] == stage]
        counts[stage] = {name: int(n) for name, n in here.value_counts().items()}
        counts[stage] = dict(sorted(counts[stage].items()))
    return counts


def warn(by_source: pd.DataFrame) -> list[str]:
    """Classes that come from one source alone, where there are several.

    A network may then learn the scanner in place of the cell.
    """
    if by_source.shape[1] < 2:
        return []
    return [
        f"all {row.sum()} cells of {label} come from {row.idxmax()} alone: "
        "a scanner's look may pass for the class"
        for label, row in by_source.iterrows()
        if (row > 0).sum() == 1
    ]


def warn_of_subjects(cells: pd.DataFrame) -> list[str]:
    """Subjects whose name may mean "unknown", of two or more cells.

    They are taken as they stand, so that nothing leaks: as one patient of many cells.
    """
    unsure = cells[cells["subject"].str.casefold().isin(NO_SUBJECT)]
    counts = unsure.groupby(["source", "subject"]).size()
    return [
        f"{count} cells of {source} have the subject {subject!r} and are taken for one "
        "patient's: leave the subject empty where it is not known"
        for (source, subject), count in counts.items()
        if count > 1
    ]


def warn_of_spellings(cells: pd.DataFrame) -> list[str]:
    """Subjects of one source that may be one patient, written in several ways.

    They differ in capitals, blanks or leading zeros alone: a patient torn in two leaks.
    """
    named = cells.loc[cells["subject"] != "", ["source", "subject"]].drop_duplicates()
    plain = named["subject"].str.casefold()
    plain = plain.str.replace(r"\s+|(?<!\d)0+(?=\d)", "", regex=True)
    return [
        f"subjects of {source} that may be one patient, but count as several: "
        + ", ".join(map(repr, sorted(subjects)))
        for (source, _), subjects in named["subject"].groupby([named["source"], plain])
        if len(subjects) > 1
    ]


def _count(values: pd.Series, order: tuple[str, ...]) -> dict[str, int]:
    """Count of each value that occurs, in `order`."""
    counts = values.value_counts()
    return {name: int(counts[name]) for name in order if name in counts}
