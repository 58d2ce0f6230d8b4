"""Show what making cells and training with them took; keep it in metrics/cost.json."""

import argparse
import sys
from pathlib import Path

import pandas as pd

# A script sees the modules beside it; the library is beside the stages.
sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from cytobalance.study import places
from cytobalance.study.cost import Costs, fingerprint_inputs, read_costs, write_costs
from cytobalance.study.runtime import StudyError, run_stage

# What a table shows -> the stages whose costs it adds up.
TABLES = {
    "making cells": ("train_gan", "generate", "oversample"),
    "training with them": ("train_classifier",),
}
SECONDS = ["wall_s", "cpu_s", "gpu_s"]
PEAKS = ["host_mb", "gpu_mb"]


def main() -> None:
    """Join what was noted here to what was kept, drop what is out of date, show it."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    costs, old = join_costs(read_costs(places.COST), read_costs(places.COSTS))
    if old:
        print(f"{old} costs left out: measured with other settings or other code")
    if not costs:
        raise StudyError(
            "no stage of this study has run here, so no cost is known; run `dvc repro` "
            "(what DVC takes from its cache is not measured)"
        )
    for title, stages in TABLES.items():
        if not (table := add_up(costs, stages)).empty:
            print(f"\n{title}\n{table.to_string()}")
    write_costs(places.COST, costs)
    print(f"\nwrote {places.COST}")


def join_costs(kept: Costs, noted: Costs) -> tuple[Costs, int]:
    """Costs that hold for the settings and code as they are, and how many do not."""
    costs: Costs = {}
    old = 0
    for stage in sorted({*kept, *noted}):
        for item, record in (kept.get(stage, {}) | noted.get(stage, {})).items():
            now = fingerprint_inputs(stage, places.key_names(item))
            if record.get("inputs") == now:
                costs.setdefault(stage, {})[item] = record
            else:
                old += 1
    return costs, old


def add_up(costs: Costs, stages: tuple[str, ...]) -> pd.DataFrame:
    """A row an item: seconds of its stages added, the highest of their peaks."""
    rows = [
        {"item": item, "stages": stage} | record
        for stage in stages
        for item, record in costs.get(stage, {}).items()
    ]
    if not rows:
        return pd.DataFrame()
    groups = pd.DataFrame(rows).reindex(
        columns=["item", *SECONDS, *PEAKS, "device", "stages", "remark"]
    )
    texts = {name: join_texts for name in ("device", "stages", "remark")}
    how = dict.fromkeys(SECONDS, "sum") | dict.fromkeys(PEAKS, "max") | texts
    return groups.groupby("item").agg(how)


def join_texts(texts: pd.Series) -> str:
    """Each of `texts` once."""
    return ", ".join(dict.fromkeys(texts.dropna()))


if __name__ == "__main__":
    run_stage(main)
