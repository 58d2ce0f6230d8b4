"""The simulated expert: the relabel map that puts a study's planted mistakes right."""

from pathlib import Path

import pandas as pd

from cytobalance.simulator.plan import plan_smears
from cytobalance.study import places
from cytobalance.study.params import Study
from cytobalance.study.tables import write_table

EXPERT_MAP = places.EXPERT / "simulated.csv"
REASONS = {
    "mislabelled": "simulated: published under a type that it is mistaken for",
    "paper_correction": "simulated: the image by which Hazra's Tables 1 and 2 differ",
}


def expert_map(study: Study) -> pd.DataFrame:
    """One row a corrected file: source, file, from, to, annotator, reason, date.

    `from` and `to` are among the 19 types. The date is fixed: the expert is simulated.
    """
    plan = plan_smears(study)
    wrong = plan[plan["fault"].isin(list(REASONS))]
    return pd.DataFrame(
        {
            "source": wrong["source"],
            "file": wrong["file"],
            "from": wrong["published"],
            "to": wrong["type"],
            "annotator": "simulated expert",
            "reason": wrong["fault"].map(REASONS),
            "date": "2022-07-09",
        }
    )


def write_expert_map(study: Study, path: Path = EXPERT_MAP) -> int:
    """Write the study's map to `path`; returns its number of corrections."""
    table = expert_map(study)
    write_table(path, table)
    return len(table)
