"""The page's section on gains: over no balancing, and of GANs over cheap recipes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cytobalance.report.blocks import Cell, Table
from cytobalance.report.claims import (
    GainLine,
    describe_chance,
    describe_classes,
)
from cytobalance.report.results import Results
from cytobalance.report.wording import joint_span, points
from cytobalance.study.params import BASELINE

# What a gain is given in -> heading of its column.
GAINS = {
    "balanced_accuracy": "balanced accuracy",
    "rare_recall": "recall, rare classes",
    "common_recall": "recall, other classes",
    "macro_f1": "F1",
    "accuracy": "accuracy",
}


@dataclass(frozen=True)
class Gains:
    """The numbers of both forest plots, and what their verdicts allow for.

    chance: how the verdicts allow for several ways; level: of the intervals; tested:
    how many gains in recall of a class hold together, 0 where one training each tells
    nothing of them. over_cheap: None without recipes of both kinds.
    """

    chance: str
    level: str
    tested: int
    over_plain: Table
    over_cheap: Table | None


def gather_gains(
    results: Results, over_plain: Sequence[GainLine], over_cheap: Sequence[GainLine]
) -> Gains | None:
    """The section; None without held-out cells.

    over_plain, over_cheap: the lines of claims.py.
    """
    if not over_plain:
        return None
    plain = results.shown[BASELINE]
    single = plain["trials"] < 2 and results.classifier not in results.deterministic

    def name_twin(line: GainLine) -> str:
        same = results.twins[line.balancer] == line.reference
        return "the same without the GAN's cells" if same else ""

    return Gains(
        chance=describe_chance(results.gains[results.classifier], plain["confidence"]),
        level=f"{100 * plain['confidence']:.0f} %",
        tested=0 if single else len(plain["classes"]) * len(over_plain),
        over_plain=_tabulate(
            over_plain, lambda line: describe_classes(line.gain, plain["classes"])
        ),
        over_cheap=_tabulate(over_cheap, name_twin) if over_cheap else None,
    )


def _tabulate(lines: Sequence[GainLine], note: Callable[[GainLine], str]) -> Table:
    """A row a comparison, with the limits that hold together."""
    rows = [
        (
            Cell(f"{line.balancer} over {line.reference}", note(line), line.verdict),
            *(
                Cell(points(line.gain[key]["value"]), joint_span(line.gain[key]))
                for key in GAINS
            ),
        )
        for line in lines
    ]
    return Table(("gain, points", *GAINS.values()), tuple(rows), prose=(0,))
