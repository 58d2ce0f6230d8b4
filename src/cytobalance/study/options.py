"""Which item of its matrix a stage works on: --protocol, --gan, --balancer, ..."""

import argparse

from cytobalance.study.params import read_study


def read_item(*names: str) -> argparse.Namespace:
    """Read `names`, as `protocol`, from the command line; params.yaml has the legal."""
    study = read_study()
    parser = argparse.ArgumentParser(description="One stage of the pipeline.")
    for name in names:
        parser.add_argument(
            f"--{name}", required=True, choices=getattr(study, f"{name}s")
        )
    return parser.parse_args()
