"""Sections of the report that show what the comparison rests on: cells and training."""

from html import escape
from typing import Any

from cytobalance.report import page
from cytobalance.report.claims import mean_count, number, percent
from cytobalance.report.findings import BASELINE, Findings
from cytobalance.report.galleries import show_hits, show_misses
from cytobalance.report.glossary import CAVEATS, CITATION, GLOSSARY
from cytobalance.report.inputs import Material
from cytobalance.taxonomy import readable


def show_confusion(
    findings: Findings, classifier: str, protocol: str, material: Material
) -> list[str]:
    """A confusion matrix a balancer."""
    pictures = [
        page.picture(
            material.charts[f"confusion-{name}"],
            f"Confusion matrix of {name}",
            _name_confusions(record),
            wide=False,
        )
        for name, record in findings.of(protocol, classifier).items()
    ]
    return [f'<div class="pair">{"".join(pictures)}</div>']


def _name_confusions(record: dict[str, Any]) -> str:
    """The two confusions that are most frequent, in words."""
    worst = record["test"]["all"]["top_confusions"][:2]
    texts = [
        f"{readable(c['actual'])} taken for {readable(c['predicted'])}: "
        f"{mean_count(c['cells'])} cells, {percent(c['share'])} of the class"
        for c in worst
    ]
    return "Most frequent: " + "; ".join(texts) + "." if texts else "No confusion."


def show_cells(
    findings: Findings, classifier: str, protocol: str, material: Material
) -> list[str]:
    """Hits and misses of the balancer with the highest balanced accuracy."""
    records = findings.of(protocol, classifier)
    best = max(
        records,
        key=lambda n: records[n]["test"]["all"]["overall"]["balanced_accuracy"]["mean"],
    )
    return [
        page.paragraph(
            f"Test cells as {best} (the highest balanced accuracy here) sees them, "
            "first trial. Title: predicted class, confidence, (true class)."
        ),
        "<h3>Named rightly, drawn by chance</h3>",
        show_hits(records[best], material.images),
        "<h3>Named wrongly, the surest first</h3>",
        show_misses(records[best], material.images),
    ]


def show_training(material: Material) -> list[str]:
    """Training curves and reliability."""
    return [
        page.picture(
            material.charts["curves"],
            "Loss and accuracy by epoch",
            "Dashed: training. Solid: validation, on which the epoch is chosen. A line "
            "a trial. Training cells differ between balancers, so compare solid lines.",
        ),
        page.picture(
            material.charts["reliability"],
            "Confidence against the share that is right",
            "On the dotted line a confidence of 90 % is right nine times in ten; "
            "below it the classifier is too sure. Area: the number of cells.",
        ),
    ]


def show_data(
    findings: Findings, classifier: str, protocol: str, material: Material
) -> list[str]:
    """Cells of each class in each part, before and after balancing; the curation."""
    records = findings.of(protocol, classifier)
    plain = records[BASELINE]
    others = [name for name in records if name != BASELINE]
    rows = []
    for i, label in enumerate(plain["classes"]):
        real = plain["cells"]["train"]["real"][i]
        row = [escape(readable(label)), f"{real:,}"]
        for name in others:
            train = records[name]["cells"]["train"]
            made = train["synthetic"][i]
            text = f"{train['real'][i]:,}"
            row.append(f"{text} + {made:,}" if made else text)
        row += [
            f"{sum(plain['cells'][part][o][i] for o in ('real', 'synthetic')):,}"
            for part in ("validation", "test")
        ]
        rows.append(row)
    header = ["class", f"training: {BASELINE}", *others, "validation", "test"]
    parts = [
        page.table(header, rows),
        page.paragraph(
            f"Training cells of each class + synthetic ones, protocol {protocol}; "
            "then the validation and test cells that all balancers share.",
            "quiet",
        ),
    ]
    if material.dataset:
        parts += ["<h3>How the cells were gathered</h3>", *_curation(material.dataset)]
    return parts


def _curation(dataset: dict[str, Any]) -> list[str]:
    """What metrics/dataset.json tells: files in and out, sources, types, warnings."""
    counts = {
        **{f"files or rows, {key}": value for key, value in dataset["files"].items()},
        "images relabelled by experts": dataset["relabelled"],
        "groups that stay on one side": dataset["groups"],
        "largest class over smallest": dataset["imbalance"],
    }
    rejected = [
        [escape(stage), escape(reason), f"{count:,}"]
        for stage, reasons in dataset["rejected"].items()
        for reason, count in reasons.items()
    ]
    by_source = dataset["class_by_source"]
    sources = list(dict.fromkeys(name for row in by_source.values() for name in row))
    published, types = dataset["published_types"], dataset["types"]
    parts = [
        page.table(["count", ""], [[k, number(v)] for k, v in counts.items()]),
        page.table(["left out by", "reason", "files or rows"], rejected, text=(1,)),
        page.table(
            ["class, by source", *sources],
            [
                [escape(readable(label)), *(f"{row.get(n, 0):,}" for n in sources)]
                for label, row in by_source.items()
            ],
        ),
        page.table(
            ["type", "as published", "in the study"],
            [
                [
                    escape(readable(n)),
                    f"{published.get(n, 0):,}",
                    f"{types.get(n, 0):,}",
                ]
                for n in {**published, **types}
            ],
        ),
    ]
    return [*parts, *(page.paragraph(text, "quiet") for text in dataset["warnings"])]


def show_glossary() -> list[str]:
    """Terms, limits, citation."""
    terms = "".join(
        f"<dt>{escape(term)}</dt><dd>{escape(text)}</dd>"
        for term, text in GLOSSARY.items()
    )
    caveats = "".join(f"<li>{escape(text)}</li>" for text in CAVEATS)
    return [
        f"<dl>{terms}</dl>",
        "<h3>Read with care</h3>",
        f"<ul>{caveats}</ul>",
        "<h3>How to cite</h3>",
        page.paragraph(CITATION),
    ]
