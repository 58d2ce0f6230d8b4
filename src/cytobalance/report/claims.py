"""The answer in plain words: did balancing help, by how much, which classes."""

import math
from typing import Any

from cytobalance.report.comparison import (
    DID_NOT_HELP,
    HELPED,
    HURT,
    ONE_GROUP,
    ONE_TRIAL,
    UNDECIDED,
    mean_recall,
    tested_classes,
)
from cytobalance.report.findings import BASELINE, Findings, verdict
from cytobalance.taxonomy import readable

# How the page names each balancer to somebody who reads of it for the first time.
BALANCERS = {
    "plain": "no balancing",
    "weighted": "rare cells drawn more often",
    "augmented": "rotated, shifted, mirrored copies",
    "smote": "SMOTE, mixtures of neighbouring cells",
    "adasyn": "ADASYN, mixtures of neighbouring cells",
}
# The verdicts, where two ways of balancing are compared.
AGAINST = {
    HELPED: "better",
    HURT: "worse",
    DID_NOT_HELP: "no better",
    UNDECIDED: UNDECIDED,
    ONE_GROUP: ONE_GROUP,
    ONE_TRIAL: ONE_TRIAL,
}


# In the place of limits that can't be had (docs/metrics.md).
NO_INTERVAL = "no interval"


def _is_missing(limit: float | None) -> bool:
    """None in a record that was read, NaN in a gain just worked out."""
    return limit is None or math.isnan(limit)


def percent(value: float | None) -> str:
    """0.8123 -> `81.2 %`; None -> a dash."""
    return "–" if value is None else f"{100 * value:.1f} %"


def number(value: float | None) -> str:
    """1234 -> `1,234`, 0.123456 -> `0.1235`; None -> `not measured`."""
    if value is None:
        return "not measured"
    whole = isinstance(value, int) or abs(value) >= 1000  # no power of ten
    return f"{value:,.0f}" if whole else f"{value:.4g}"


def mean_count(value: float) -> str:
    """A mean of counts over trials: 1234.0 -> `1,234`, 2.666 -> `2.7`."""
    return f"{value:,.1f}".removesuffix(".0")


def span(low: float | None, high: float | None) -> str:
    """Limits in percent: `[78.0, 84.1]`; `no interval` where there are none."""
    return NO_INTERVAL if _is_missing(low) else f"[{100 * low:.1f}, {100 * high:.1f}]"


def points(value: float) -> str:
    """A difference in points of a hundred, signed: 0.031 -> `+3.1`, -0.02 -> `−2.0`."""
    text = f"{100 * value:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", "−")


def point_span(gain: dict[str, float]) -> str:
    """Limits of a difference in points: `[−0.5, +6.7]`; or `no interval`."""
    if _is_missing(gain["low"]):
        return NO_INTERVAL
    return f"[{points(gain['low'])}, {points(gain['high'])}]"


def list_words(words: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)


def describe_balancer(name: str, findings: Findings) -> str:
    """A few words on what a balancer does; GANs are named as such."""
    if name in findings.study.gan_balancers:
        return "synthetic cells made by a generative network (GAN)"
    return BALANCERS.get(name, "")


def word_of(gain: dict[str, Any], reference: str) -> str:
    """The verdict, worded for the reference: `plain`, or another way of balancing."""
    word = verdict(gain)
    return word if reference == BASELINE else AGAINST[word]


def lead(findings: Findings, classifier: str) -> str:
    """The answer in one or two sentences."""
    over_plain = findings.gains[classifier].get(BASELINE, {})
    if not over_plain:
        return (
            "This study has no held-out protocol, so it can't tell whether balancing "
            "helped. Add `heldout` to protocols."
        )
    words = {name: verdict(gain) for name, gain in over_plain.items()}
    helped, hurt = ([n for n, w in words.items() if w == k] for k in (HELPED, HURT))
    if ONE_GROUP in words.values():
        return (
            "All test cells are of one group, one patient say, which can't tell "
            "whether balancing helped. Add cells of other subjects."
        )
    if ONE_TRIAL in words.values():
        return (
            "One training of each classifier can't tell whether balancing helped. Set "
            "classifier.trials to 2 or more."
        )
    if helped:
        text = (
            f"Balancing helped in {len(helped)} of {len(words)} ways: "
            f"{list_words(helped)}."
        )
    elif all(word in (DID_NOT_HELP, HURT) for word in words.values()):
        text = "Balancing did not help, in any of the ways tried."
    else:
        ways = f"none of the {len(words)} ways" if len(words) > 1 else "the one way"
        text = (
            f"No help from balancing was shown: {ways} tried is better than no "
            "balancing by more than chance explains."
        )
    return text + (f" It hurt with {list_words(hurt)}." if hurt else "")


def describe_chance(findings: Findings, classifier: str) -> str:
    """What to hold against the lead where several ways were tried; else nothing."""
    over_plain = findings.gains[classifier].get(BASELINE, {})
    if len(over_plain) < 2 or {ONE_TRIAL, ONE_GROUP} & {
        verdict(gain) for gain in over_plain.values()
    }:
        return ""
    confidence = findings.of("heldout", classifier)[BASELINE]["confidence"]
    return (
        f"{len(over_plain)} ways were compared with no balancing, each at "
        f"{100 * confidence:.0f} % and without correction for their number: the more "
        "are tried, the likelier one seems to help or hurt by chance."
    )


def describe_test(findings: Findings, classifier: str) -> str:
    """What the answer rests on: cells, groups, trials, rare classes."""
    record = findings.of("heldout", classifier)[BASELINE]
    test = record["test"]["all"]
    cell = "simulated" if record["simulated"] else "real"
    rare = list_words(
        [f"{readable(c)} ({test['classes'][c]['support']})" for c in findings.rare]
    )
    trials = (
        "one training" if record["trials"] == 1 else f"{record['trials']} trainings"
    )
    return (
        f"Measured on {test['cells']:,} {cell} test cells in {test['groups']:,} groups "
        "(a patient's cells, and copies of one image, stay together) that no part of "
        f"training has seen, averaged over {trials}. Balanced accuracy counts every "
        f"class alike. Rare classes here, with their test cells: {rare}."
    )


def describe_gan(findings: Findings, classifier: str) -> list[str]:
    """A sentence a GAN: its gain over each cheap alternative."""
    gains = findings.gains[classifier]
    sentences = []
    for gan in findings.study.gan_balancers:
        parts = [
            f"{points(gains[c][gan]['balanced_accuracy']['value'])} points over {c} "
            f"{point_span(gains[c][gan]['balanced_accuracy'])}, "
            f"{word_of(gains[c][gan], c)}"
            for c in findings.cheap
        ]
        if parts:
            text = f"The GAN {gan} against the cheap alternatives: {'; '.join(parts)}."
            sentences.append(text)
    return sentences


def describe_classes(gain: dict[str, Any], classes: list[str]) -> str:
    """Classes whose own interval of recall lies above or below 0; "" with one trial.

    Uncorrected for the number of classes: the page has to say so beside it.
    """
    if gain["trials"] < 2:
        return ""
    found = gain["recall"]
    up, down = [], []
    for i, label in enumerate(classes):
        text = f"{readable(label)} ({points(found['value'][i])})"
        if found["low"][i] > 0:
            up.append(text)
        elif found["high"][i] < 0:
            down.append(text)
    parts = [f"better at {list_words(up)}"] if up else []
    parts += [f"worse at {list_words(down)}"] if down else []
    return "; ".join(parts) if parts else "no single class shown to change"


def describe_optimism(findings: Findings, classifier: str) -> str:
    """What the papers' protocol would have claimed, of the GAN or the worst case."""
    every = findings.optimism(classifier)
    found = {name: v for name, v in every.items() if v["value"] is not None}
    if not found:
        return ""
    worst = max(found, key=lambda name: found[name]["value"])
    gan = findings.study.gan_balancers[0] if findings.study.gan_balancers else worst
    name = gan if gan in found else worst
    records = findings.of("paper", classifier)
    heldout = findings.of("heldout", classifier)[name]
    classes = [c for c in heldout["classes"] if c not in found[name]["left_out"]]
    real = mean_recall(heldout, classes)
    paper = mean_recall(records[name], classes)
    without = describe_left_out(found[name]["left_out"])
    return (
        "Balancing first and splitting afterwards, as published, would have reported "
        f"{percent(paper)} for {name}{_lift(records, name)}. On cells "
        f"that were really held out it scores {percent(real)}: the papers' protocol "
        f"differs by {points(found[name]['value'])} points "
        f"{point_span(found[name])}{without}."
    )


def _lift(records: dict[str, Any], name: str) -> str:
    """`, +3.1 points over plain` under `paper`, on the classes that both test."""
    if name == BASELINE:
        return ""
    pair = records[name], records[BASELINE]
    tested = [tested_classes(record) for record in pair]
    classes = [label for label in tested[0] if label in tested[1]]
    ours, plain = (mean_recall(record, classes) for record in pair)
    if ours is None or plain is None:
        return ""
    shared = "" if tested[0] == tested[1] else " on the classes that both test"
    return f", {points(ours - plain)} points over {BASELINE}{shared}"


def describe_left_out(labels: list[str]) -> str:
    """`, without ...` the classes that two sets of test cells do not share."""
    if not labels:
        return ""
    return (
        f", without {list_words([readable(label) for label in labels])}, of which one "
        "protocol has no test cells"
    )
