"""Which item of its matrix a stage works on: --protocol, --gan, --balancer, ..."""

import argparse

from cytobalance.study.params import Study


def read_item(study: Study, *names: str) -> argparse.Namespace:
    """Read `names`, as `protocol`, from the command line; params lists the legal."""
    parser = argparse.ArgumentParser(description="One stage of the pipeline.")
    for name in names:
        parser.add_argument(
            f"--{name}", required=True, choices=getattr(study, f"{name}s")
        )
    return parser.parse_args()
