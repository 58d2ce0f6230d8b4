"""The report's page: the answer first, then all that it rests on."""

from html import escape
from typing import Any

from cytobalance.report import evidence, gans, page, sections
from cytobalance.report.claims import (
    describe_chance,
    describe_classes,
    describe_gan,
    describe_optimism,
    describe_test,
    lead,
    point_span,
    points,
)
from cytobalance.report.findings import BASELINE, Findings, verdict
from cytobalance.report.inputs import Material


def write_report(findings: Findings, material: Material) -> str:
    """The whole page as HTML; the same input gives the same text."""
    study = findings.study
    # The study's first classifier is told in full, others in the table of scores.
    classifier = study.classifiers[0]
    protocol = findings.protocol
    where = findings, classifier, protocol, material
    parts = {
        "Scores": sections.show_scores(findings, protocol),
        "Gains": sections.show_gains(findings, classifier, material),
        "Classes": sections.show_classes(*where),
        "The papers' protocol": sections.show_papers_protocol(
            findings, classifier, material
        ),
        "Confusion": evidence.show_confusion(*where),
        "Cells": evidence.show_cells(*where),
        "Synthetic cells": gans.show_gans(protocol, material),
        "Training": evidence.show_training(material),
        "Data": evidence.show_data(*where),
        "Glossary": evidence.show_glossary(),
    }
    parts = {name: body for name, body in parts.items() if body}
    links = " ".join(f'<a href="#{_anchor(name)}">{escape(name)}</a>' for name in parts)
    body = [
        f"<h1>{escape(study.study.title)}</h1>",
        page.paragraph(
            f"Did balancing help? A cytobalance report; classifier {classifier}, "
            f"seed {study.study.seed}.",
            "quiet",
        ),
        _answer(findings, classifier, material.dataset),
        f"<nav>{links}</nav>",
    ]
    for name, section in parts.items():
        body += [page.heading(name, _anchor(name)), *section]
    banner = f"Simulated data: {study.study.title}" if study.simulated else ""
    return page.write_page(study.study.title, banner, body)


def _anchor(name: str) -> str:
    return name.lower().replace(" ", "-")


def _answer(findings: Findings, classifier: str, dataset: dict[str, Any]) -> str:
    """The box on top: verdict, a line a balancer, GAN against the rest, flattery."""
    parts = [page.paragraph(lead(findings, classifier), "lead")]
    if text := describe_chance(findings, classifier):
        parts.append(page.paragraph(text))
    gains = findings.gains[classifier].get(BASELINE)
    if gains:
        record = findings.of("heldout", classifier)[BASELINE]
        lines = []
        for name, gain in gains.items():
            main, rare = gain["balanced_accuracy"], gain["rare_recall"]
            notes = [
                f"rare classes {points(rare['value'])} {point_span(rare)}",
                describe_classes(gain, record["classes"]),
            ]
            lines.append(
                f"<li><b>{escape(name)}</b> {points(main['value'])} points "
                f"<small>{point_span(main)}</small> {page.chip(verdict(gain))}<br>"
                f"<small>{escape('; '.join(filter(None, notes)))}</small></li>"
            )
        level = f"{100 * record['confidence']:.0f} %"
        parts.append(
            page.paragraph(
                "Gain in balanced accuracy over no balancing, with its "
                f"{level} interval:",
            )
        )
        parts.append(f"<ul>{''.join(lines)}</ul>")
        if record["trials"] > 1:
            text = (
                "A class is named where its own interval leaves out 0. That is "
                f"{len(record['classes'])} tests a balancer, not corrected for their "
                "number: some may be named by chance alone."
            )
            parts.append(page.paragraph(text, "quiet"))
        parts += [page.paragraph(text) for text in describe_gan(findings, classifier)]
    if text := describe_optimism(findings, classifier):
        parts.append(page.paragraph(text))
    if gains:
        parts.append(page.paragraph(describe_test(findings, classifier), "quiet"))
    if related := dataset.get("related"):
        text = f"What the scores need: {related['note']}."
        parts.append(page.paragraph(text, "quiet"))
    return f'<div class="answer">{"".join(parts)}</div>'
