"""Ingest every source: decode, check, crop and shrink each image, code to type."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cytobalance.curation.intake import Intake, reasons, take_in
from cytobalance.curation.pixels import find_depth
from cytobalance.sources.folder import list_pooled
from cytobalance.study import places
from cytobalance.study.damage import damaged
from cytobalance.study.inputs import write_inputs
from cytobalance.study.runtime import StudyError, atomic_file, atomic_folder, run_stage
from cytobalance.study.settings import Source
from cytobalance.study.stages import read_settings


def main() -> None:
    """data/raw/<source> -> data/ingested/<source>, all of them or none."""
    study = read_settings("ingest")
    shutil.rmtree(places.UNREAD, ignore_errors=True)
    inputs = {}
    with atomic_folder(places.INGESTED) as ingested:
        for name, source in study.sources.items():
            raw = places.RAW / name
            if not raw.exists() or (raw.is_dir() and not any(raw.iterdir())):
                raise damaged(raw, "is missing or empty")
            folder = ingested / name
            folder.mkdir()
            with keep_rejected(name, folder):
                intake = take_in(name, source, raw, study.image.size, folder)
                print_intake(name, intake)
                if source.layout in ("folder", "table"):
                    print_pooled(name, source, intake)
                if study.ingest.strict:
                    check_strict(name, intake)
            inputs[name] = describe_input(source, intake)
        write_inputs(ingested, inputs)
    print(f"wrote {places.INGESTED}")


def describe_input(source: Source, intake: Intake) -> dict:
    """The facts that shaped a source's images, for those who predict with its cells."""
    return {
        "crop": source.crop,
        "depth": find_depth(intake.largest) if intake.deep else 0,
        "boxes": intake.boxes,
        "origin": source.origin,
    }


@contextmanager
def keep_rejected(name: str, folder: Path) -> Iterator[None]:
    """Where a source stops the stage, its rejected.csv outlives the stage's folder."""
    try:
        yield
    except StudyError as error:
        if not (folder / "rejected.csv").exists():
            raise
        path = places.unread(name)
        with atomic_file(path) as partial:
            shutil.copy(folder / "rejected.csv", partial)
        raise StudyError(f"{error} (every file and reason: {path})") from None


def print_intake(name: str, intake: Intake) -> None:
    """Say what was counted and what was left out, with reasons."""
    types = intake.cells["type"].nunique()
    print(f"{name}: {len(intake.cells)} cells of {types} types")
    if intake.deep:
        print(
            f"{name}: {intake.deep} files of 16-bit samples, read as "
            f"{find_depth(intake.largest)} bits: the largest value is {intake.largest}"
        )
    for reason, count in reasons(intake.rejected):
        print(f"{name}: left out {count}: {reason}")


def print_pooled(name: str, source: Source, intake: Intake) -> None:
    """Say which folders look like a published split that the study does not keep."""
    if pooled := list_pooled(intake.cells["file"], source.parts):
        print(
            f"{name}: folders {', '.join(pooled)} are pooled and dealt anew; `parts` "
            "in params.yaml (layout `folder`) keeps them as the published split"
        )


def check_strict(name: str, intake: Intake) -> None:
    """Under `ingest.strict`, a file that is left out without a rule is an error."""
    faults = [item for item in intake.rejected if not item.by_rule]
    if faults:
        raise StudyError(
            f"source {name}: {len(faults)} files can't be read rightly, first "
            f"{faults[0].file}: {faults[0].reason}; mend them or set ingest.strict "
            "to false"
        )


if __name__ == "__main__":
    run_stage(main)
