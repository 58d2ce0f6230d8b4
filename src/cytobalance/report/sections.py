"""Sections of the report that compare balancers: scores, gains, classes, flattery."""

from html import escape

from cytobalance.report import page
from cytobalance.report.claims import (
    describe_balancer,
    list_words,
    percent,
    point_span,
    points,
    span,
    word_of,
)
from cytobalance.report.findings import (
    BASELINE,
    Findings,
    rare_recall,
    untested_classes,
    verdict,
)
from cytobalance.report.inputs import Material
from cytobalance.taxonomy import readable


def show_scores(findings: Findings, protocol: str) -> list[str]:
    """Every balancer's scores with intervals, all classifiers."""
    columns = {
        "balanced_accuracy": "balanced accuracy",
        "macro_precision": "precision",
        "macro_f1": "F1",
        "macro_specificity": "specificity",
        "accuracy": "accuracy",
    }
    rows = []
    for name in findings.study.classifiers:
        gains = findings.gains[name].get(BASELINE, {})
        for balancer, record in findings.of(protocol, name).items():
            overall = record["test"]["all"]["overall"]
            about = describe_balancer(balancer, findings)
            word = page.chip(verdict(gains[balancer])) if balancer in gains else ""
            first = (
                f"<b>{escape(balancer)}</b> {word}<br><small>{escape(about)}</small>"
            )
            if len(findings.study.classifiers) > 1:
                first = f"{escape(name)}: {first}"
            rare = percent(rare_recall(record, findings.rare))
            scores = [_score(overall[key]) for key in columns]
            together = record["ensemble"]["all"]["overall"]["balanced_accuracy"]
            rows.append([first, scores[0], _score(together), rare, *scores[1:]])
    header = ["balancer", "balanced accuracy", "the same, trials together"]
    header += ["recall, rare classes"]
    header += list(columns.values())[1:]
    untested = untested_classes(findings.of(protocol, findings.study.classifiers[0]))
    return [
        page.table(header, rows, text=(0,)),
        *(
            page.paragraph(
                f"{name} has no test cells of "
                f"{list_words([readable(label) for label in labels])}: its means leave "
                "them out, so compare them with care.",
                "quiet",
            )
            for name, labels in untested.items()
        ),
        page.paragraph(
            f"Test cells of protocol {protocol}; mean over trials, interval in "
            "brackets, standard deviation over trials after ±. Precision, F1 and "
            "specificity are macro averages; the macro recall (sensitivity) is the "
            "balanced accuracy. “Trials together” averages the probabilities of all "
            "trials, as predict.py does for new cells: the score of that one "
            "classifier. All other numbers of this page are of single trials.",
            "quiet",
        ),
    ]


def _score(score: dict[str, float]) -> str:
    limits = span(score["low"], score["high"])
    spread = "" if score["sd"] is None else f" ±{100 * score['sd']:.1f}"
    return f"{percent(score['mean'])}<br><small>{limits}{spread}</small>"


def show_gains(findings: Findings, classifier: str, material: Material) -> list[str]:
    """The forest plot and its numbers; nothing without held-out cells."""
    if "gains" not in material.charts:
        return []
    rows = [
        [
            f"{escape(name)} over {escape(reference)}<br>"
            f"{page.chip(word_of(gain, reference))}",
            *(
                f"{points(gain[key]['value'])}<br><small>{point_span(gain[key])}</small>"
                for key in ("balanced_accuracy", "rare_recall", "macro_f1", "accuracy")
            ),
        ]
        for reference, gains in findings.gains[classifier].items()
        for name, gain in gains.items()
        if reference == BASELINE or name in findings.study.gan_balancers
    ]
    return [
        page.picture(
            material.charts["gains"],
            "Gain of each balancer with its interval",
            "Both classifiers judge the same test cells, so what makes a patient's "
            "cells easy or hard cancels out. An interval that crosses 0 shows no "
            "difference. Below the line: the GAN against the cheap alternatives.",
        ),
        page.table(
            [
                "gain, points",
                "balanced accuracy",
                "recall, rare classes",
                "F1",
                "accuracy",
            ],
            rows,
        ),
    ]


def show_classes(
    findings: Findings, classifier: str, protocol: str, material: Material
) -> list[str]:
    """Recall of each class as a picture; all scores of each class as tables."""
    parts = [
        page.picture(
            material.charts["recall_by_class"],
            "Recall of every class, each balancer beside plain",
            "Hollow: plain. Filled: the balancer, with its interval. Classes by number "
            "of training cells before balancing, the rarest on top; test cells in "
            "brackets.",
        )
    ]
    keys = ("recall", "specificity", "precision", "f1", "accuracy")
    for balancer, record in findings.of(protocol, classifier).items():
        rows = []
        for label, found in record["test"]["all"]["classes"].items():
            cells = [f"{escape(readable(label))}", f"{found['support']}"]
            for key in keys:
                value = found.get(key)
                cells.append(
                    "–"
                    if value is None
                    else f"{percent(value[0])}<br><small>{span(*value[1:])}</small>"
                )
            auroc = found.get("auroc")
            cells.append("–" if auroc is None else f"{auroc:.3f}")
            rows.append(cells)
        header = [
            "class",
            "test cells",
            "recall (sensitivity)",
            "specificity",
            "precision",
            "F1",
            "accuracy",
            "AUROC",
        ]
        parts += [
            f"<details><summary>Every class: {escape(balancer)}</summary>"
            + page.table(header, rows)
            + "</details>"
        ]
    return parts


def show_papers_protocol(
    findings: Findings, classifier: str, material: Material
) -> list[str]:
    """By how much the papers' protocol flatters; nothing with one protocol alone."""
    if "optimism" not in material.charts:
        return []
    rows = [
        [
            escape(name),
            "–"
            if v["value"] is None
            else f"{points(v['value'])} <small>{point_span(v)}</small>",
            escape(list_words([readable(c) for c in v["left_out"]]) or "none"),
        ]
        for name, v in findings.optimism(classifier).items()
    ]
    return [
        page.paragraph(
            "Protocol “paper” balances first and splits afterwards: the GAN sees the "
            "test cells, part of the test cells are synthetic, and a patient's cells "
            "stand on both sides. Protocol “heldout” deals whole groups first. The "
            "difference is optimism: it is no skill of the classifier."
        ),
        page.picture(
            material.charts["optimism"],
            "Balanced accuracy under both protocols",
            "Bars are intervals. Each mark is over the classes that have such test "
            "cells; the table compares the classes that both protocols test.",
        ),
        page.table(
            [
                "balancer",
                "optimism, points of balanced accuracy",
                "classes not compared, without test cells in one protocol",
            ],
            rows,
        ),
    ]
