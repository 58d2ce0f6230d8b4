"""Stage `check`: is params.yaml legal, and what does each stage depend on."""

from pathlib import Path

from cytobalance.study.params import read_study
from cytobalance.study.runtime import atomic_folder, run_stage
from cytobalance.study.stages import describe_stages

OUTPUT = Path("stages")


def main() -> None:
    """Write stages/<stage>.yaml: the settings and the code that shape its results."""
    texts = describe_stages(read_study())
    with atomic_folder(OUTPUT) as folder:
        for name, text in texts.items():
            (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    print(f"params.yaml is legal; wrote the inputs of {len(texts)} stages to {OUTPUT}")


if __name__ == "__main__":
    run_stage(main)
