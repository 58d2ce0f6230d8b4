"""Reporting standards as a checklist: what the study answers, and what it can't.

TRIPOD+AI: Collins et al., BMJ 2024;385:e078378. CLAIM, update of 2024: Tejani et al.,
Radiology: Artificial Intelligence 2024;6(4):e240300. Numbers are theirs, words ours.
"""

from dataclasses import dataclass

from cytobalance.report.markdown import front_matter, heading, tabulate
from cytobalance.report.wording import NOT_GIVEN

SOURCES = (
    "TRIPOD+AI: Collins et al., BMJ 2024;385:e078378",
    "CLAIM, update of 2024: Tejani et al., Radiology: Artificial Intelligence "
    "2024;6(4):e240300",
)


@dataclass(frozen=True)
class Item:
    """A question of the standards.

    tripod, claim: the numbers of its items there, empty where it has none. answer:
    empty where the study does not hold it; ask: what a user would then supply.
    """

    topic: str
    tripod: str
    claim: str
    answer: str | None
    ask: str = ""

    @property
    def numbers(self) -> str:
        """Where it stands in the standards."""
        pairs = (("TRIPOD+AI", self.tripod), ("CLAIM", self.claim))
        return ", ".join(f"{name} {number}" for name, number in pairs if number)

    @property
    def given(self) -> bool:
        """Whether the study answers it."""
        return bool(self.answer)


@dataclass(frozen=True)
class Section:
    """Questions of one kind."""

    title: str
    items: tuple[Item, ...]

    @property
    def given(self) -> int:
        """How many the study answers."""
        return sum(item.given for item in self.items)


@dataclass(frozen=True)
class Checklist:
    """All sections, in the order of a paper."""

    sections: tuple[Section, ...]
    sources: tuple[str, ...] = SOURCES

    @property
    def given(self) -> int:
        """How many questions the study answers."""
        return sum(section.given for section in self.sections)

    @property
    def total(self) -> int:
        """How many questions there are."""
        return sum(len(section.items) for section in self.sections)


def write_checklist(checklist: Checklist, title: str) -> str:
    """The checklist as Markdown."""
    parts = [
        front_matter({"title": f"Reporting checklist: {title}"}),
        heading(1, f"Reporting checklist: {title}"),
        f"{checklist.given} of {checklist.total} questions are answered from the "
        f"study; the others say what to supply. {'; '.join(checklist.sources)}.",
    ]
    for section in checklist.sections:
        rows = [
            (item.topic, item.tripod, item.claim, item.answer or tell_missing(item))
            for item in section.items
        ]
        parts.append(heading(2, section.title))
        parts.append(tabulate(("question", "TRIPOD+AI", "CLAIM", "answer"), rows))
    return "\n\n".join(parts) + "\n"


def tell_missing(item: Item) -> str:
    """`not given`, and what to supply."""
    return f"{NOT_GIVEN}: {item.ask}" if item.ask else NOT_GIVEN
