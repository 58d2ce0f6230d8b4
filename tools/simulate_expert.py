"""Write the simulated expert's relabel map for the study in params.yaml."""

import sys
from pathlib import Path

# A script sees the modules beside it; the library is beside the stages.
sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from cytobalance.simulator.expert import EXPERT_MAP, write_expert_map
from cytobalance.study.params import read_study
from cytobalance.study.runtime import StudyError, run_stage


def main() -> None:
    """Plan the study's simulated smears and write data/expert/simulated.csv."""
    study = read_study()
    if not study.simulated:
        raise StudyError("params.yaml: no source is simulated, so no map is needed")
    count = write_expert_map(study)
    print(f"{EXPERT_MAP}: {count} corrections by a simulated expert")


if __name__ == "__main__":
    run_stage(main)
