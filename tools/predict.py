"""Classify new cell images with a trained classifier: a table, counts and a page."""

import argparse
import sys
from pathlib import Path
from typing import IO, Any

# A script sees the modules beside it; the library is beside the stages.
sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from cytobalance.classify.ensemble import choose_input, describe, load_ensemble
from cytobalance.prediction.counts import Counts
from cytobalance.prediction.files import File, Finder
from cytobalance.prediction.gallery import Gallery
from cytobalance.prediction.judgement import Judge
from cytobalance.prediction.outcome import Outcome
from cytobalance.prediction.outputs import check_outputs, open_table, write_rows
from cytobalance.prediction.page import compose_page, render
from cytobalance.prediction.reading import BATCH, Reader
from cytobalance.prediction.reference import read_reference
from cytobalance.prediction.rows import tabulate
from cytobalance.prediction.statement import find_project, find_scores
from cytobalance.study import places
from cytobalance.study.devices import make_deterministic, pick_device
from cytobalance.study.progress import show_progress
from cytobalance.study.runtime import atomic_file, run_stage
from cytobalance.study.tables import write_table

THUMBNAIL = 96  # pixels a side of the page's pictures
OUTPUTS = ("output", "differential", "page")  # options that name files
SOME_UNREAD = 3  # exit code: the table is whole, but some rows have a reason alone


def main() -> None:
    """A row a file: what it is taken for, how surely, or why it can't be read."""
    options = read_options()
    check_outputs({name: getattr(options, name) for name in OUTPUTS}, options.images)
    make_deterministic()
    judge, about = load_judge(options)
    facts = choose_input(about["inputs"], options.like)
    finder = Finder(options.subject)
    files = finder.find(options.images)
    tell(f"images are read as: {describe(facts)}, shrunk to {about['size']} px")
    name = options.model.resolve().name
    found = find_scores(find_project(options.model) / places.scores(name), about)
    for line in (found[1], *judge.describe()):
        tell(line)
    reader = Reader(facts, about["size"], THUMBNAIL if options.page else 0)
    counts = Counts(judge.classes, compared=bool(judge.limits))
    outcome = Outcome(counts, Gallery(judge.classes, options.most))
    try:
        with open_table(options.output) as out:
            name_files(out, reader, files, judge, outcome)
    except BaseException:
        done = f"{outcome.done} of {len(files)} files"
        tell(f"not finished: {done}; the table is not whole")
        raise
    if options.differential:
        write_table(options.differential, counts.tabulate())
    if options.page:
        page = compose_page(name, judge, about["inputs"], found, outcome)
        with atomic_file(options.page) as partial:
            partial.write_text(render(page), encoding="utf-8")
    unread = len(outcome.unread)
    tell(
        f"{outcome.done - unread} of {outcome.done} files predicted, {unread} can't be "
        f"read (column reason), {finder.left_out} left out as litter or no image by "
        "name"
    )
    if unread:
        sys.exit(SOME_UNREAD)


def load_judge(options: argparse.Namespace) -> tuple[Judge, dict[str, Any]]:
    """All trials with their validation cells, and what the model files tell."""
    trials, about = load_ensemble(options.model, pick_device())
    judge = Judge(
        *(trials, about["classes"]),
        read_reference(options.model, len(about["classes"]), about["predictions"]),
        *(options.coverage, options.specificity),
    )
    return judge, about


def name_files(
    out: IO[str], reader: Reader, files: list[File], judge: Judge, outcome: Outcome
) -> None:
    """Write the rows batch by batch, and add them to the outcome."""
    total = max(1, -(-len(files) // BATCH))
    for batch in show_progress(
        *(reader.read_batches(files), total),
        desc="predicting",
        unit=f"batches of {BATCH} images",
    ):
        verdicts = judge.judge(batch.images)
        rows = tabulate(batch, verdicts, judge)
        write_rows(out, rows, first=not outcome.done)
        outcome.add(batch, verdicts, judge)


def fraction(text: str) -> float:
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError("must be above 0 and below 1, as 0.9")
    return value


def positive(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return int(text)


# Name, type, default, what stands for the value, and help of each option.
OPTIONS = (
    (
        *("like", str, None, "SOURCE"),
        "the study's source that the images are like, where its sources differ",
    ),
    (
        *("output", Path, None, "CSV"),
        "write here instead of to the terminal; appears when it is whole",
    ),
    (
        *("differential", Path, None, "CSV"),
        "write the share of each class in each subject here",
    ),
    (
        *("page", Path, None, "HTML"),
        "write a page of the counts and of the cells here",
    ),
    (
        *("most", positive, 60, "N"),
        "cells of a class that the page shows (%(default)s)",
    ),
    (
        *("subject", str, None, "PATTERN"),
        "regular expression that finds the subject in a file's path; else it is the "
        "first level of folders",
    ),
    (
        *("coverage", fraction, 0.9, "PART"),
        "of each class's cells, whose sets are to hold the class (%(default)s)",
    ),
    (
        *("specificity", fraction, 0.99, "PART"),
        "of other classes' cells, not to be called a rare class (%(default)s)",
    ),
)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="Exit code: 0 all files predicted; 3 some could not be read, each a row "
        "with its reason; 1 stopped, with one line that says why; 2 wrong options.",
    )
    parser.add_argument("--model", required=True, type=Path, metavar="FOLDER")
    for name, kind, default, metavar, words in OPTIONS:
        parser.add_argument(
            f"--{name}", type=kind, default=default, metavar=metavar, help=words
        )
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE|FOLDER|ARCHIVE")
    return parser.parse_args()


def tell(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    run_stage(main, alone=False)
