"""metrics/runs: a small file a recipe and classifier, rows of `dvc metrics show`."""

from typing import Any

from cytobalance.report.comparison import verdict
from cytobalance.report.records import balanced_accuracy, rare_recall
from cytobalance.report.results import Results

Run = dict[str, Any]


def list_runs(results: Results) -> dict[tuple[str, str], Run]:
    """The numbers of each run of the protocol that is shown in full.

    (classifier, recipe) -> `score`, the balanced accuracy; `rare`, the recall of the
    rare classes; of held-out cells also `gain` over no balancing and its `verdict`.
    Few and short on purpose: DVC makes a column of each, and the table has to fit a
    terminal.
    """
    runs = {}
    for (protocol, recipe, classifier), record in results.records.items():
        if protocol != results.protocol:
            continue
        run: Run = {
            "score": round(balanced_accuracy(record)["mean"], 3),
            "rare": _round(rare_recall(record, results.rare)),
            "simulated": results.simulated,
        }
        if gain := results.gains[classifier].get(recipe):
            run["gain"] = round(gain["balanced_accuracy"]["value"], 3)
            run["verdict"] = verdict(gain)
        runs[classifier, recipe] = run
    return runs


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
