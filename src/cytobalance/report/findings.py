"""What a study found: all its records, the gains over `plain`, the flattery."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from cytobalance.report.comparison import (
    compare_all,
    judge,
    mean_recall,
    optimism,
    rare_classes,
    tested_classes,
)
from cytobalance.study import places
from cytobalance.study.metrics import read_metrics
from cytobalance.study.params import Study

Record = dict[str, Any]
BASELINE = "plain"
_SCORES = {"overall": dict, "classes": dict, "confusion": list, "calibration": dict}
# What a file of metrics/classifiers must hold to be compared and drawn.
RECORD = {
    "simulated": bool,
    "trials": int,
    "confidence": float,
    "resamples": int,
    "classes": list,
    "cells": {part: dict for part in ("train", "test", "validation")},
    "test": {"all": _SCORES},
    "validation": _SCORES,
    "curves": {"columns": list, "rows": list},
    "misses": {"columns": list, "rows": list},
    "hits": {"columns": list, "rows": list},
}


@dataclass(frozen=True)
class Findings:
    """One study's results.

    records: (protocol, balancer, classifier) -> record of metrics/classifiers.
    gains: classifier -> reference -> balancer -> gain, under
    `heldout`; empty where the study has no such protocol.
    """

    study: Study
    records: dict[tuple[str, str, str], Record]
    gains: dict[str, dict[str, dict[str, Any]]]

    def of(self, protocol: str, classifier: str) -> dict[str, Record]:
        """Records of one protocol and classifier: balancer -> record."""
        return {
            balancer: self.records[protocol, balancer, classifier]
            for balancer in self.study.balancers
            if (protocol, balancer, classifier) in self.records
        }

    def optimism(self, classifier: str) -> dict[str, dict[str, Any]]:
        """Balancer -> by how much the papers' protocol flatters it."""
        paper, heldout = self.of("paper", classifier), self.of("heldout", classifier)
        return {
            name: optimism(paper[name], heldout[name])
            for name in paper
            if name in heldout
        }

    @property
    def protocol(self) -> str:
        """The protocol that is told in full: `heldout` where the study has it."""
        known = self.study.protocols
        return "heldout" if "heldout" in known else known[0]

    @property
    def rare(self) -> list[str]:
        """The rare classes, by the cells that training had before balancing."""
        classifier = self.study.classifiers[0]
        return rare_classes(self.records[self.protocol, BASELINE, classifier])

    @property
    def cheap(self) -> tuple[str, ...]:
        """The alternatives to a GAN that cost no training of one."""
        others = (BASELINE, *self.study.gan_balancers)
        return tuple(name for name in self.study.balancers if name not in others)


def gather_findings(study: Study, hold_out: pd.DataFrame) -> Findings:
    """Read every record of the study from metrics/classifiers, and compare them.

    Files of settings that the study no longer has are ignored. Raises StudyError
    where one is missing.
    """
    records = {}
    for protocol in study.protocols:
        for name in study.training_names:
            path = places.scores(places.key(protocol, name))
            records[protocol, *places.key_names(name)] = read_metrics(path, RECORD)
    findings = Findings(study, records, gains={})
    references = (BASELINE, *findings.cheap)
    for classifier in study.classifiers:
        heldout = findings.of("heldout", classifier)
        findings.gains[classifier] = compare_all(
            heldout, hold_out, findings.rare, references, study.study.seed
        )
    return findings


def rare_recall(record: Record, rare: list[str]) -> float | None:
    """Mean recall over the rare classes that have test cells."""
    tested = tested_classes(record)
    return mean_recall(record, [label for label in rare if label in tested])


def untested_classes(records: dict[str, Record]) -> dict[str, list[str]]:
    """Balancer -> classes without test cells, which its means leave out; where any.

    Under `paper` each balancer has other test cells, so its means may be over others.
    """
    lacking = {
        name: [c for c in record["classes"] if c not in tested_classes(record)]
        for name, record in records.items()
    }
    return {name: labels for name, labels in lacking.items() if labels}


def summarise(findings: Findings) -> dict[str, Any]:
    """The few numbers that a code review shows: metrics/summary.json."""
    study = findings.study
    summary: dict[str, Any] = {
        "study": study.study.title,
        "simulated": study.simulated,
        "rare_classes": ", ".join(findings.rare),
    }
    for classifier in study.classifiers:
        part: dict[str, Any] = {}
        if "heldout" in study.protocols:
            part["heldout"] = {
                name: {
                    "balanced_accuracy": _mean(record, "balanced_accuracy"),
                    "macro_f1": _mean(record, "macro_f1"),
                    "rare_recall": rare_recall(record, findings.rare),
                }
                for name, record in findings.of("heldout", classifier).items()
            }
            over_plain = findings.gains[classifier].get(BASELINE, {})
            part["gain"] = {
                name: {**gain["balanced_accuracy"], "verdict": verdict(gain)}
                for name, gain in over_plain.items()
            }
        if found := findings.optimism(classifier):
            part["optimism"] = {name: value["value"] for name, value in found.items()}
            left_out = {n: ", ".join(v["left_out"]) for n, v in found.items()}
            if any(left_out.values()):
                part["optimism_without"] = {n: v for n, v in left_out.items() if v}
        elif "paper" in study.protocols:
            part["paper"] = {
                name: {"balanced_accuracy": _mean(record, "balanced_accuracy")}
                for name, record in findings.of("paper", classifier).items()
            }
            if untested := untested_classes(findings.of("paper", classifier)):
                part["untested"] = {n: ", ".join(v) for n, v in untested.items()}
        summary[classifier] = part
    return summary


def verdict(gain: dict[str, Any]) -> str:
    """The verdict on a gain of compare_all."""
    return judge(gain["balanced_accuracy"], gain["trials"])


def _mean(record: Record, score: str) -> float:
    return record["test"]["all"]["overall"][score]["mean"]
