"""The checklist's questions on the data: sources, labels, what was left out, parts."""

from cytobalance.curation.agreement import Agreement
from cytobalance.report.card_facts import DataFacts, SourceFacts
from cytobalance.report.checklist import Item, Section
from cytobalance.report.wording import NOT_GIVEN, list_words, percent
from cytobalance.taxonomy import readable


def ask(field: str, what: str) -> str:
    """What to write, and where, so that a question is answered."""
    return f"write card.{field} in params.yaml: {what}"


def list_data(facts: DataFacts) -> Section:
    """Where the cells come from, and which were taken."""
    card = facts.card
    return Section(
        "Data",
        (
            Item("sources of data", "5a", "7", tell_sources(facts)),
            Item(
                *("place and dates of collection", "5b, 6a", "", card.setting),
                ask("setting", "centres, countries, first and last date"),
            ),
            Item(
                *("people whose cells they are", "6b, 6c", "8", card.subjects),
                ask("subjects", "who was eligible, treatment, age and sex, diagnoses"),
            ),
            Item("files left out, and why", "11", "8, 12", tell_left_out(facts)),
            Item("preparation of the images", "7, 9b, 12b", "9", tell_images(facts)),
            Item("selection of cells", "", "10", tell_selection(facts)),
            Item(
                *("how images were taken", "", "13", card.acquisition),
                ask("acquisition", "stain, microscope, objective, camera, format"),
            ),
            Item(
                *("ethics, consent, de-identification", "17", "11", card.ethics),
                ask("ethics", "committee, consent or waiver, how names were removed"),
            ),
            Item("numbers of cells and groups", "20a, 21", "35", tell_size(facts)),
            Item(
                *("size worked out beforehand", "10", "21", None),
                "the pipeline takes all cells that it is given and works out no "
                "sample size; name yours in the paper",
            ),
            Item(
                *("traits of people in each part", "20b, 20c", "36", None),
                "the cell set holds a subject's code alone; tabulate age, sex and "
                "diagnosis of data/hold_out.csv's groups from your records",
            ),
        ),
    )


def list_labels(facts: DataFacts) -> Section:
    """The reference standard: who said what a cell is."""
    classes = "; ".join(
        readable(label)
        if types == (label,)
        else f"{readable(label)} ({', '.join(readable(name) for name in types)})"
        for label, types in facts.classes.items()
    )
    standard = facts.card.reference_standard
    return Section(
        "Reference standard",
        (
            Item("classes, and the types in each", "8a", "", f"{classes}."),
            Item(
                *("how and by whom cells were labelled", "8a–8c", "14–16", standard),
                ask(
                    "reference_standard",
                    "how a cell got its label and why so, the annotators' "
                    "qualification, what they were blind to",
                ),
            ),
            Item("labels of test cells", "", "17", tell_test_labels(facts)),
            Item(
                *("agreement of annotators", "", "18", tell_agreement(facts.agreement)),
                "no file has opinions of two annotators; give maps of several in "
                "data/expert (relabel.maps)",
            ),
        ),
    )


def list_parts(facts: DataFacts) -> Section:
    """How cells were dealt."""
    shares = ", ".join(f"{name} {percent(s)}" for name, s in facts.shares.items())
    dealt = (
        f"dealt at random by class ({shares}), seed {facts.seed}; a split that a "
        f"source was published with: {facts.published_split}"
    )
    return Section(
        "Parts",
        (
            Item("how cells were dealt into parts", "12a", "19", f"{dealt}."),
            Item("what keeps parts apart", "12a", "20", tell_groups(facts)),
            Item(
                "cells of each class in each part", "20b, 21", "36", tell_parts(facts)
            ),
        ),
    )


def tell_sources(facts: DataFacts) -> str:
    """Every source in a sentence."""
    return " ".join(f"{tell_source(source)}." for source in facts.sources)


def tell_source(source: SourceFacts) -> str:
    """Where a source's images are from; its licence, and where to cite it."""
    if source.origin == "simulated":
        where = f"simulated here in the layout {source.layout}"
    else:
        images = "published images" if source.page else "images"
        where = f"{images} of {source.archive}"
    parts = [f"{source.name}: {where}, {source.kept:,} of {source.files:,} files kept"]
    parts += filter(None, (source.citation, source.page))
    return ", ".join([*parts, f"licence {source.licence or NOT_GIVEN}"])


def tell_left_out(facts: DataFacts) -> str:
    """Counts of all reasons."""
    reasons = [
        f"{reason} {count:,} ({stage})"
        for stage, counts in facts.dataset["rejected"].items()
        for reason, count in counts.items()
    ]
    files = facts.dataset["files"]
    why = f": {'; '.join(reasons)}" if reasons else ""
    return (
        f"{files['rejected']:,} of {files['total']:,} files or rows were left out"
        f"{why}. data/cells/rejected.csv has each with its reason; nothing is imputed."
    )


def tell_images(facts: DataFacts) -> str:
    """Crop and size; what was sought of copies."""
    crops = {s.crop for s in facts.sources}
    crop = ", ".join(
        f"{s.name} {s.crop:g}{' px' if s.crop > 1 else ''}" for s in facts.sources
    )
    text = f"{next(iter(crops)):g}" if len(crops) == 1 else crop
    return (
        f"The centre of each image (crop {text}) was resized to {facts.size} x "
        f"{facts.size} pixels, RGB. Copies: {facts.dataset['related']['note']}."
    )


def tell_selection(facts: DataFacts) -> str:
    """Classes that were made rare."""
    if not facts.thin:
        return "All cells but those left out (see there); no class was thinned out."
    thin = ", ".join(f"{readable(k)} to {n:,}" for k, n in facts.thin.items())
    return f"Classes made rare in training: {thin}; their test cells all stayed."


def tell_size(facts: DataFacts) -> str:
    """Cells and groups of every part."""
    parts = ", ".join(
        f"{part} {int(facts.parts[part].sum()):,} cells in "
        f"{facts.groups.get(part, 0):,} groups"
        for part in facts.shares
    )
    return (
        f"{facts.dataset['files']['kept']:,} cells in {facts.dataset['groups']:,} "
        f"groups: {parts}. The page's diagram has every step."
    )


def tell_test_labels(facts: DataFacts) -> str:
    """Whether experts looked at test cells."""
    if facts.rule == "original":
        return "As in training: their source's label; no expert's map was applied."
    count = int(facts.parts["test"].sum())
    return (
        f"As in training: {facts.judged:,} of {count:,} test cells are named in an "
        f"expert's map, the others have their source's label."
    )


def tell_agreement(agreement: Agreement | None) -> str | None:
    """Opinions and Cohen's kappa; None where no two annotators share a file."""
    if not agreement or not agreement.shared:
        return None
    text = (
        f"{agreement.opinions:,} opinions of {agreement.annotators} annotators on "
        f"{agreement.files:,} files; {agreement.agreed:,} of {agreement.shared:,} "
        "files with several opinions have one answer"
    )
    if not agreement.kappas:
        return f"{text}; Cohen's kappa is undefined."
    low, high = min(agreement.kappas), max(agreement.kappas)
    pairs = f"{low:.2f}" if low == high else f"{low:.2f} to {high:.2f} between pairs"
    return f"{text}; Cohen's kappa {pairs}, on files that the maps name alone."


def tell_groups(facts: DataFacts) -> str:
    """What a group is, and for how much of the data subjects are known."""
    named = sum(source.with_subject for source in facts.sources)
    subjects = sum(source.subjects for source in facts.sources)
    kept = facts.dataset["files"]["kept"]
    text = f"{named:,} of {kept:,} cells name their subject ({subjects:,} subjects)"
    if named < kept:
        text += "; each other cell counts as a subject of its own, save copies"
    return f"Whole groups, of one subject or of copies of a cell. {text}."


def tell_parts(facts: DataFacts) -> str:
    """Cells of each class: training, validation, test."""
    rows = [
        f"{readable(label)} {row['train']:,}/{row['validation']:,}/{row['test']:,}"
        for label, row in facts.parts.iterrows()
    ]
    return f"Training/validation/test: {list_words(rows)}."
