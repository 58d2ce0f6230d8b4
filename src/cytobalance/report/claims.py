"""The answer in plain words: did balancing help, by how much, which classes."""

from dataclasses import dataclass
from typing import Any

from cytobalance.report.comparison import (
    AGAINST,
    DID_NOT_HELP,
    HELPED,
    HURT,
    ONE_GROUP,
    ONE_TRIAL,
    verdict,
    verdict_alone,
)
from cytobalance.report.facts import Fact, list_facts
from cytobalance.report.headline import write_headline
from cytobalance.report.records import Record
from cytobalance.report.results import Gain, Results
from cytobalance.report.wording import list_words, points
from cytobalance.study.params import BASELINE
from cytobalance.taxonomy import readable


@dataclass(frozen=True)
class GainLine:
    """One balancer against another. verdict: worded for the reference."""

    balancer: str
    reference: str
    gain: Gain
    verdict: str


@dataclass(frozen=True)
class Answer:
    """What stands on top of the page; a text that does not apply is empty.

    lead: the verdict; ways: how many of the ways tried helped, where `lead` names the
    best alone; basis: what the answer rests on.
    """

    lead: str
    ways: str
    facts: tuple[Fact, ...]
    basis: tuple[str, ...]


def compose_answer(results: Results, dataset: dict[str, Any]) -> Answer:
    """The whole answer. dataset: metrics/dataset.json."""
    related = dataset.get("related")
    over_plain = results.gains[results.classifier]
    headline = write_headline(results)
    ways = sum_up(over_plain, results.classifier)
    plain = results.shown[BASELINE]
    basis = (
        describe_test(plain) if over_plain else "",
        f"What the scores need: {related['note']}." if related else "",
    )
    return Answer(
        lead=headline or ways,
        ways=f"With {results.classifier}: {ways[0].lower()}{ways[1:]}"
        if headline
        else "",
        facts=list_facts(results),
        basis=tuple(filter(None, basis)),
    )


def list_gains(results: Results) -> tuple[GainLine, ...]:
    """Each balancer against `plain`, with the classifier that is shown in full.

    Empty without held-out cells.
    """
    return tuple(
        GainLine(name, BASELINE, gain, verdict(gain))
        for name, gain in results.gains[results.classifier].items()
    )


def list_gan_gains(results: Results) -> tuple[GainLine, ...]:
    """Each balancer with a GAN's cells against each cheap one, its twin first."""
    return tuple(
        GainLine(name, other, gain, AGAINST[verdict(gain)])
        for (name, other), gain in sorted(
            results.against_cheap.items(),
            key=lambda item: (
                results.with_gan.index(item[0][0]),
                item[0][1] != results.twins[item[0][0]],
            ),
        )
    )


def sum_up(over_plain: dict[str, Gain], classifier: str) -> str:
    """How many ways helped, and which, in a sentence. over_plain: balancer -> gain."""
    if not over_plain:
        return (
            "This study has no held-out protocol, so it can't tell whether balancing "
            "helped. Add `heldout` to protocols."
        )
    verdicts = {name: verdict(gain) for name, gain in over_plain.items()}
    helped, hurt = ([n for n, v in verdicts.items() if v == k] for k in (HELPED, HURT))
    if ONE_GROUP in verdicts.values():
        return (
            "All test cells are of one group, one patient say, which can't tell "
            "whether balancing helped. Add cells of other subjects."
        )
    if ONE_TRIAL in verdicts.values():
        return (
            "One training of each classifier can't tell whether balancing helped. Set "
            f"classifiers.{classifier}.trials to 2 or more."
        )
    if helped:
        text = (
            f"Balancing helped in {len(helped)} of {len(verdicts)} ways: "
            f"{list_words(helped)}."
        )
    elif all(word in (DID_NOT_HELP, HURT) for word in verdicts.values()):
        text = "Balancing did not help, in any of the ways tried."
    else:
        several = len(verdicts) > 1
        ways = f"none of the {len(verdicts)} ways" if several else "the one way"
        text = (
            f"No help from balancing was shown: {ways} tried is better than no "
            "balancing by more than chance explains."
        )
    return text + (f" It hurt with {list_words(hurt)}." if hurt else "")


def describe_chance(over_plain: dict[str, Gain], confidence: float) -> str:
    """How the verdicts allow for several ways having been tried; "" for one way."""
    verdicts = {verdict(gain) for gain in over_plain.values()}
    if len(over_plain) < 2 or {ONE_TRIAL, ONE_GROUP} & verdicts:
        return ""
    lost = [
        f"{name} ({verdict_alone(gain)})"
        for name, gain in over_plain.items()
        if verdict_alone(gain) in (HELPED, HURT)
        and verdict_alone(gain) != verdict(gain)
    ]
    text = (
        f"{len(over_plain)} ways were compared with no balancing, so one may seem to "
        "help or hurt by chance. The verdicts allow for that: their intervals hold all "
        f"{len(over_plain)} gains together at {100 * confidence:.0f} %."
    )
    if not lost:
        return f"{text} No way that helps or hurts by itself loses its verdict by it."
    return f"{text} By themselves these would have a verdict: {list_words(lost)}."


def describe_test(plain: Record) -> str:
    """What the answer rests on: cells, groups, trials."""
    test = plain["test"]["all"]
    cell = "simulated" if plain["simulated"] else "real"
    trials = "one training" if plain["trials"] == 1 else f"{plain['trials']} trainings"
    return (
        f"Measured on {test['cells']:,} {cell} test cells in {test['groups']:,} groups "
        "(a patient's cells, and copies of one image, stay together) that no part of "
        f"training has seen, averaged over {trials}. Balanced accuracy counts every "
        "class alike."
    )


def describe_classes(gain: Gain, classes: list[str]) -> str:
    """Classes whose interval of recall lies above or below 0; "" without any.

    The intervals are joint over all classes of all balancers.
    """
    if verdict(gain) == ONE_TRIAL:
        return ""
    recall = gain["recall"]
    up, down = [], []
    for i, label in enumerate(classes):
        text = f"{readable(label)} ({points(recall['value'][i])})"
        if recall["joint_low"][i] > 0:
            up.append(text)
        elif recall["joint_high"][i] < 0:
            down.append(text)
    parts = [f"better at {list_words(up)}"] if up else []
    parts += [f"worse at {list_words(down)}"] if down else []
    return "; ".join(parts)
