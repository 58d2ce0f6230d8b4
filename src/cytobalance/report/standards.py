"""The page's section on reporting standards: diagram of the data, and checklist."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cytobalance.report.card_facts import DataFacts
from cytobalance.report.checklist import Checklist
from cytobalance.report.checklist_data import list_data, list_labels, list_parts
from cytobalance.report.checklist_model import list_models
from cytobalance.report.checklist_openness import list_openness
from cytobalance.report.checklist_results import (
    list_evaluation,
    list_results,
    list_study,
)
from cytobalance.report.claims import compose_answer
from cytobalance.report.explained import Explained
from cytobalance.report.flow import Flow, draw_flow
from cytobalance.report.results import Results
from cytobalance.study.stages import View


@dataclass(frozen=True)
class Standards:
    """flow: the diagram; cards: names of the Markdown files in plots/cards."""

    flow: Flow
    checklist: Checklist
    cards: tuple[str, ...]


def compose_checklist(
    study: View,
    results: Results,
    facts: DataFacts,
    shortcuts: Mapping[str, Any],
    explained: Mapping[tuple[str, str], Explained],
    versions: Mapping[str, str],
) -> Checklist:
    """All questions with their answers.

    shortcuts: metrics/shortcuts.json; explained: by balancer and classifier.
    """
    answer = compose_answer(results, facts.dataset).lead
    adjusted = [name for name, r in study.recipes.items() if r.post_adjustment]
    imbalance = facts.dataset["imbalance"]
    return Checklist(
        (
            list_study(facts, results, answer),
            list_data(facts),
            list_labels(facts),
            list_parts(facts),
            list_models(results, study.trainings, imbalance, facts.size),
            list_evaluation(results, shortcuts, explained.values()),
            list_results(facts, results, answer, adjusted),
            list_openness(facts, versions),
        )
    )


def compose_standards(
    facts: DataFacts, checklist: Checklist, cards: tuple[str, ...]
) -> Standards:
    """What the page shows of them."""
    return Standards(draw_flow(facts), checklist, cards)
