"""Show what runs in this folder, what is done, what remains; Ctrl-C ends the view."""

import argparse
import os
import sys
import time
from pathlib import Path

# A script sees the modules beside it; the library is beside the stages.
sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from cytobalance.study.runtime import StudyError, run_stage
from cytobalance.watch.graph import GRAPH
from cytobalance.watch.view import describe, look

# Of a terminal: to its top left corner, and erase to its end.
CLEAR = "\033[H\033[J"


def main() -> None:
    """Look every few seconds, on a terminal; anywhere else once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--every", type=float, default=2.0, metavar="SECONDS", help="between two looks"
    )
    options = parser.parse_args()
    if not 0.1 <= options.every <= 3600:
        raise StudyError("--every: must be a number from 0.1 to 3600")
    if not GRAPH.is_file():
        raise StudyError(f"{GRAPH} is missing; run from the project's top folder")
    shown = sys.stdout.isatty()
    try:
        while True:
            text = tell()
            now = time.strftime("%H:%M:%S")
            tail = f"\n{now}. Ctrl-C ends this view; the run goes on." if shown else ""
            print(f"{CLEAR if shown else ''}{text}{tail}", flush=True)
            if not shown:
                return
            time.sleep(options.every)
    except KeyboardInterrupt:
        print()
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def tell() -> str:
    """What is seen, or why nothing is for a moment."""
    try:
        return describe(look())
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())[:100]
        return f"can't be read just now, as while DVC writes it: {reason}"


if __name__ == "__main__":
    run_stage(main, alone=False)
