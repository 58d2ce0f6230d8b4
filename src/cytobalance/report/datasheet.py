"""The datasheet of a data set, in the sections of Gebru et al. 2021.

Communications of the ACM 64(12), 86-92.
"""

from typing import Any

from cytobalance.report.card_facts import DataFacts
from cytobalance.report.cards import WARNING, Chapter, licence_of, write_card
from cytobalance.report.checklist_data import (
    tell_agreement,
    tell_groups,
    tell_images,
    tell_left_out,
    tell_selection,
    tell_size,
    tell_sources,
    tell_test_labels,
)
from cytobalance.report.checklist_openness import list_licences, tell_checksums
from cytobalance.taxonomy import readable

# Sizes as model hubs name them: least number of cells -> name.
_SIZES = {
    **{0: "n<1K", 1_000: "1K<n<10K", 10_000: "10K<n<100K", 100_000: "100K<n<1M"},
    1_000_000: "1M<n<10M",
}


def write_datasheet(
    facts: DataFacts,
    first: tuple[Chapter, ...] = (),
    exported: tuple[int, str] | None = None,
) -> str:
    """The datasheet as Markdown.

    first: chapters on a set that is exported; exported: its number of cells, and what
    it holds in a sentence. Without them the sheet is of the study's cells.
    """
    kind = "Simulated" if facts.simulated else "Real"
    kept = facts.dataset["files"]["kept"]
    count, lead = exported or (
        kept,
        f"{kind} cells, {kept:,} of {len(facts.classes)} classes, {facts.size} x "
        f"{facts.size} pixels.",
    )
    title = f"Datasheet: {facts.title}"
    chapters = (*first, *list_chapters(facts))
    return write_card(describe_set(facts, count), title, f"{lead} {WARNING}", chapters)


def describe_set(facts: DataFacts, count: int) -> dict[str, Any]:
    """Front matter, as a model hub reads it. Licences differ by source: `other`."""
    size = [name for least, name in _SIZES.items() if count >= least][-1]
    licences = {source.licence for source in facts.sources}
    licence = licences.pop() if len(licences) == 1 else None
    return {
        "pretty_name": facts.title,
        **licence_of(licence),
        "task_categories": ["image-classification"],
        "size_categories": [size],
        "tags": ["haematology", "cytobalance", *(["simulated"] * facts.simulated)],
    }


def list_chapters(facts: DataFacts) -> tuple[Chapter, ...]:
    """The seven sections, with what the study and its card hold."""
    card = facts.card
    return (
        Chapter(
            "Motivation",
            (
                ("For what was it made", card.intended_use),
                ("Who made and paid for it", card.funding),
            ),
        ),
        _tell_composition(facts),
        Chapter(
            "Collection process",
            (
                ("Sources", tell_sources(facts)),
                ("How images were taken", card.acquisition),
                ("Where and when", card.setting),
                ("Ethics and consent", card.ethics),
            ),
        ),
        _tell_labelling(facts),
        Chapter(
            "Uses",
            (
                ("Used for", facts.title),
                ("Should not be used for", "diagnosis; shares of classes in blood"),
            ),
        ),
        Chapter(
            "Distribution",
            (
                ("Licences", list_licences(facts)),
                ("Checksums", tell_checksums(facts)),
            ),
        ),
        Chapter("Maintenance", (("Contact", card.contact),)),
    )


def _tell_composition(facts: DataFacts) -> Chapter:
    """With the cells of each class in each source and each part."""
    dataset = facts.dataset
    by_source = dataset["class_by_source"]
    names = [source.name for source in facts.sources]
    counts = [
        [
            readable(label),
            *(f"{by_source.get(label, {}).get(name, 0):,}" for name in names),
            *(f"{int(row[part]):,}" for part in ("train", "validation", "test")),
        ]
        for label, row in facts.parts.iterrows()
    ]
    related = f"{tell_groups(facts)} Copies: {dataset['related']['note']}."
    return Chapter(
        "Composition",
        (
            ("What an instance is", "an image of one cell, with its class"),
            ("How many", tell_size(facts)),
            ("Is it all there is", tell_selection(facts)),
            ("What is missing", tell_left_out(facts)),
            ("How instances are related", related),
            ("Faults and doubts", "; ".join(dataset["warnings"]) or "none noted"),
            ("People", facts.card.subjects),
        ),
        table=(("class", *names, "training", "validation", "test"), counts),
    )


def _tell_labelling(facts: DataFacts) -> Chapter:
    corrections = f"{facts.dataset['relabelled']:,} images, rule {facts.rule}"
    return Chapter(
        "Preprocessing, cleaning, labelling",
        (
            ("Images", tell_images(facts)),
            ("Labels", facts.card.reference_standard),
            ("Experts' corrections", corrections),
            ("Labels of test cells", tell_test_labels(facts)),
            ("Agreement of annotators", tell_agreement(facts.agreement)),
            ("Is the raw data kept", "data/raw holds each archive as published"),
        ),
    )
