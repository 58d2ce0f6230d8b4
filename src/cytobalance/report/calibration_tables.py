"""The page's section on calibration: whether a recipe's confidence can be believed."""

from cytobalance.report.blocks import Cell, Table
from cytobalance.report.records import Record
from cytobalance.report.wording import percent, points

# Scores that are shown before and after the temperature.
FIT = ("ece", "log_loss")


def tabulate_calibration(records: dict[str, Record]) -> Table:
    """A row a recipe, `plain` first, of single trials on the test cells.

    records: balancer -> record, of one protocol and classifier.
    """
    rows = []
    for name, record in records.items():
        scores = record["test"]["all"]["calibration"]
        confidence = _mean_confidence(scores["bins"])
        right = record["test"]["all"]["overall"]["accuracy"]["mean"]
        rows.append(
            (
                Cell(name, strong=True),
                f"{scores['ece']:.3f}",
                percent(confidence),
                percent(right),
                points(confidence - right),
                f"{scores['brier']:.3f}",
                f"{scores['log_loss']:.3f}",
            )
        )
    header = ("recipe", "calibration error", "mean confidence", "share right")
    header += ("too sure by, points", "Brier score", "log loss")
    return Table(header, tuple(rows))


def tabulate_temperature(records: dict[str, Record]) -> Table | None:
    """All trials together on real test cells: before and after scaling, and their sets.

    None where no record has real cells.
    """
    rows = []
    for name, record in records.items():
        if "temperature" not in record:
            continue
        scaled, sets = record["temperature"], record["sets"]
        before, after = scaled["before"], scaled["after"]
        reached = [s["reached"][0] for s in sets["classes"].values() if _is_told(s)]
        rows.append(
            (
                Cell(name, strong=True),
                f"{scaled['temperature']:.2f}",
                *(f"{before[k]:.3f} \N{RIGHTWARDS ARROW} {after[k]:.3f}" for k in FIT),
                f"{percent(min(reached))} to {percent(max(reached))}"
                if reached
                else "",
                percent(sets["sure"]),
                "" if sets["sure_right"] is None else percent(sets["sure_right"]),
            )
        )
    if not rows:
        return None
    header = ("recipe", "temperature", "calibration error", "log loss")
    header += ("sets hold the class", "sure cells", "of these right")
    return Table(header, tuple(rows))


def _is_told(about: dict) -> bool:
    """Whether a class has test cells, and validation cells enough to be left out."""
    return about["reached"] is not None and not about["undecided"]


def _mean_confidence(bins: dict[str, list[float | None]]) -> float:
    """Of all cells, from the means of the bins; an empty bin has none."""
    total = sum(
        count * (mean or 0)
        for count, mean in zip(bins["count"], bins["confidence"], strict=True)
    )
    return total / sum(bins["count"])
