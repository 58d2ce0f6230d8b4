"""Progress bars, and notes of them that `make watch` reads.

A running stage notes in `.cache/progress` what it counts, how far it is and its last
losses, at most once a second. No result depends on it, so `stages.py` leaves this
module out of the fingerprints.
"""

import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tqdm import tqdm

from cytobalance.study import places

# Seconds between notes.
EVERY = 1.0


class Bar(tqdm):
    """A progress bar of a terminal that also notes its count in a file.

    note: the file, None outside of a running stage.
    """

    note: Path | None = None

    def __init__(self, *arguments, told: dict[str, Any], **settings):
        super().__init__(*arguments, **settings)
        self.told, self.done, self.started = told, 0, time.monotonic()

    @property
    def rate(self) -> float:
        """Steps a second until now, also where no bar is shown."""
        return self.done / max(time.monotonic() - self.started, 1e-9)

    def __iter__(self) -> Iterator[Any]:
        self.started = written = time.monotonic()
        self._write()
        try:
            for step in super().__iter__():
                yield step
                self.done += 1
                if (now := time.monotonic()) - written > EVERY:
                    self._write()
                    written = now
        finally:
            if self.note:
                with suppress(OSError):
                    self.note.unlink(missing_ok=True)

    def set_postfix_str(self, s: str = "", refresh: bool = True) -> None:
        """Show `s` behind the bar, and in the next note."""
        super().set_postfix_str(s, refresh)
        self.told["losses"] = s

    def _write(self) -> None:
        if self.note is None:
            return
        count = {
            "done": self.told["first"] + self.done,
            "rate": round(self.rate, 3),
            "pid": os.getpid(),
        }
        partial = self.note.with_suffix(".partial")
        with suppress(OSError):  # a full disk is the stage's affair, not the note's
            partial.write_text(json.dumps(self.told | count))
            partial.replace(self.note)


@contextmanager
def note_progress(name: str) -> Iterator[None]:
    """Let the bars of the block note their counts, as those of the run `name`."""
    with suppress(OSError):
        places.PROGRESS.mkdir(parents=True, exist_ok=True)
    Bar.note = places.PROGRESS.absolute() / f"{name}.json"
    try:
        yield
    finally:
        with suppress(OSError):
            Bar.note.unlink(missing_ok=True)
        Bar.note = None


def show_progress(
    steps: Iterable[Any],
    total: int | None = None,
    *,
    desc: str,
    unit: str,
    initial: int = 0,
) -> Bar:
    """`steps` behind a progress bar on a terminal, and silent anywhere else.

    desc: what is done; unit: what is counted, in the plural; initial: how many were
    done before. Of several processes that `torchrun` started, the first shows it.
    """
    first = os.environ.get("RANK", "0") == "0"
    if total is None and hasattr(steps, "__len__"):
        total = len(steps)
    told = {"desc": desc, "unit": unit, "total": total, "first": initial, "losses": ""}
    return Bar(
        steps,
        total=total,
        desc=desc,
        unit=f" {unit}",
        initial=initial,
        disable=None if first else True,
        leave=False,
        told=told,
    )
