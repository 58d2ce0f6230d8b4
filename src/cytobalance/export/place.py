"""The folder of an export: checked before the work, whole or absent after it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cytobalance.study.cells import hash_file
from cytobalance.study.damage import find_stage
from cytobalance.study.runtime import StudyError, atomic_folder

# Lists the files of an export with their SHA-256, as `sha256sum --check` reads it; a
# folder is an export, as it was written, where its files are those of the list.
CHECKSUMS = "cytobalance.sha256"


def check_place(output: Path) -> None:
    """Refuse a folder where an export can't appear, or would replace anything else.

    What an earlier export wrote may be replaced, unless a file was changed or added.
    """
    with refuse_unwritable(f"--output {output}", output):
        if output.exists() and not _is_replaceable(output):
            raise StudyError(
                f"--output {output} exists and is not as an export wrote it; name a "
                "new folder, or move it away"
            )
        if stage := find_stage(output):
            raise StudyError(
                f"--output {output} is a place of the stage {stage}, whose run would "
                "remove it; name another folder"
            )


@contextmanager
def refuse_unwritable(words: str, path: Path) -> Iterator[None]:
    """Refuse a path, `words` in the message, that can't be looked at or written.

    After the checks of the block it writes a nameless file where the path would lie.
    """
    try:
        yield
        there = next(place for place in path.absolute().parents if place.exists())
        tempfile.TemporaryFile(dir=there).close()
    except OSError as error:
        raise StudyError(
            f"{words} can't be written: {error.strerror}; name another place"
        ) from None


@contextmanager
def export_folder(output: Path) -> Iterator[Path]:
    """Yield an empty folder; on success it becomes `output`, checksums included."""
    with atomic_folder(output.resolve()) as folder:
        yield folder
        text = "".join(f"{hash_file(folder / n)}  {n}\n" for n in _list_files(folder))
        (folder / CHECKSUMS).write_text(text, encoding="utf-8")


def _is_replaceable(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    names = _list_files(folder)
    if CHECKSUMS not in names:
        return not any(folder.iterdir())
    names.remove(CHECKSUMS)
    lines = (folder / CHECKSUMS).read_text("utf-8", errors="replace").splitlines()
    listed = {name: sha256 for sha256, _, name in (r.partition("  ") for r in lines)}
    same = listed.keys() == set(names)
    return same and all(listed[name] == hash_file(folder / name) for name in names)


def _list_files(folder: Path) -> list[str]:
    """All but folders below it, sorted, links as such, in POSIX form."""
    paths = (path for path in folder.rglob("*") if path.is_symlink() or path.is_file())
    return sorted(path.relative_to(folder).as_posix() for path in paths)
