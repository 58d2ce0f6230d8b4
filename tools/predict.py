"""Classify new cell images with a trained classifier: a table, counts and a page."""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pandas as pd

# A script sees the modules beside it; the library is beside the stages.
sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from cytobalance.classify.ensemble import choose_input, describe, load_ensemble
from cytobalance.prediction.counts import Counts
from cytobalance.prediction.files import Finder
from cytobalance.prediction.judgement import Judge
from cytobalance.prediction.reading import BATCH, Reader
from cytobalance.prediction.reference import read_reference
from cytobalance.prediction.rows import tabulate
from cytobalance.prediction.statement import find_scores
from cytobalance.sources.entry import is_image_name
from cytobalance.study import places
from cytobalance.study.devices import make_deterministic, pick_device
from cytobalance.study.runtime import StudyError, atomic_file, run_stage, show_progress
from cytobalance.study.tables import write_table

SOME_UNREAD = 3  # exit code: the table is whole, but some rows have a reason alone


def main() -> None:
    """A row a file: what it is taken for, how surely, or why it can't be read."""
    options = read_options()
    check_outputs(options)
    make_deterministic()
    trials, about = load_ensemble(options.model, pick_device())
    judge = Judge(
        *(trials, about["classes"]),
        read_reference(options.model, len(about["classes"]), about["predictions"]),
        *(options.coverage, options.specificity),
    )
    facts = choose_input(about["inputs"], options.like)
    finder = Finder(options.subject)
    files = finder.find(options.images)
    tell(f"images are read as: {describe(facts)}, shrunk to {about['size']} px")
    _, scores = find_scores(find_metrics(options.model), about)
    for line in (scores, *judge.describe()):
        tell(line)
    reader = Reader(facts, about["size"])
    counts = Counts(judge.classes)
    done = unread = 0
    try:
        with open_table(options.output) as out:
            batches = reader.read_batches(files)
            total = -(-len(files) // BATCH)
            for batch in show_progress(batches, total, unit="batch"):
                verdicts = judge.judge(batch.images)
                write_rows(out, tabulate(batch, verdicts, judge), first=not done)
                counts.add([file.subject for file in batch.read], verdicts)
                done += len(batch.files)
                unread += sum(map(bool, batch.reasons))
            if options.differential:
                write_table(options.differential, counts.tabulate())
    except BaseException:
        tell(f"not finished: {done} of {len(files)} files; the table is not whole")
        raise
    tell(
        f"{done - unread} of {done} files predicted, {unread} can't be read (column "
        f"reason), {finder.left_out} left out as litter or no image by name"
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
    parser.add_argument(
        "--differential",
        type=Path,
        metavar="CSV",
        help="write the share of each class in each subject here",
    )
    parser.add_argument(
        "--subject",
        metavar="PATTERN",
        help="regular expression that finds the subject in a file's path; else it is "
        "the first level of folders",
    )
    parser.add_argument(
        "--coverage",
        type=fraction,
        default=0.9,
        metavar="PART",
        help="of each class's cells, whose sets are to hold the class (%(default)s)",
    )
    parser.add_argument(
        "--specificity",
        type=fraction,
        default=0.99,
        metavar="PART",
        help="of other classes' cells, not to be called a rare class (%(default)s)",
    )
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE|FOLDER|ARCHIVE")
    return parser.parse_args()


def fraction(text: str) -> float:
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError("must be above 0 and below 1, as 0.9")
    return value


def find_metrics(model: Path) -> Path:
    """Where the project that holds the model's folder has its scores."""
    folder = model.resolve()
    study = folder.joinpath(*[".."] * len(places.classifier("*").parts))
    return study.joinpath(places.scores(folder.name)).resolve()


def check_outputs(options: argparse.Namespace) -> None:
    """Refuse, before the work, places where outputs can't or should not appear."""
    named: dict[Path, str] = {}
    for option in ("output", "differential"):
        path = getattr(options, option)
        if path is None:
            continue
        check_output(f"--{option} {path}", path)
        if (place := path.absolute()) in named:
            raise StudyError(
                f"--{option} {path} is the same file as --{named[place]}; name another"
            )
        named[place] = option


def check_output(words: str, path: Path) -> None:
    try:
        if path.exists() and not path.is_file():
            raise StudyError(f"{words} is no regular file; name a file")
        if is_image_name(path.name):  # of `--output *.png`, the first is no table
            raise StudyError(f"{words} is the name of an image; name another file")
        there = next(place for place in path.absolute().parents if place.exists())
        tempfile.TemporaryFile(dir=there).close()
    except OSError as error:
        raise StudyError(
            f"{words} can't be written: {error.strerror}; name another place"
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
