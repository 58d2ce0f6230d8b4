"""What must be read with the verdict: the best recipe, its cost, the test's limits."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from cytobalance.report.comparison import HELPED, ONE_GROUP, ONE_TRIAL
from cytobalance.report.headline import (
    Winner,
    can_tell,
    gain_of,
    judge_score,
    record_of,
)
from cytobalance.report.optimism_claims import describe_optimism
from cytobalance.report.records import (
    Record,
    balanced_accuracy,
    common_classes,
    mean_recall,
)
from cytobalance.report.results import Results
from cytobalance.report.wording import joint_span, list_words, percent, points, span
from cytobalance.study.params import BASELINE
from cytobalance.taxonomy import readable

# The share of repeated studies that would show a gain of the size that is named.
POWER = 0.8


@dataclass(frozen=True)
class Fact:
    """A heading of the first screen and the text below it."""

    term: str
    text: str


def list_facts(results: Results) -> tuple[Fact, ...]:
    """What stands below the verdict; a fact that the study has no numbers for is not.

    The last one stands on every page.
    """
    texts = {
        "Best recipe": _tell_best(results),
        "What it costs the common classes": _tell_cost(results),
        "What this test can't show": _tell_limits(results),
        "What the papers' protocol would have said": describe_optimism(results),
        "Not for diagnosis": _warn(results),
    }
    return tuple(Fact(term, text) for term, text in texts.items() if text)


def least_shown(score: dict[str, float], confidence: float) -> float:
    """The true gain that such a test would show in 80 % of repeated studies.

    score: limits of a gain, alone and joint. An interval leaves out 0 where the gain
    found is above half its width, so the true one must exceed that by what the gain
    varies between studies: its standard error is in the limits of it alone.
    """
    joint, alone = (
        (score[high] - score[low]) / 2
        for low, high in (("joint_low", "joint_high"), ("low", "high"))
    )
    normal = NormalDist()
    error = alone / normal.inv_cdf((1 + confidence) / 2)
    return joint + normal.inv_cdf(POWER) * error


def _pick_best(results: Results) -> tuple[Winner | None, Winner | None]:
    """The recipe to use and the other kind's: synthetic cells have to be better."""
    if not results.contest:
        return None, None
    cheap, synthetic = results.contest["cheap"], results.contest["synthetic"]
    difference = results.contest["difference"]
    if cheap is None or (difference and difference["verdict"] == HELPED):
        return synthetic, cheap
    return cheap, synthetic


def _tell_best(results: Results) -> str:
    best, other = _pick_best(results)
    if not best:
        return ""
    plain = results.records["heldout", BASELINE, best["classifier"]]
    beside = (
        ""
        if best["recipe"] == BASELINE
        else (f" (without balancing {percent(balanced_accuracy(plain)['mean'])})")
    )
    text = (
        f"{best['recipe']} with {best['classifier']} "
        f"({results.about[best['recipe']]}): "
        f"balanced accuracy {percent(best['test'])} "
        f"{span(best['low'], best['high'])}{beside}. {_tell_choice(other)}"
    )
    if other:
        kind = "with" if best is results.contest["cheap"] else "without"
        text += (
            f" The best {kind} synthetic cells, {other['recipe']} with "
            f"{other['classifier']}: {percent(other['test'])} "
            f"{span(other['low'], other['high'])}."
        )
    return text


def _tell_choice(other: Winner | None) -> str:
    """Which cells chose the best recipe. other: the best of the other kind, if any."""
    if not other:
        return "Validation cells chose it; test cells had no say."
    return (
        "Validation cells chose the best recipe of each kind; the test decides whether "
        "the one with synthetic cells is named."
    )


def _tell_cost(results: Results) -> str:
    """What the best recipe changes in the classes that are not rare."""
    best, _ = _pick_best(results)
    gain = gain_of(results, best) if best else None
    if gain is None or not can_tell(results, best):
        return ""
    record = record_of(results, best)
    common = common_classes(record, results.rare)
    change = gain["common_recall"]
    if not common:
        return ""
    after = mean_recall(record, common)
    place = {label: i for i, label in enumerate(record["classes"])}
    lost = {label: gain["recall"]["value"][place[label]] for label in common}
    most = min(lost, key=lost.__getitem__)
    worst = (
        f" The largest loss: {readable(most)}, {points(lost[most])} points."
        if lost[most] < 0
        else " None of them lost."
    )
    return (
        f"Mean recall of the {len(common)} other classes went from "
        f"{percent(after - change['value'])} to {percent(after)}, "
        f"{points(change['value'])} points {joint_span(change)}: "
        f"{judge_score(gain, 'common_recall')}.{worst} Accuracy over all cells: "
        f"{points(gain['accuracy']['value'])} points {joint_span(gain['accuracy'])}."
    )


def _tell_limits(results: Results) -> str:
    """The gains that could have been shown, the rare test cells, the sources."""
    best = results.contest and results.contest["cheap"]
    if not best:
        return ""
    record = record_of(results, best)
    cells = record["test"]["all"]["classes"]
    names = [f"{readable(c)} {cells[c]['support']}" for c in results.rare]
    few = f"Test cells of the rare classes: {list_words(names)}."
    beyond = "Other laboratories, stains and scanners were not tested."
    return " ".join(filter(None, (_tell_sizes(results, best), few, beyond)))


def _tell_sizes(results: Results, best: Winner) -> str:
    """The gains that this test could have shown; "" where it has no verdicts."""
    if not can_tell(results, best):
        return ""
    record, gain = record_of(results, best), gain_of(results, best)
    scores = {"rare_recall": "points of recall of the rare classes"}
    scores |= {"balanced_accuracy": "of balanced accuracy"}
    sizes = [
        f"{_size(gain[key], record)} {name}"
        for key, name in scores.items()
        if gain is not None and not np.isnan(gain[key]["value"])
    ]
    texts = []
    if sizes:
        texts.append(
            f"A cheap recipe must truly gain about {' or '.join(sizes)} for four such "
            "studies in five to show it; smaller gains can go unseen."
        )
    difference = results.contest["difference"]
    if difference and difference["verdict"] not in (ONE_GROUP, ONE_TRIAL):
        limits = {f"joint_{end}": difference[end] for end in ("low", "high")}
        size = _size(difference | limits, record)
        texts.append(
            f"Synthetic cells must add about {size} points of balanced accuracy."
        )
    return " ".join(texts)


def _size(score: dict[str, float], record: Record) -> str:
    return f"{100 * least_shown(score, record['confidence']):.0f}"


def _warn(results: Results) -> str:
    if results.simulated:
        return (
            "The cells are simulated, so no number here says anything about patients. "
            "This is no medical device."
        )
    images = "published images" if results.public else "images"
    return (
        f"A research result on {images} of these sources, not tested in a laboratory's "
        "routine. This is no medical device."
    )
