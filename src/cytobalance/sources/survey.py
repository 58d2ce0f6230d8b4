"""What lies in data/incoming, in a few numbers: `download` reruns where they change."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from cytobalance.study.names import find_path
from cytobalance.study.params import Study
from cytobalance.study.progress import show_progress
from cytobalance.study.runtime import StudyError
from cytobalance.study.settings import Source


def survey(study: Study, incoming: Path, before: dict) -> dict:
    """All that the content of data/raw depends on, as what data/sources.json holds.

    before: the survey before this one, or {}. An archive that is not in `incoming` (a
    copy of the project for one experiment, a clone, a full disk) keeps its numbers of
    then, so that what was taken comes from DVC's cache.
    """
    earlier = _found(before)
    return {
        "simulator": study.simulator.model_dump() if study.simulated else None,
        "sources": {
            name: _describe_source(source, incoming, earlier.get(source.archive))
            for name, source in study.sources.items()
        },
    }


def _found(survey: dict) -> dict[str, dict | None]:
    """Archive -> its numbers in a survey."""
    sources = survey.get("sources", {}).values()
    return {s["archive"]: s["found"] for s in sources if "archive" in s}


def _describe_source(source: Source, incoming: Path, earlier: dict | None) -> dict:
    if source.origin == "simulated":
        return {"layout": source.layout}
    path = find_path(incoming, source.archive)
    lies = os.path.lexists(path)
    return {
        "archive": source.archive,
        "url": source.url,
        "sha256": source.sha256,
        "found": fingerprint(path) if lies else earlier,
    }


def fingerprint(archive: Path, follow: bool = False) -> dict:
    """Files, bytes and sha256 (hex) of a file, or of a folder by names and content.

    Times don't count. Raises StudyError where something in it can't be copied, or,
    unless `follow`, where a link to a folder hides changes from DVC.
    """
    whole = hashlib.sha256()
    files = size = 0
    paths = sorted(_list_files(archive, follow))
    for path in show_progress(paths, desc=f"reading {archive.name}", unit="files"):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
        if path == archive:
            whole = digest
        else:
            inside = os.fsencode(path.relative_to(archive))
            whole.update(inside + b"\0" + digest.digest())
        files, size = files + 1, size + path.stat().st_size
    return {"files": files, "bytes": size, "sha256": whole.hexdigest()}


def check_content(archive: Path, follow: bool = False) -> None:
    """Raise StudyError as `fingerprint` does, without reading any file."""
    for _ in _list_files(archive, follow):
        pass


def _list_files(archive: Path, follow: bool) -> Iterator[Path]:
    """The archive's files, itself where it is one."""
    _check(archive, follow)
    if archive.is_file():
        yield archive
        return
    for place, folders, names in os.walk(archive, onerror=_stop, followlinks=follow):
        for name in (*folders, *names):
            path = Path(place, name)
            _check(path, follow)
            if path.is_file():
                yield path


def _stop(error: OSError) -> None:
    """What `os.walk` can't open is no empty folder."""
    raise StudyError(
        f"{error.filename} can't be read ({error.strerror}); give this user the right "
        "to it, or remove it"
    )


def _check(path: Path, follow: bool) -> None:
    """Raise StudyError where `path` leads astray, or is neither file nor folder."""
    if not path.exists():
        raise StudyError(f"{path} is a link to what is not there; remove it")
    if not path.is_file() and not path.is_dir():
        raise StudyError(f"{path} is neither a file nor a folder; remove it")
    if path.is_symlink() and path.is_dir() and not follow:
        raise StudyError(
            f"{path} is a link to a folder, and DVC does not look behind it: a later "
            "change would go unseen; copy the folder there, or mount it"
        )


def explain_survey(now: dict, before: dict, incoming: Path) -> Iterator[str]:
    """A line an archive: what lies there, and whether that is new."""
    earlier = _found(before)
    for archive, content in _found(now).items():
        path, noted = find_path(incoming, archive), earlier.get(archive)
        if not content:
            yield f"{path} is not there"
        elif not path.exists():
            yield (
                f"{path} is not there; what was taken from it before counts: "
                f"{_count(content)}"
            )
        elif noted == content:
            yield f"{path} is what was taken before: {_count(content)}"
        elif noted:
            yield (
                f"{path} is not what was taken before: {_count(content)}, not "
                f"{_count(noted)}; download takes it anew"
            )
        else:
            yield f"{path} is new: {_count(content)}"


def _count(content: dict) -> str:
    return (
        f"{content['files']:,} file{'s' * (content['files'] != 1)}, "
        f"{content['bytes']:,} bytes, sha256 {content['sha256'][:12]}"
    )


def read_survey(path: Path) -> dict:
    """The survey at `path`; {} where there is none that can be read."""
    try:
        noted = json.loads(path.read_text(encoding="utf-8"))
        _found(noted)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    return noted
