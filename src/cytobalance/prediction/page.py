"""One self-contained page of named cells: counts, differentials, the doubtful first."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cytobalance.draw.html import fill_template
from cytobalance.prediction.counts import CONFIDENCE, find_shares
from cytobalance.prediction.gallery import Shown
from cytobalance.prediction.judgement import Judge
from cytobalance.prediction.outcome import Outcome
from cytobalance.report.wording import percent, span
from cytobalance.taxonomy import readable

TEMPLATES = Path(__file__).parent / "templates"
# Whose style the page shares.
REPORT = Path(__file__).parents[1] / "report/templates"
# Subjects, and files that can't be read, that it lists; the tables have all.
SUBJECTS = 100
UNREAD = 100


@dataclass(frozen=True)
class Section:
    """A class: cells of it, the unsure and unlike ones, share and scores, the shown.

    share: with its interval; recall, precision: on the test cells of the study, in
    words, a dash where no score holds; undecided: whether every set holds it.
    """

    label: str
    cells: int
    unsure: int
    unlike: int
    share: str
    recall: str
    precision: str
    undecided: bool
    shown: tuple[Shown, ...]


@dataclass(frozen=True)
class NamedPage:
    """All that the page shows. unread: (file, reason); subjects: (name, cells, shares).

    facts: lines on the model; compared: whether cells were compared with those of
    training. The counts of `subjects` and `unread` are of all, the
    lists of the first ones.
    """

    model: str
    facts: tuple[str, ...]
    simulated: bool
    compared: bool
    level: str
    sections: tuple[Section, ...]
    subjects: tuple[tuple[str, int, tuple[str, ...]], ...]
    subjects_count: int
    unread: tuple[tuple[str, str], ...]
    unread_count: int

    @property
    def cells(self) -> int:
        return sum(section.cells for section in self.sections)

    @property
    def unsure(self) -> int:
        return sum(section.unsure for section in self.sections)

    @property
    def unlike(self) -> int:
        return sum(section.unlike for section in self.sections)


def compose_page(
    model: str,
    judge: Judge,
    inputs: dict[str, Any],
    found: tuple[dict[str, Any], str],
    outcome: Outcome,
) -> NamedPage:
    """Work out what the page shows.

    inputs: source -> facts, of the model; found: its scores, as of `find_scores`.
    """
    record, words = found
    counts, unread = outcome.counts, outcome.unread
    scores = record["ensemble"]["all"]["classes"] if record else {}
    total = counts.total
    shares = describe_shares(total[:, 0])
    sections = [
        Section(
            readable(label),
            *(int(number) for number in total[k]),
            share=shares[k],
            recall=_in_percent(scores.get(label, {}).get("recall")),
            precision=_in_percent(scores.get(label, {}).get("precision")),
            undecided=bool(judge.conformal.undecided[k]),
            shown=tuple(outcome.gallery.shown[label]),
        )
        for k, label in enumerate(counts.classes)
    ]
    subjects = [
        (name, int(cells[:, 0].sum()), describe_shares(cells[:, 0]))
        for name, cells in list(counts.subjects.items())[:SUBJECTS]
    ]
    return NamedPage(
        model=model,
        facts=(words, *judge.describe()),
        simulated=any(about["origin"] == "simulated" for about in inputs.values()),
        compared=counts.compared,
        level=f"{100 * CONFIDENCE:g} %",
        sections=tuple(sections),
        subjects=tuple(subjects),
        subjects_count=len(counts.subjects),
        unread=tuple(unread[:UNREAD]),
        unread_count=len(unread),
    )


def render(page: NamedPage) -> str:
    """The page as HTML; the same data gives the same text."""
    return fill_template([TEMPLATES, REPORT], "named.html", page=page)


def describe_shares(cells: np.ndarray) -> tuple[str, ...]:
    """Share of each class with its interval, in words. cells: int [C]."""
    share, edges = find_shares(cells)
    return tuple(
        _in_percent([value, *limits])
        for value, limits in zip(share, edges, strict=True)
    )


def _in_percent(score: list[float | None] | None) -> str:
    """`12.3 % [9.8, 15.2]`, or `12.3 % no interval`; a dash where there is none."""
    if score is None or score[0] is None or np.isnan(score[0]):
        return percent(None)
    return f"{percent(score[0])} {span(*score[1:])}"
