"""The answer's sentence on what the papers' protocol would have claimed."""

from cytobalance.report.records import (
    Record,
    mean_recall,
    select_records,
    tested_classes,
)
from cytobalance.report.results import Results
from cytobalance.report.wording import list_words, percent, point_span, points
from cytobalance.study.params import BASELINE
from cytobalance.taxonomy import readable


def describe_optimism(results: Results) -> str:
    """What the papers' protocol would have claimed, of the GAN or the worst case."""
    optimism = results.optimism[results.classifier]
    compared = {n: v for n, v in optimism.items() if v["value"] is not None}
    if not compared:
        return ""
    worst = max(compared, key=lambda name: compared[name]["value"])
    name = next((n for n in results.with_gan if n in compared), worst)
    records = select_records(results.records, "paper", results.classifier)
    heldout = results.shown[name]
    difference = compared[name]
    classes = [c for c in heldout["classes"] if c not in difference["left_out"]]
    real = mean_recall(heldout, classes)
    paper = mean_recall(records[name], classes)
    return (
        "Balancing first and splitting afterwards, as published, would have reported "
        f"{percent(paper)} for {name}{_lift(records, name)}. On cells "
        f"that were really held out it scores {percent(real)}: the papers' protocol "
        f"differs by {points(difference['value'])} points "
        f"{point_span(difference)}{_describe_left_out(difference['left_out'])}."
    )


def _lift(records: dict[str, Record], name: str) -> str:
    """`, +3.1 points over plain` under `paper`, on the classes that both test."""
    if name == BASELINE:
        return ""
    pair = records[name], records[BASELINE]
    tested = [tested_classes(record) for record in pair]
    classes = [label for label in tested[0] if label in tested[1]]
    score, plain = (mean_recall(record, classes) for record in pair)
    if score is None or plain is None:
        return ""
    shared = "" if tested[0] == tested[1] else " on the classes that both test"
    return f", {points(score - plain)} points over {BASELINE}{shared}"


def _describe_left_out(labels: list[str]) -> str:
    """`, without ...` the classes that two sets of test cells do not share."""
    if not labels:
        return ""
    return (
        f", without {list_words([readable(label) for label in labels])}, of which one "
        "protocol has no test cells"
    )
