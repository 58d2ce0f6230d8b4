"""Tables of the page that compare balancers: scores, gains, classes, optimism."""

from dataclasses import replace

from cytobalance.report.blocks import Cell, Table
from cytobalance.report.comparison import verdict
from cytobalance.report.records import (
    Record,
    balanced_accuracy,
    rare_recall,
    select_records,
    untested_classes,
)
from cytobalance.report.results import Results
from cytobalance.report.wording import (
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


def tabulate_classes(record: Record) -> Table:
    """All scores of every class of one classifier; a recall opens its cells."""
    rows = []
    for k, (label, scores) in enumerate(record["test"]["all"]["classes"].items()):
        auroc = scores.get("auroc")
        recall, *others = (_class_score(scores.get(key)) for key in CLASS_SCORES)
        if isinstance(recall, Cell):
            opens = f"{record['balancer']} {record['classifier']} {k}"
            recall = replace(recall, opens=opens)
        rows.append(
            (
                *(readable(label), f"{scores['support']}", recall, *others),
                "–" if auroc is None else f"{auroc:.3f}",
            )
        )
    header = ("class", "test cells", *CLASS_SCORES.values(), "AUROC")
    return Table(header, tuple(rows))


def _class_score(value: list[float] | None) -> Cell | str:
    """Score and its limits."""
    return "–" if value is None else Cell(percent(value[0]), span(*value[1:]))


def tabulate_optimism(results: Results, classifier: str) -> Table:
    """Both protocols side by side and their difference, a row a recipe."""
    scores = {
        protocol: select_records(results.records, protocol, classifier)
        for protocol in ("heldout", "paper")
    }
    rows = []
    for name, difference in results.optimism[classifier].items():
        left_out = list_words([readable(label) for label in difference["left_out"]])
        value = difference["value"]
        flattery = "–" if value is None else Cell(points(value), point_span(difference))
        both = (
            Cell(percent(score["mean"]), span(score["low"], score["high"]))
            for records in scores.values()
            if (score := balanced_accuracy(records[name]))
        )
        rows.append((name, *both, flattery, left_out or "none"))
    header = (
        "recipe",
        *(f"balanced accuracy, {protocol}" for protocol in scores),
        "optimism, points",
        "classes not compared, without test cells in one protocol",
    )
    return Table(header, tuple(rows), prose=(4,))
