"""The checklist's questions on the study, its evaluation, results and limits."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from cytobalance.report.card_facts import DataFacts
from cytobalance.report.checklist import Item, Section
from cytobalance.report.checklist_data import ask
from cytobalance.report.explained import Explained
from cytobalance.report.galleries import choose_balancer
from cytobalance.report.optimism_claims import describe_optimism
from cytobalance.report.records import Record, balanced_accuracy
from cytobalance.report.results import Results
from cytobalance.report.wording import list_words, name_confusion, percent, span
from cytobalance.study.params import BASELINE
from cytobalance.taxonomy import readable


def list_study(facts: DataFacts, results: Results, lead: str) -> Section:
    """What kind of study it is. lead: the answer in a sentence."""
    names = ", ".join(results.classifiers)
    cells = "simulated" if facts.simulated else "published or local"
    kind = (
        f"Classifiers of single cell images are trained and tested here ({names}), on "
        f"{cells} images. Aim: whether balancing rare classes helps "
        f"({len(results.balancers)} recipes), under the protocols "
        f"{list_words(list(results.protocols))}."
    )
    return Section(
        "Study",
        (
            Item("kind and aim of the study", "1, 4", "1, 4–6", kind),
            Item("summary", "2", "2", lead),
            Item(
                *("intended use, users, place in care", "3a, 3b", "3, 41"),
                facts.card.intended_use,
                ask("intended_use", "for what, by whom, at which step of care"),
            ),
        ),
    )


def list_evaluation(
    results: Results, shortcuts: Mapping[str, Any], explained: Iterable[Explained]
) -> Section:
    """How models were measured. explained: of each training."""
    plain = results.shown[BASELINE]
    level = f"{100 * plain['confidence']:g} %"
    return Section(
        "Evaluation",
        (
            Item("measures", "12e", "28", tell_measures(plain)),
            Item(
                *("uncertainty", "12e", "29"),
                f"{level} intervals from {plain['resamples']:,} resamples of whole "
                "groups and of trainings; those of gains hold for all recipes of a "
                "classifier together (docs/metrics.md).",
            ),
            Item(
                "differences between sources", "12d, 23b", "30", tell_by_source(plain)
            ),
            Item("search for shortcuts", "", "30", tell_shortcuts(shortcuts)),
            Item(
                *("explanation of single decisions", "", "31", tell_looks(explained)),
                "no network of this study has maps of what it looked at",
            ),
            Item("internal test", "12a", "32", tell_internal(results)),
            Item("training against test cells", "16", "32", tell_difference(results)),
            Item(
                *("external test", "16", "33", tell_external(results)),
                "no source was left out of training; set protocol `source_out`, and "
                "test on cells of another laboratory",
            ),
        ),
    )


def list_results(
    facts: DataFacts, results: Results, lead: str, adjusted: Collection[str]
) -> Section:
    """What came out. adjusted: recipes that adjust probabilities after training."""
    return Section(
        "Results and limits",
        (
            Item("performance", "23a", "37, 38", tell_performance(results)),
            Item("failures", "", "39", tell_failures(results)),
            Item(
                *("recalibration, and its result", "12f, 13, 24", ""),
                tell_recalibration(results, adjusted),
                "no probability was recalibrated after training; calibration is on "
                "the page",
            ),
            Item(
                "interpretation",
                "25",
                "",
                f"{lead} {describe_optimism(results)}".strip(),
            ),
            Item("limits", "26", "40", tell_limits(facts)),
            Item(
                *("images that can't be used; skill of users", "27a, 27b", ""),
                "tools/predict.py gives a reason for each file that it can't read, and "
                "refuses images it would read otherwise than those of training "
                "(docs/prediction.md). What skill a user needs is not known.",
            ),
            Item(
                *("next steps", "27c", "41", None),
                "write them in the paper",
            ),
        ),
    )


def tell_looks(explained: Iterable[Explained]) -> str | None:
    """How many trainings have maps of what they looked at; None where none has."""
    mapped = [not one.about["looks"]["reason"] for one in explained]
    if not any(mapped):
        return None
    return (
        f"Grad-CAM of a sample of hits and misses of {sum(mapped)} of {len(mapped)} "
        "trainings, beside each cell's nearest training cells (on the page). The maps "
        "were not judged by anybody for this record."
    )


def tell_measures(record: Record) -> str:
    """Names of all scores."""
    overall = [readable(name) for name in record["test"]["all"]["overall"]]
    classes = record["test"]["all"]["classes"]
    own = [readable(n) for n in next(iter(classes.values())) if n != "support"]
    fit = [n for n in record["test"]["all"]["calibration"] if n != "bins"]
    return (
        f"Of all cells: {', '.join(overall)}; of each class: {', '.join(own)}; of "
        f"calibration: {', '.join(readable(name) for name in fit)}."
    )


def tell_by_source(record: Record) -> str | None:
    """Balanced accuracy on each source's test cells, without balancing."""
    sources = record.get("by_source")
    if not sources:
        return None
    parts = [
        f"{name} {percent(part['balanced_accuracy'])} on {part['cells']:,} cells"
        for name, part in sources.items()
    ]
    return (
        f"Balanced accuracy of {BASELINE} over the classes of each: {'; '.join(parts)}."
    )


def tell_shortcuts(shortcuts: Mapping[str, Any]) -> str:
    """What small features tell of a class from its image's border."""
    border = shortcuts["border"]
    score, chance = border.get("balanced_accuracy"), border.get("chance")
    if score is None:
        return "Too few cells to look for them."
    return (
        "The border of the image alone names the class with a balanced accuracy of "
        f"{percent(score)}, by chance {percent(chance)}; the page has the sources."
    )


def tell_internal(results: Results) -> str | None:
    """On how many real cells that training lacked."""
    if results.protocol != "heldout":
        return None
    test = results.shown[BASELINE]["test"]["all"]
    return (
        f"{test['cells']:,} cells in {test['groups']:,} groups, none of them "
        "synthetic, that no training has seen."
    )


def tell_difference(results: Results) -> str:
    """What each protocol tests on."""
    tests = {
        "heldout": "heldout: cells of the same sources and classes, none synthetic",
        "paper": "paper: pooled cells, some synthetic, which balancing has seen",
        "source_out": "source_out: cells of a source that training lacked",
    }
    return "; ".join(tests[name] for name in results.protocols) + "."


def tell_external(results: Results) -> str | None:
    """Scores on a source that training lacked."""
    key = ("source_out", BASELINE, results.classifier)
    if key not in results.records:
        return None
    return (
        f"{results.classifier} without balancing, on a source that training lacked: "
        f"balanced accuracy {_score(results.records[key])}."
    )


def tell_performance(results: Results) -> str:
    """The best recipe of either kind; without held-out cells, every recipe shown."""
    best = [
        entry for kind in ("cheap", "synthetic") if (entry := results.contest.get(kind))
    ]
    if best:
        return (
            "; ".join(
                f"{e['recipe']} with {e['classifier']}: balanced accuracy "
                f"{percent(e['test'])} {span(e['low'], e['high'])}"
                for e in best
            )
            + ". Every class, precision and specificity are on the page."
        )
    scores = [f"{name} {_score(record)}" for name, record in results.shown.items()]
    return f"Balanced accuracy under {results.protocol}: {'; '.join(scores)}."


def _score(record: Record) -> str:
    score = balanced_accuracy(record)
    return f"{percent(score['mean'])} {span(score['low'], score['high'])}"


def tell_failures(results: Results) -> str:
    """The most frequent confusions of the shown classifier without balancing."""
    record = results.shown[BASELINE]
    parts = [name_confusion(c) for c in record["test"]["all"]["top_confusions"]]
    if not parts:
        return f"{BASELINE} named every test cell rightly."
    return (
        f"Of {results.classifier} without balancing: {'; '.join(parts)}. Every miss "
        "stands by cell id in metrics/classifiers; the page has the surest of "
        f"{choose_balancer(results.shown)}."
    )


def tell_recalibration(results: Results, adjusted: Collection[str]) -> str | None:
    """What was done to probabilities after training, and the calibration errors.

    Recipes that adjust them, and the temperature of all trials together, which needs
    real test cells; None without either.
    """
    parts = [_tell_adjusted(results, adjusted), _tell_temperature(results)]
    return " ".join(filter(None, parts)) or None


def _tell_temperature(results: Results) -> str:
    scaled = {n: r["temperature"] for n, r in results.shown.items() if "sets" in r}
    parts = [
        f"{name} {about['before']['ece']:.3f} and {about['after']['ece']:.3f}"
        for name, about in scaled.items()
    ]
    return bool(parts) * (
        "All trials together are scaled by a temperature fitted on validation cells; "
        f"calibration error (ECE) before and after: {', '.join(parts)}."
    )


def _tell_adjusted(results: Results, adjusted: Collection[str]) -> str:
    names = [name for name in results.shown if name in adjusted]
    if not names:
        return ""
    parts = [
        f"{name} {results.shown[name]['test']['all']['calibration']['ece']:.3f}"
        for name in (BASELINE, *names)
    ]
    return (
        f"Probabilities of {list_words(names)} are adjusted for how common each class "
        f"was. Calibration error (ECE): {', '.join(parts)}."
    )


def tell_limits(facts: DataFacts) -> str:
    """What the census warns of."""
    warnings = facts.dataset["warnings"]
    text = "The sources chose which cells to publish: shares are theirs."
    return " ".join([text, *(f"{w[:1].upper()}{w[1:]}." for w in warnings)])
