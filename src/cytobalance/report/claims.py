"""The answer in plain words: did balancing help, by how much, which classes."""

from dataclasses import dataclass
from typing import Any

from cytobalance.report.comparison import (
    DID_NOT_HELP,
    HELPED,
    HURT,
    ONE_GROUP,
    ONE_TRIAL,
    UNDECIDED,
    verdict,
    verdict_alone,
)
from cytobalance.report.optimism_claims import describe_optimism
from cytobalance.report.records import Record
from cytobalance.report.results import Gain, Results
from cytobalance.report.wording import (
    joint_span,
    list_words,
    percent,
    point_span,
    points,
    span,
)
from cytobalance.study.params import BASELINE
from cytobalance.taxonomy import readable

# The verdicts, where two ways of balancing are compared.
AGAINST = {
    HELPED: "better",
    HURT: "worse",
    DID_NOT_HELP: "no better",
    UNDECIDED: UNDECIDED,
    ONE_GROUP: ONE_GROUP,
    ONE_TRIAL: ONE_TRIAL,
}
# Kinds of recipe -> how the page names them.
KINDS = {
    "cheap": "recipe without a GAN's cells",
    "synthetic": "recipe with a GAN's cells",
}


@dataclass(frozen=True)
class GainLine:
    """One balancer against another. verdict: worded for the reference."""

    balancer: str
    reference: str
    gain: Gain
    verdict: str


@dataclass(frozen=True)
class AnswerLine:
    """One balancer in the answer: gain in balanced accuracy, and what else changed."""

    balancer: str
    points: str
    interval: str
    verdict: str
    note: str


@dataclass(frozen=True)
class Answer:
    """What stands on top of the page; a text that does not apply is empty.

    level: of the intervals, in percent. tested: how many gains in recall of a class
    the joint limits of classes are of; 0 where one training each tells nothing of them.
    """

    lead: str
    chance: str
    gains: tuple[AnswerLine, ...]
    level: str
    tested: int
    gan: tuple[str, ...]
    best: str
    optimism: str
    test: str
    data: str


def compose_answer(results: Results, dataset: dict[str, Any]) -> Answer:
    """The whole answer. dataset: metrics/dataset.json."""
    plain = results.shown[BASELINE]
    related = dataset.get("related")
    over_plain = results.gains[results.classifier]
    single = plain["trials"] < 2 and results.classifier not in results.deterministic
    return Answer(
        lead=lead(over_plain, results.classifier),
        chance=describe_chance(over_plain, plain["confidence"]),
        gains=tuple(
            _answer_line(name, gain, plain["classes"])
            for name, gain in over_plain.items()
        ),
        level=f"{100 * plain['confidence']:.0f} %",
        tested=0 if single else len(plain["classes"]) * len(over_plain),
        gan=tuple(describe_gan(results)),
        best=describe_best(results.contest),
        optimism=describe_optimism(results),
        test=describe_test(plain, results.rare) if over_plain else "",
        data=f"What the scores need: {related['note']}." if related else "",
    )


def _answer_line(name: str, gain: Gain, classes: list[str]) -> AnswerLine:
    score, rare = gain["balanced_accuracy"], gain["rare_recall"]
    joint = joint_span(score)
    notes = [
        f"alone {point_span(score)}" if joint != point_span(score) else "",
        f"rare classes {points(rare['value'])} {joint_span(rare)}",
        describe_classes(gain, classes),
    ]
    return AnswerLine(
        name,
        points(score["value"]),
        joint,
        verdict(gain),
        "; ".join(filter(None, notes)),
    )


def list_gains(results: Results) -> tuple[GainLine, ...]:
    """Each balancer against `plain`, then each with a GAN's cells against cheap ones.

    Of the classifier that is shown in full; empty without held-out cells.
    """
    over_plain = [
        GainLine(name, BASELINE, gain, verdict(gain))
        for name, gain in results.gains[results.classifier].items()
    ]
    over_cheap = [
        GainLine(name, other, gain, AGAINST[verdict(gain)])
        for (name, other), gain in results.against_cheap.items()
    ]
    return (*over_plain, *over_cheap)


def lead(over_plain: dict[str, Gain], classifier: str) -> str:
    """The answer in one or two sentences. over_plain: balancer -> gain."""
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


def describe_test(plain: Record, rare: list[str]) -> str:
    """What the answer rests on: cells, groups, trials, rare classes."""
    test = plain["test"]["all"]
    cell = "simulated" if plain["simulated"] else "real"
    names = list_words(
        [f"{readable(label)} ({test['classes'][label]['support']})" for label in rare]
    )
    trials = "one training" if plain["trials"] == 1 else f"{plain['trials']} trainings"
    return (
        f"Measured on {test['cells']:,} {cell} test cells in {test['groups']:,} groups "
        "(a patient's cells, and copies of one image, stay together) that no part of "
        f"training has seen, averaged over {trials}. Balanced accuracy counts every "
        f"class alike. Rare classes here, with their test cells: {names}."
    )


def describe_gan(results: Results) -> list[str]:
    """A sentence for each balancer with a GAN's cells: its gain over cheap ones."""
    sentences = []
    for name in results.with_gan:
        gains = {o: g for (n, o), g in results.against_cheap.items() if n == name}
        twin = results.twins[name]
        parts = [
            f"{points(gains[other]['balanced_accuracy']['value'])} points over {other}"
            + (" (the same without the GAN's cells)" if other == twin else "")
            + f" {joint_span(gains[other]['balanced_accuracy'])}, "
            + AGAINST[verdict(gains[other])]
            for other in sorted(gains, key=lambda other: other != twin)
        ]
        if parts:
            sentences.append(
                f"With a GAN's cells, {name} against the cheap alternatives: "
                f"{'; '.join(parts)}."
            )
    return sentences


def describe_best(contest: dict[str, Any]) -> str:
    """The best recipe of either kind, and what the synthetic cells add; or ""."""
    if not contest:
        return ""
    texts = [
        f"the best {words} is {best['recipe']} with {best['classifier']}: "
        f"{percent(best['test'])} {span(best['low'], best['high'])} on test cells"
        for kind, words in KINDS.items()
        if (best := contest[kind])
    ]
    text = f"Chosen on validation cells, {'; '.join(texts)}."
    difference = contest["difference"]
    if not difference:
        return text
    return (
        f"{text} Gain of the second over the first: {points(difference['value'])} "
        f"points {point_span(difference)}, {AGAINST[difference['verdict']]}."
    )


def describe_classes(gain: Gain, classes: list[str]) -> str:
    """Classes whose interval of recall lies above or below 0; "" with one trial.

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
    return "; ".join(parts) if parts else "no single class shown to change"
