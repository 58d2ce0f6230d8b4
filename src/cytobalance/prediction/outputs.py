"""Where `predict` writes: places that can be written, and rows that appear whole."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pandas as pd

from cytobalance.export.place import refuse_unwritable
from cytobalance.sources.entry import is_image_name
from cytobalance.sources.members import is_packed_name
from cytobalance.study.runtime import StudyError, atomic_file


def check_outputs(outputs: dict[str, Path | None], inputs: list[Path]) -> None:
    """Refuse, before the work, places where outputs can't or should not appear.

    outputs: option -> its value; inputs: the files and folders that are to be read.
    """
    read = {os.path.realpath(path) for path in inputs}
    named: dict[Path, str] = {}
    for option, path in outputs.items():
        if path is None:
            continue
        check_output(f"--{option} {path}", path)
        if os.path.realpath(path) in read:
            raise StudyError(f"--{option} {path} is an input too; name another file")
        if (place := path.absolute()) in named:
            raise StudyError(
                f"--{option} {path} is the same file as --{named[place]}; name another"
            )
        named[place] = option


def check_output(words: str, path: Path) -> None:
    with refuse_unwritable(words, path):
        if path.exists() and not path.is_file():
            raise StudyError(f"{words} is no regular file; name a file")
        # The first that the shell makes of `--output *.png` is no table.
        if is_image_name(path.name):
            raise StudyError(f"{words} is the name of an image; name another file")
        if is_packed_name(path.name):
            raise StudyError(f"{words} is the name of an archive; name another file")


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
