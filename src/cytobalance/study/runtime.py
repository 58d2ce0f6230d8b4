"""What every stage needs to run: seeds by name, atomic writes, one-line errors."""

import errno
import fcntl
import hashlib
import os
import pickle
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from cytobalance.study import places

# No space left, quota used up, file too large.
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

# What a disk without locks says, as some shared ones are: a stage then runs without.
NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK)

# What a file of weights that is damaged, or none of ours, raises on its way in.
UNREADABLE = (
    *(AttributeError, EOFError, ImportError, IndexError, KeyError, OSError),
    *(RuntimeError, TypeError, ValueError, pickle.UnpicklingError),
)


class StudyError(Exception):
    """Bad input, settings or state; the message is one line and says what to do."""


def derive_seed(seed: int, *names: object) -> int:
    """Seed of the stream `names` under the study's `seed`, in [0, 2**63).

    Streams are independent of each other, so a new one never shifts another's
    numbers.
    """
    text = "/".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1


def random_stream(seed: int, *names: object) -> np.random.Generator:
    """NumPy generator of the stream `names` under the study's `seed`."""
    return np.random.default_rng(derive_seed(seed, *names))


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` on success."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial{path.suffix}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside `path`; on success it takes the place of `path`."""
    path = Path(path)
    partial = partial_folder(path)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        shutil.rmtree(path, ignore_errors=True)
        partial.rename(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def partial_folder(path: Path) -> Path:
    """Where `atomic_folder` writes what will be `path`."""
    return path.with_name(f".{path.name}.partial")


def count_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def hold_stage(name: str) -> Iterator[None]:
    """Let one process at a time work on the stage `name` of this folder.

    A stage outlives a DVC that is killed, and would write what a next run writes too.
    The operating system frees the lock when the last process of the stage ends, in
    whatever way. Raises StudyError where another one holds it.
    """
    places.LOCKS.mkdir(parents=True, exist_ok=True)
    place = places.LOCKS / name
    with place.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            pid = file.read().strip()
            raise StudyError(
                f"{name} is running already, as process {pid} (it outlives a DVC that "
                f"is killed); wait until it has ended, or end it with `kill {pid}`, "
                "and run this again"
            ) from None
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def run_stage(main: Callable[[], None], alone: bool = True) -> None:
    """Run a stage's `main`; what a user can mend ends it with one line, exit code 1.

    That is a `StudyError`, a full disk, a full memory or a missing permission. alone:
    a second process of the same stage and item is refused while this one runs; of
    those that `torchrun` started, the first stands for all. What it took is noted.
    """
    from cytobalance.study.cost import measure  # which needs this module
    from cytobalance.study.progress import note_progress

    name = "-".join([Path(sys.argv[0]).stem, *sys.argv[1:]]).replace("--", "")
    name = re.sub(r"[^\w.-]", "_", name)[:200]  # of a file
    first = os.environ.get("RANK", "0") == "0"
    try:
        with ExitStack() as around:
            if alone and first:
                around.enter_context(hold_stage(name))
                around.enter_context(note_progress(name))
            if first:
                around.enter_context(measure(Path(sys.argv[0]).stem, sys.argv[1:]))
            main()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        line = describe_error(error)
        if line is None:
            raise
        # A file's name may hold a line end, as macOS's `Icon\r` does.
        line = line.replace("\r", "\\r").replace("\n", "\\n")
        print(f"error: {line}", file=sys.stderr)
        sys.exit(1)


def describe_error(error: Exception) -> str | None:
    """What to tell a user who can mend it; None where it is a mistake of ours."""
    if isinstance(error, StudyError):
        return str(error)
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        return (
            f"{error.strerror} while writing; make room and run it again, nothing "
            "half-written is kept"
        )
    if isinstance(error, PermissionError):
        return (
            f"{error.filename}: {error.strerror}; give this user the right to it and "
            "run it again"
        )
    # PyTorch's errors by name and text, since few stages need PyTorch.
    if (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "can't allocate memory" in str(error)
    ):
        return (
            "the memory is full; lower the stage's share (gan.batch, generate.batch, "
            "a classifier's batch, assess.cells) or image.size, or set "
            "CYTOBALANCE_DEVICE=cpu where it was the GPU's"
        )
    return None
