"""Tables of the page that compare balancers: scores, gains, classes, optimism."""

from collections.abc import Sequence

from cytobalance.report.blocks import Cell, Table
from cytobalance.report.claims import GainLine
from cytobalance.report.comparison import verdict
from cytobalance.report.records import (
    Record,
    rare_recall,
    select_records,
    untested_classes,
)
from cytobalance.report.results import Results
from cytobalance.report.wording import (
    joint_span,
    list_words,
    percent,
    point_span,
    points,
    span,
)
from cytobalance.taxonomy import readable

# Score -> heading of its column.
SCORES = {
    "macro_precision": "precision",
    "macro_f1": "F1",
    "macro_specificity": "specificity",
    "accuracy": "accuracy",
}
# What a gain is given in -> heading of its column.
GAINS = {
    "balanced_accuracy": "balanced accuracy",
    "rare_recall": "recall, rare classes",
    "macro_f1": "F1",
    "accuracy": "accuracy",
}
CLASS_SCORES = {
    "recall": "recall (sensitivity)",
    "specificity": "specificity",
    "precision": "precision",
    "f1": "F1",
    "accuracy": "accuracy",
}


def tabulate_scores(results: Results, classifier: str) -> Table:
    """Every score of one classifier with its interval, a row a balancer."""
    gains = results.gains[classifier]
    rows = []
    records = select_records(results.records, results.protocol, classifier)
    for name, record in records.items():
        overall = record["test"]["all"]["overall"]
        together = record["ensemble"]["all"]["overall"]["balanced_accuracy"]
        word = verdict(gains[name]) if name in gains else ""
        rows.append(
            (
                Cell(name, results.about[name], word, strong=True),
                _score(overall["balanced_accuracy"]),
                _score(together),
                percent(rare_recall(record, results.rare)),
                *(_score(overall[score]) for score in SCORES),
            )
        )
    header = ("balancer", "balanced accuracy", "the same, trials together")
    header += ("recall, rare classes", *SCORES.values())
    return Table(header, tuple(rows), prose=(0,))


def _score(score: dict[str, float]) -> Cell:
    spread = "" if score["sd"] is None else f" ±{100 * score['sd']:.1f}"
    return Cell(percent(score["mean"]), span(score["low"], score["high"]) + spread)


def warn_of_untested(records: dict[str, Record]) -> tuple[str, ...]:
    """A sentence for each balancer whose means leave classes out."""
    return tuple(
        f"{name} has no test cells of "
        f"{list_words([readable(label) for label in labels])}: its means leave "
        "them out, so compare them with care."
        for name, labels in untested_classes(records).items()
    )


def tabulate_gains(lines: Sequence[GainLine]) -> Table:
    """The numbers of the forest plot."""
    rows = [
        (
            Cell(f"{line.balancer} over {line.reference}", verdict=line.verdict),
            *(
                Cell(points(line.gain[key]["value"]), _both_spans(line.gain[key]))
                for key in GAINS
            ),
        )
        for line in lines
    ]
    return Table(("gain, points", *GAINS.values()), tuple(rows))


def _both_spans(gain: dict[str, float]) -> str:
    """The joint limits, and those of the comparison alone where they differ."""
    joint, alone = joint_span(gain), point_span(gain)
    return joint if joint == alone else f"{joint}, alone {alone}"


def tabulate_classes(record: Record) -> Table:
    """All scores of every class of one classifier."""
    rows = []
    for label, scores in record["test"]["all"]["classes"].items():
        auroc = scores.get("auroc")
        rows.append(
            (
                readable(label),
                f"{scores['support']}",
                *(_class_score(scores.get(key)) for key in CLASS_SCORES),
                "–" if auroc is None else f"{auroc:.3f}",
            )
        )
    header = ("class", "test cells", *CLASS_SCORES.values(), "AUROC")
    return Table(header, tuple(rows))


def _class_score(value: list[float] | None) -> Cell | str:
    """Score and its limits."""
    return "–" if value is None else Cell(percent(value[0]), span(*value[1:]))


def tabulate_optimism(results: Results) -> Table:
    """By how much the papers' protocol flatters each balancer."""
    rows = []
    for name, difference in results.optimism[results.classifier].items():
        left_out = list_words([readable(label) for label in difference["left_out"]])
        value = difference["value"]
        flattery = "–" if value is None else Cell(points(value), point_span(difference))
        rows.append((name, flattery, left_out or "none"))
    header = (
        "balancer",
        "optimism, points of balanced accuracy",
        "classes not compared, without test cells in one protocol",
    )
    return Table(header, tuple(rows))
