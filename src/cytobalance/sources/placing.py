"""Bring every source's archive to data/raw: from data/incoming, a URL, or by hand."""

import os
import shutil
from pathlib import Path

from cytobalance.config import Study
from cytobalance.groups import Source
from cytobalance.runtime import StudyError
from cytobalance.sources.catalogue import explain_placing, find_public
from cytobalance.sources.fetch import check_file, fetch


def obtain(name: str, source: Source, incoming: Path) -> Path:
    """Path in `incoming` of the archive of the published `source`, fetched if absent.

    Raises StudyError with numbered steps where it can only be placed by hand.
    """
    path = incoming / source.archive
    checksum = f"sha256:{source.sha256}" if source.sha256 else None
    if not path.exists():
        public = find_public(source.archive)
        steps = explain_placing(source.layout, source.archive)
        if source.url:
            fetch(source.url, path, checksum)
        elif public and public.url:
            try:
                fetch(public.url, path, checksum or public.checksum, public.size)
            except StudyError as error:
                raise StudyError(f"source {name}: {error}; by hand: {steps}") from None
        else:
            raise StudyError(f"source {name}: {path} is missing: {steps}")
    elif path.is_file():
        check_file(path, checksum)
    elif not any(path.iterdir()):
        raise StudyError(
            f"source {name}: the folder {path} is empty; fill or delete it"
        )
    return path


def place(archive: Path, folder: Path) -> None:
    """Copy the archive, a file or a folder, into the new `folder`.

    A copy and no hard link: DVC makes what it tracks read-only, and a later change of
    the file in data/incoming must not reach into its cache.
    """
    if archive.is_dir():
        shutil.copytree(archive, folder)
        return
    folder.mkdir()
    shutil.copyfile(archive, folder / archive.name)


def take(study: Study, shelf: Path, incoming: Path) -> list[str]:
    """Bring the archives that `study` names from the folder `shelf` to `incoming`.

    Returns the names found. Files are hard-linked where the disk allows it. Raises
    StudyError where the folder has none of them.
    """
    wanted = [s.archive for s in study.sources.values() if s.archive]
    found = [name for name in wanted if (shelf / name).exists()]
    if not found:
        raise StudyError(
            f"{shelf} holds none of the archives that params.yaml names: "
            + (", ".join(wanted) or "it names none, all sources are simulated")
        )
    incoming.mkdir(parents=True, exist_ok=True)
    for name in found:
        if not (incoming / name).exists():
            _link(shelf / name, incoming / name)
    return found


def _link(source: Path, target: Path) -> None:
    partial = target.with_name(f".{target.name}.partial")
    if source.is_dir():
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(source, partial)
    else:
        partial.unlink(missing_ok=True)
        try:
            os.link(source.resolve(), partial)
        except OSError:  # another disk
            shutil.copyfile(source, partial)
    partial.rename(target)
