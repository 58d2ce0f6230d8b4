"""Stage `check`: is params.yaml legal, and what does each stage depend on."""

import argparse

from cytobalance.classify.legality import check_classifiers
from cytobalance.study import places
from cytobalance.study.params import read_study
from cytobalance.study.runtime import StudyError, atomic_folder, run_stage
from cytobalance.study.stages import describe_stages

ITEMS = places.STAGES / "items.yaml"


def main() -> None:
    """Write stages/: the settings and code of each stage, and what it is repeated for.

    DVC reads stages/items.yaml before it runs this. Where a change of params.yaml
    changes that file, the run must begin again: an error says so.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--in-graph", action="store_true", help="DVC runs this, and has read its graph"
    )
    options = parser.parse_args()
    study = read_study()
    check_classifiers(study)
    texts = describe_stages(study)
    before = ITEMS.read_text(encoding="utf-8") if ITEMS.exists() else ""
    with atomic_folder(places.STAGES) as folder:
        for name, text in texts.items():
            (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    if options.in_graph and texts["items"] != before:
        raise StudyError(
            "the study in params.yaml has other stages than DVC began with; they are "
            "written now: run the same command again (after `dvc exp run -S ...`, "
            "without the -S)"
        )
    count = len(texts) - 1
    print(
        f"params.yaml is legal; wrote the inputs of {count} stages to {places.STAGES}"
    )


if __name__ == "__main__":
    run_stage(main)
