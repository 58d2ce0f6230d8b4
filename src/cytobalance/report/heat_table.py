"""Every recipe with every classifier in one table, as Hazra's Tables 8 and 9."""

from dataclasses import dataclass

from cytobalance.report.comparison import verdict
from cytobalance.report.records import balanced_accuracy
from cytobalance.report.results import Results
from cytobalance.report.wording import joint_span, percent, points, span


@dataclass(frozen=True)
class HeatCell:
    """Balanced accuracy with its interval, and the difference to `plain` with its own.

    The last three texts are empty of `plain`. heat: 0 (the table's lowest score) to
    100 (its highest).
    """

    score: str
    interval: str
    gain: str
    gain_interval: str
    verdict: str
    heat: int


@dataclass(frozen=True)
class HeatTable:
    """A row a recipe, a column a classifier; None where the two did not meet."""

    classifiers: tuple[str, ...]
    rows: tuple[tuple[str, tuple[HeatCell | None, ...]], ...]


def tabulate_heat(results: Results) -> HeatTable:
    """The scores of the protocol that is shown in full."""
    records = {
        (balancer, classifier): record
        for (protocol, balancer, classifier), record in results.records.items()
        if protocol == results.protocol
    }
    means = [balanced_accuracy(record)["mean"] for record in records.values()]
    least, reach = min(means), max(max(means) - min(means), 1e-9)

    def fill(balancer: str, classifier: str) -> HeatCell | None:
        if (balancer, classifier) not in records:
            return None
        score = balanced_accuracy(records[balancer, classifier])
        gain = results.gains[classifier].get(balancer)
        difference = gain and gain["balanced_accuracy"]
        return HeatCell(
            percent(score["mean"]),
            span(score["low"], score["high"]),
            points(difference["value"]) if gain else "",
            joint_span(difference) if gain else "",
            verdict(gain) if gain else "",
            round(100 * (score["mean"] - least) / reach),
        )

    rows = [
        (name, tuple(fill(name, classifier) for classifier in results.classifiers))
        for name in results.balancers
    ]
    met = tuple(row for row in rows if any(row[1]))
    return HeatTable(results.classifiers, met)
