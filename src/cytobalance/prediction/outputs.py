"""Where `predict` writes: places that can be written, and rows that appear whole."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pandas as pd

from cytobalance.sources.entry import is_image_name
from cytobalance.study.runtime import StudyError, atomic_file


def check_outputs(outputs: dict[str, Path | None]) -> None:
    """Refuse, before the work, places where outputs can't or should not appear.

    outputs: option -> its value.
    """
    named: dict[Path, str] = {}
    for option, path in outputs.items():
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
