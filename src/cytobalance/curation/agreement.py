"""How far experts agree, where several judged the same files in their maps."""

import itertools
import math
import warnings
from dataclasses import dataclass

import pandas as pd

CELL = ["source", "file"]


@dataclass(frozen=True)
class Agreement:
    """Opinions of experts' maps, counted.

    files: those that a map names; shared: those of several annotators; agreed: of
    these, those on which all gave one type. kappas: Cohen's kappa of each pair of
    annotators with files in common, where it is defined.
    """

    opinions: int
    files: int
    annotators: int
    shared: int
    agreed: int
    kappas: tuple[float, ...]


def measure_agreement(maps: pd.DataFrame) -> Agreement:
    """Count opinions and agreement. maps: source, file, annotator, to (a type).

    Kappa (Cohen 1960) is undefined where both annotators gave one type throughout.
    """
    answers = maps.pivot_table(
        index=CELL, columns="annotator", values="to", aggfunc="first"
    )
    shared = answers[answers.notna().sum(axis=1) > 1]
    return Agreement(
        opinions=len(maps),
        files=len(answers),
        annotators=answers.shape[1],
        shared=len(shared),
        agreed=int((shared.nunique(axis=1) == 1).sum()),
        kappas=tuple(_list_kappas(answers)),
    )


def _list_kappas(answers: pd.DataFrame) -> list[float]:
    from sklearn.metrics import cohen_kappa_score  # slow to import

    kappas = []
    for pair in itertools.combinations(answers.columns, 2):
        both = answers[list(pair)].dropna()
        if len(both):
            with warnings.catch_warnings():  # of one type alone, which is no fault
                warnings.simplefilter("ignore")
                kappas.append(float(cohen_kappa_score(both[pair[0]], both[pair[1]])))
    return [kappa for kappa in kappas if not math.isnan(kappa)]
