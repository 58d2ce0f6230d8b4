"""Model cards of the best classifiers, in the sections of Mitchell et al. 2019.

Proceedings of FAT* 2019, 220-229; the front matter is Hugging Face's, by its library.
"""

from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from cytobalance.classify.settings import Classifier
from cytobalance.report.card_facts import DataFacts
from cytobalance.report.cards import WARNING, Chapter, licence_of, write_card
from cytobalance.report.checklist_data import tell_images, tell_sources
from cytobalance.report.checklist_model import describe_settings
from cytobalance.report.contest import choose_best
from cytobalance.report.records import Record
from cytobalance.report.results import Results
from cytobalance.report.wording import name_confusion, percent, span
from cytobalance.study import places
from cytobalance.study.stages import View
from cytobalance.taxonomy import readable

LIBRARIES = {"timm": "timm", "scikit_learn": "sklearn", "sequential_cnn": "pytorch"}
METRICS = ("balanced_accuracy", "accuracy", "macro_f1")
HELD_OUT = {
    "heldout": "No training and no choice has seen the test cells; none is synthetic.",
    "paper": "Test cells are no strangers to training: scores are not held out.",
}


def choose_models(results: Results) -> tuple[str, ...]:
    """Keys of each classifier's best recipe, and of the best with and without a GAN.

    Chosen on validation cells, under the protocol that is shown in full.
    """
    shown = {
        key[1:]: record
        for key, record in results.records.items()
        if key[0] == results.protocol
    }
    entries = [
        choose_best(shown, [entry for entry in shown if entry[1] == name])
        for name in results.classifiers
    ]
    for kind in ("cheap", "synthetic"):
        if best := results.contest.get(kind):
            entries.append((best["recipe"], best["classifier"]))
    return tuple(
        places.key(results.protocol, *entry) for entry in dict.fromkeys(entries)
    )


def write_model_card(key: str, study: View, results: Results, facts: DataFacts) -> str:
    """The card of one classifier as Markdown. key: protocol, recipe, classifier."""
    protocol, recipe, classifier = places.key_names(key)
    record = results.records[protocol, recipe, classifier]
    settings = study.trainings[places.key(recipe, classifier)]
    title = f"{classifier} with {recipe}: {facts.title}"
    kind = "simulated" if facts.simulated else "real"
    lead = (
        f"Names one of {len(record['classes'])} classes of {kind} cells from an "
        f"image of one cell. {WARNING} {HELD_OUT[protocol]}"
    )
    chapters = (
        Chapter("Model details", _tell_model(key, settings, results, facts)),
        _tell_use(key, facts),
        Chapter("Factors", (("Sources", tell_sources(facts)),), _by_source(record)),
        Chapter("Training data", _tell_training(record, facts)),
        Chapter("Evaluation data and metrics", _tell_scores(record)),
        Chapter("Quantitative analyses", _tell_failures(record), _by_class(record)),
        Chapter("Ethical considerations", (("Ethics", facts.card.ethics),)),
        Chapter(
            "Caveats",
            (
                ("Warnings", "; ".join(facts.dataset["warnings"]) or "none noted"),
                ("Other laboratories", "scores say nothing of another stain or camera"),
            ),
        ),
    )
    about = describe_model(key, settings.kind, record, facts)
    return write_card(about, title, lead, chapters)


def _tell_model(
    key: str, settings: Classifier, results: Results, facts: DataFacts
) -> list[tuple[str, str | None]]:
    recipe = places.key_names(key)[1]
    record = results.records[places.key_names(key)]
    return [
        ("Kind and settings", describe_settings(settings)),
        ("Trained with", f"{recipe}: {results.about[recipe]}"),
        (
            "Trainings",
            f"{record['trials']}, whose probabilities are averaged, then scaled by a "
            "temperature fitted on validation cells",
        ),
        ("Classes", ", ".join(record["classes"])),
        ("Files", f"{places.classifier(key)}, an output of train_classifier@{key}"),
        (
            "Checksums and versions",
            "dvc.lock holds the hash of the files and of all that made them; SHA-256 "
            f"of its predictions: {record['predictions']}",
        ),
        ("Licence", facts.card.licence),
        ("Contact", facts.card.contact),
    ]


def _tell_use(key: str, facts: DataFacts) -> Chapter:
    place = places.classifier(key)
    return Chapter(
        "Intended use",
        (("Use", facts.card.intended_use), ("Not for", "diagnosis")),
        code=(
            f"dvc get REPOSITORY {place} --out {place}\n"
            f"python tools/predict.py --model {place} "
            "--like SOURCE --output named.csv IMAGE|FOLDER"
        ),
    )


def describe_model(
    key: str, kind: str, record: Record, facts: DataFacts
) -> dict[str, Any]:
    """Front matter, with the scores of all trainings together."""
    test = record["ensemble"]["all"]
    scores = [
        EvalResult(
            task_type="image-classification",
            dataset_type="cytobalance",
            dataset_name=f"{facts.title}, {test['cells']} test cells",
            metric_type=name,
            metric_value=test["overall"][name]["mean"],
        )
        for name in METRICS
    ]
    return ModelCardData(
        **licence_of(facts.card.licence),
        library_name=LIBRARIES[kind],
        pipeline_tag="image-classification",
        tags=["haematology", "cytobalance", *(["simulated"] * facts.simulated)],
        metrics=list(METRICS),
        model_name=key,
        eval_results=scores,
    ).to_dict()


def _tell_training(record: Record, facts: DataFacts) -> list[tuple[str, str]]:
    train = record["cells"]["train"]
    counts = [
        f"{readable(label)} {real:,}" + (f" + {made:,} synthetic" if made else "")
        for label, real, made in zip(
            record["classes"], train["real"], train["synthetic"], strict=True
        )
    ]
    return [("Cells", ", ".join(counts)), ("Images", tell_images(facts))]


def _tell_scores(record: Record) -> list[tuple[str, str]]:
    test = record["ensemble"]["all"]
    rows = [("Test cells", f"{test['cells']:,} in {test['groups']:,} groups")]
    for name in METRICS:
        score = test["overall"][name]
        rows.append(
            (
                readable(name),
                f"{percent(score['mean'])} {span(score['low'], score['high'])}",
            )
        )
    error = f"{test['calibration']['ece']:.3f}"
    rows.append(("calibration error (ECE), after the temperature", error))
    level = f"{100 * record['confidence']:g} %"
    rows.append(("Intervals", f"{level}, of whole groups, for these trained files"))
    return rows


def _tell_failures(record: Record) -> list[tuple[str, str]]:
    parts = [name_confusion(c) for c in record["ensemble"]["all"]["top_confusions"]]
    return [("Most frequent confusions", "; ".join(parts) or "none")]


def _by_class(record: Record):
    header = ("class", "test cells", "recall", "precision", "specificity", "AUROC")
    rows = []
    for label, scores in record["ensemble"]["all"]["classes"].items():
        if not scores["support"]:
            rows.append((readable(label), "0", *["–"] * 4))
            continue
        parts = [
            f"{percent(scores[name][0])} {span(*scores[name][1:])}"
            for name in ("recall", "precision", "specificity")
        ]
        auroc = scores["auroc"]
        rows.append(
            (
                *(readable(label), f"{scores['support']:,}", *parts),
                "–" if auroc is None else f"{auroc:.3f}",
            )
        )
    return header, rows


def _by_source(record: Record):
    sources = record.get("by_source")
    if not sources:
        return None
    rows = [
        (name, f"{part['cells']:,}", percent(part["balanced_accuracy"]))
        for name, part in sources.items()
    ]
    return ("source", "test cells", "balanced accuracy of its classes"), rows
