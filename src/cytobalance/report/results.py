"""All results of a study, computed once: its records, gains and optimism."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pandas as pd

from cytobalance.report.comparison import Gain, compare_pairs, optimism
from cytobalance.report.contest import hold_contest
from cytobalance.report.recipe_words import describe_recipe, find_twin
from cytobalance.report.records import (
    Record,
    Records,
    read_records,
    select_records,
)
from cytobalance.sources.catalogue import find_public
from cytobalance.study import places
from cytobalance.study.params import BASELINE
from cytobalance.study.stages import View


@dataclass(frozen=True)
class Results:
    """What a study's tables, charts and page are made of.

    paper: the one that the study rebuilds, if any (published.py). public: whether each
    source is a public set that the pipeline knows (sources/catalogue.py).
    protocol, classifier: those that are shown in full; shown: their records, balancer
    -> record. rare: the rare classes. with_gan: balancers with a GAN's cells. about:
    balancer -> its recipe in words. twins: balancer with a GAN -> the same recipe
    without its cells, where there is one.
    deterministic: classifiers that one trial tells all of.
    gains: classifier -> balancer -> gain over `plain` on held-out cells.
    against_cheap: (balancer with a GAN, cheap one) -> gain, of the classifier that is
    shown. optimism: classifier -> balancer -> by how much the papers' protocol
    flatters it. contest: the best recipes (contest.py). The four are empty where the
    study lacks a protocol for them.
    """

    title: str
    seed: int
    paper: str | None
    simulated: bool
    public: bool
    protocols: tuple[str, ...]
    balancers: tuple[str, ...]
    classifiers: tuple[str, ...]
    with_gan: tuple[str, ...]
    about: dict[str, str]
    twins: dict[str, str]
    deterministic: tuple[str, ...]
    records: Records
    protocol: str
    classifier: str
    shown: dict[str, Record]
    rare: list[str]
    gains: dict[str, dict[str, Gain]]
    against_cheap: dict[tuple[str, str], Gain]
    optimism: dict[str, dict[str, dict[str, Any]]]
    contest: dict[str, Any]

    @property
    def dealt_alike(self) -> tuple[str, ...]:
        """Protocols that test on cells of all sources, `heldout` first."""
        return tuple(name for name in ("heldout", "paper") if name in self.protocols)


def choose_shown(study: View) -> str:
    """The classifier that is shown in full: the first of those with most balancers."""
    counts = Counter(places.key_names(name)[1] for name in study.training_names)
    return max(study.classifiers, key=counts.__getitem__)


def _compare_recipes(
    study: View,
    records: Records,
    hold_out: pd.DataFrame,
    rare: list[str],
    deterministic: tuple[str, ...],
) -> tuple[dict[str, dict[str, Gain]], dict[str, dict[str, Any]]]:
    """Gains over the baseline, and optimism: classifier -> balancer -> comparison."""
    gains, flattery = {}, {}
    for name in study.classifiers:
        heldout = select_records(records, "heldout", name)
        paper = select_records(records, "paper", name)
        pairs = [(other, BASELINE) for other in heldout if other != BASELINE]
        compared = compare_pairs(
            *(heldout, pairs, hold_out, rare, study.study.seed), name in deterministic
        )
        gains[name] = {balancer: gain for (balancer, _), gain in compared.items()}
        flattery[name] = {
            balancer: optimism(paper[balancer], heldout[balancer])
            for balancer in paper
            if balancer in heldout
        }
    return gains, flattery


def gather_results(study: View, hold_out: pd.DataFrame) -> Results:
    """Read every record of the study, and compare them.

    Files of settings that the study no longer has are ignored. Raises StudyError
    where a record is missing, damaged or of other cells than `hold_out`.
    """
    records = read_records(study)
    protocol = study.shown_protocol
    classifier = choose_shown(study)
    shown = select_records(records, protocol, classifier)
    rare = shown[BASELINE]["rare_classes"]
    with_gan = tuple(name for name in shown if name in study.gan_balancers)
    cheap = tuple(name for name in shown if name not in (BASELINE, *with_gan))
    deterministic = tuple(
        name
        for name in study.classifiers
        if study.trainings[places.key(BASELINE, name)].deterministic
    )
    gains, flattery = _compare_recipes(study, records, hold_out, rare, deterministic)
    heldout = select_records(records, "heldout", classifier)
    pairs = [(gan, other) for gan in with_gan for other in cheap if heldout]
    return Results(
        title=study.study.title,
        seed=study.study.seed,
        paper=study.study.paper,
        simulated=study.simulated,
        public=all(find_public(s.archive or "") for s in study.sources.values()),
        protocols=tuple(study.protocols),
        balancers=tuple(study.balancers),
        classifiers=tuple(study.classifiers),
        with_gan=with_gan,
        about={n: describe_recipe(recipe) for n, recipe in study.recipes.items()},
        twins={name: find_twin(name, study.recipes) for name in with_gan},
        deterministic=deterministic,
        records=records,
        protocol=protocol,
        classifier=classifier,
        shown=shown,
        rare=rare,
        gains=gains,
        against_cheap=compare_pairs(
            *(heldout, pairs, hold_out, rare, study.study.seed),
            classifier in deterministic,
        ),
        optimism=flattery,
        contest=hold_contest(
            {key[1:]: r for key, r in records.items() if key[0] == "heldout"},
            study.gan_balancers,
            hold_out,
            rare,
            study.study.seed,
            deterministic,
        ),
    )
