"""Bring every source's archive to data/raw: from data/incoming, a URL, or by hand."""

import hashlib
import os
import shutil
from pathlib import Path

from cytobalance.sources.catalogue import explain_placing, find_public
from cytobalance.sources.fetch import check_file, fetch
from cytobalance.sources.survey import check_content, fingerprint
from cytobalance.study.names import find_path
from cytobalance.study.params import Study
from cytobalance.study.runtime import StudyError
from cytobalance.study.settings import Source


def obtain(name: str, source: Source, incoming: Path, fetched: Path) -> Path:
    """Path of the archive of the published `source`: in `incoming`, else `fetched`.

    Fetched if it is in neither; what an address gave stays in a folder of that address,
    so that another address is fetched. Raises StudyError with numbered steps where
    the archive can only be placed by hand.
    """
    path = find_path(incoming, source.archive)
    checksum = f"sha256:{source.sha256}" if source.sha256 else None
    if path.is_dir():
        if not any(path.iterdir()):
            raise StudyError(
                f"source {name}: the folder {path} is empty; fill or delete it"
            )
        _check_folder(path, source.sha256)
        return path
    if path.exists():
        check_file(path, checksum)
        return path
    public = find_public(source.archive)
    url = source.url or (public and public.url)
    steps = explain_placing(source.layout, source.archive)
    if not url:
        raise StudyError(f"source {name}: {path} is missing: {steps}")
    address = hashlib.sha256(url.encode()).hexdigest()[:12]
    path, size = fetched / address / source.archive, None
    if not source.url:
        checksum, size = checksum or public.checksum, public.size
    try:
        if path.exists():
            check_file(path, checksum, size)
        else:
            fetch(url, path, checksum, size)
    except StudyError as error:
        if source.url:
            raise
        raise StudyError(f"source {name}: {error}; by hand: {steps}") from None
    return path


def _check_folder(path: Path, expected: str | None) -> None:
    sha256 = expected and fingerprint(path)["sha256"]
    if sha256 != expected:
        raise StudyError(
            f"{path} has the sha256 {sha256}, not {expected}; get it again, or correct "
            "`sha256` in params.yaml if this is the folder you mean"
        )


def place(archive: Path, folder: Path) -> None:
    """Copy the archive, a file or a folder, into the new `folder`.

    A copy and no hard link: DVC makes what it tracks read-only, and a later change of
    the file in data/incoming must not reach into its cache.
    """
    if archive.is_dir():
        _copy_folder(archive, folder)
        return
    folder.mkdir()
    shutil.copyfile(archive, folder / archive.name)


def _copy_folder(source: Path, target: Path) -> None:
    """Copy all of `source`, or none. Raises StudyError that names what can't be."""
    try:
        shutil.copytree(source, target)
    except OSError as error:
        shutil.rmtree(target, ignore_errors=True)
        if not isinstance(error, shutil.Error):
            raise
        path, _, reason = error.args[0][0]  # of all that failed: from, to, why
        raise StudyError(f"{path} can't be copied: {reason}") from None


def take(study: Study, shelf: Path, incoming: Path, replace: bool) -> list[str]:
    """Bring the archives that `study` names from the folder `shelf` to `incoming`.

    Returns a line an archive that says what became of it. Files are hard-linked where
    the disk allows it. Raises StudyError, and leaves `incoming` as it was, where the
    folder has none of them, or holds a pipe or what can't be read, or where another
    lies there and `replace` is not set.
    """
    wanted = list(dict.fromkeys(s.archive for s in study.sources.values() if s.archive))
    offered = [name for name in wanted if find_path(shelf, name).exists()]
    if not offered:
        raise StudyError(
            f"{shelf} holds none of the archives that params.yaml names: "
            + (", ".join(wanted) or "it names none, all sources are simulated")
        )
    there = [name for name in offered if os.path.lexists(find_path(incoming, name))]
    same = [
        name
        for name in there
        if _is_same(find_path(shelf, name), find_path(incoming, name))
    ]
    other = [name for name in there if name not in same]
    if other and not replace:
        raise StudyError(
            f"nothing is taken: {incoming} holds other content under the name "
            f"{', '.join(other)}; move it away, or replace it: "
            f"make take FROM={shelf} REPLACE=yes"
        )
    for name in offered:  # DVC would wait for a pipe forever
        check_content(find_path(shelf, name), follow=True)
    incoming.mkdir(parents=True, exist_ok=True)
    lines = []
    for name in wanted:
        if name not in offered:
            lines.append(f"{name}: not in {shelf}")
        elif name in same:
            lines.append(f"{name}: lies in {incoming} already, the same")
        else:
            _bring(find_path(shelf, name), find_path(incoming, name))
            done = "replaced in" if name in other else "taken into"
            lines.append(f"{name}: {done} {incoming}")
    return lines


def _is_same(one: Path, other: Path) -> bool:
    if not other.exists():  # a link to nothing
        return False
    if one.samefile(other):
        return True
    return fingerprint(one, follow=True) == fingerprint(other, follow=True)


def _bring(source: Path, target: Path) -> None:
    """Copy `source`, then let it take the place of `target`."""
    partial = target.with_name(f".{target.name}.partial")
    former = target.with_name(f".{target.name}.replaced")
    for path in (partial, former):
        _remove(path)
    if source.is_dir():
        _copy_folder(source, partial)
    else:
        try:
            os.link(source.resolve(), partial)
        except OSError:  # another disk
            shutil.copyfile(source, partial)
    if os.path.lexists(target):
        target.rename(former)
    partial.rename(target)
    _remove(former)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
