"""Classify new cell images with a trained classifier; writes a CSV table."""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd

# A script sees the modules beside it; the library is beside the stages.
sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from cytobalance.classify.ensemble import (
    choose_input,
    describe,
    load_ensemble,
    mean_probability,
)
from cytobalance.classify.reading import BATCH, find_files, read_batches
from cytobalance.classify.statement import describe_scores
from cytobalance.sources.entry import is_image_name
from cytobalance.study import places
from cytobalance.study.devices import make_deterministic, pick_device
from cytobalance.study.progress import show_progress
from cytobalance.study.runtime import StudyError, atomic_file, run_stage

SOME_UNREAD = 3  # exit code: the table is whole, but some rows have a reason alone


def main() -> None:
    """A row a file: class, confidence, probabilities (means over trials), or reason."""
    options = read_options()
    check_output(options.output)
    make_deterministic()
    trials, about = load_ensemble(options.model, pick_device())
    facts = choose_input(about["inputs"], options.like)
    folder = options.model.resolve()
    study = folder.joinpath(*[".."] * len(places.classifier("*").parts))
    metrics = study.joinpath(places.scores(folder.name)).resolve()
    files, left_out = find_files(options.images)
    tell(f"images are read as: {describe(facts)}, shrunk to {about['size']} px")
    tell(describe_scores(metrics, about))

    done = unread = 0
    try:
        with open_table(options.output) as out:
            batches = read_batches(files, facts, about["size"])
            count = -(-len(files) // BATCH)
            for batch, images, reasons in show_progress(
                batches, count, desc="predicting", unit=f"batches of {BATCH} images"
            ):
                chances = mean_probability(trials, images)
                names = [file.name for file in batch]
                table = tabulate(names, reasons, chances, about["classes"])
                write_rows(out, table, first=not done)
                done += len(batch)
                unread += sum(map(bool, reasons))
    except BaseException:
        tell(f"not finished: {done} of {len(files)} files; the table is not whole")
        raise
    tell(
        f"{done - unread} of {done} files predicted, {unread} can't be read (column "
        f"reason), {left_out} left out as litter or no image by name"
    )
    if unread:
        sys.exit(SOME_UNREAD)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="Exit code: 0 all files predicted; 3 some could not be read, each a row "
        "with its reason; 1 stopped, with one line that says why; 2 wrong options.",
    )
    parser.add_argument("--model", required=True, type=Path, metavar="FOLDER")
    parser.add_argument(
        "--like",
        metavar="SOURCE",
        help="the study's source that the images are like, where its sources differ",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="CSV",
        help="write here instead of to the terminal; appears when it is whole",
    )
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE|FOLDER")
    return parser.parse_args()


def check_output(path: Path | None) -> None:
    """Refuse, before the work, a place where the table can't or should not appear."""
    if path is None:
        return
    try:
        if path.exists() and not path.is_file():
            raise StudyError(f"--output {path} is no regular file; name a file")
        if is_image_name(path.name):  # of `--output *.png`, the first is no table
            raise StudyError(f"--output {path} is the name of an image; name a table")
        there = next(place for place in path.absolute().parents if place.exists())
        tempfile.TemporaryFile(dir=there).close()
    except OSError as error:
        raise StudyError(
            f"--output {path} can't be written: {error.strerror}; name another place"
        ) from None


@contextmanager
def open_table(path: Path | None) -> Iterator[IO[str]]:
    """Where rows go: standard output, or a file that appears when it is whole."""
    if path is not None:
        with (
            atomic_file(path) as partial,
            partial.open("w", encoding="utf-8", newline="") as out,
        ):
            yield out
        return
    try:
        yield sys.stdout
    except BrokenPipeError:
        # Python would flush once more at its end, and fail with a traceback.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise StudyError("the program that read the table has ended") from None


def tabulate(
    names: list[str], reasons: list[str], chances: np.ndarray, classes: list[str]
) -> pd.DataFrame:
    """Rows of a batch. chances: float [n, C], of the files without a reason."""
    read = [k for k, reason in enumerate(reasons) if not reason]
    columns = ["predicted", "confidence", *(f"p_{label}" for label in classes)]
    table = pd.DataFrame(
        [
            [classes[row.argmax()], float(row.max()), *map(float, row)]
            for row in chances
        ],
        index=read,
        columns=columns,
    ).reindex(range(len(names)))
    # A name may hold a line end, as macOS's `Icon\r` does: a row stays a line.
    plain = [n.replace("\r", "\\r").replace("\n", "\\n") for n in names]
    table.insert(0, "file", plain)
    return table.assign(reason=reasons)


def write_rows(out: IO[str], table: pd.DataFrame, first: bool) -> None:
    """Append rows and let them go, so that a reader sees each batch as it is done."""
    table.to_csv(
        out, index=False, header=first, lineterminator="\n", float_format="%.6g"
    )
    out.flush()


def tell(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    run_stage(main, alone=False)
