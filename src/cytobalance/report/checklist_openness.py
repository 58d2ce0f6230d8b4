"""The checklist's questions on openness: data, code, seeds, versions, checksums."""

from collections.abc import Mapping

from cytobalance.report.card_facts import DataFacts
from cytobalance.report.checklist import Item, Section
from cytobalance.report.checklist_data import ask
from cytobalance.report.wording import NOT_GIVEN
from cytobalance.study import places


def list_openness(facts: DataFacts, versions: Mapping[str, str]) -> Section:
    """What another group needs to do it again. versions: library -> version."""
    card = facts.card
    return Section(
        "Openness",
        (
            Item(
                *("funding, conflicts of interest", "18a, 18b", "44", card.funding),
                ask("funding", "who paid and what they decided; interests"),
            ),
            Item(
                *("protocol, registration", "18c, 18d", "34, 42", card.protocol),
                ask("protocol", "where they are, or that there is none"),
            ),
            Item("data", "18e", "43", tell_data(facts)),
            Item(
                *("code, models", "18f, 22", "43"),
                "cytobalance, MIT licence; trained models are outputs of `dvc repro` "
                f"in models/classifiers, licence {card.licence or NOT_GIVEN}.",
            ),
            Item("seeds", "18f", "25", tell_seeds(facts)),
            Item(
                *("libraries and versions", "18f", "23"),
                ", ".join(f"{name} {value}" for name, value in versions.items())
                + "; as installed when this was written.",
            ),
            Item("commit and checksums", "18f", "43", tell_checksums(facts)),
            Item(
                *("patients and public involved", "19", "", None),
                "say who was involved, or that nobody was",
            ),
        ),
    )


def tell_data(facts: DataFacts) -> str:
    """Licence of each source's images."""
    return (
        f"Licences: {list_licences(facts)}. No archive is in the repository; the "
        "pictures in plots/ show single cells."
    )


def list_licences(facts: DataFacts) -> str:
    """Each source with the licence of its images."""
    return ", ".join(f"{s.name} {s.licence or NOT_GIVEN}" for s in facts.sources)


def tell_seeds(facts: DataFacts) -> str:
    """The seeds of params.yaml."""
    text = f"study.seed {facts.seed}"
    if facts.simulator_seed is not None:
        text += f", simulator.seed {facts.simulator_seed}"
    return f"{text}; each use derives its own stream from it by name."


def tell_checksums(facts: DataFacts) -> str:
    """SHA-256 of the archives, and where all other hashes stand."""
    sums = [f"{s.name} {s.sha256}" for s in facts.sources if s.sha256]
    archives = f"SHA-256 of the archives: {', '.join(sums)}. " if sums else ""
    return (
        f"{archives}dvc.lock holds the hash of every input and output of every stage; "
        "the commit is the one that holds that dvc.lock beside this file "
        f"(git log -1 -- {places.SUMMARY})."
    )
