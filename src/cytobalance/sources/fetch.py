"""Fetch one file over http(s), or copy a local one: resumed, checked, never half."""

import hashlib
import json
import shutil
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

import requests
from requests.adapters import HTTPAdapter
from tqdm import tqdm
from urllib3.exceptions import HTTPError
from urllib3.util import Retry

from cytobalance.study.runtime import StudyError, atomic_file

# A line that is cut is taken up again, this often in a row without a new byte.
ATTEMPTS = 5
# Seconds before the second attempt, doubled each time.
BACKOFF = 1.0
TIMEOUT = (15, 60)  # seconds to connect, and between two pieces
PIECE = 1 << 18
# Left free on the disk, since the stages that follow need room too.
RESERVE = 100 * 2**20


def fetch(
    url: str, target: Path, checksum: str | None = None, size: int | None = None
) -> None:
    """Bring the file at `url` (http, https, file, or a local path) to `target`.

    checksum: `md5:` or `sha256:` and hex; size: bytes. What has arrived is kept beside
    `target` as `<name>.part`; a later call goes on from there where the server says
    that the file is still the same. Raises StudyError; `target` appears whole and
    checked, or not at all.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    state = target.with_name(f"{target.name}.part.json")
    parts = urlsplit(url)
    if parts.scheme in ("http", "https"):
        _download(url, part, state)
    else:
        _copy(Path(unquote(parts.path) if parts.scheme == "file" else url), part)
    try:
        check_file(part, checksum, size)
    except StudyError:
        part.unlink()  # the next run starts afresh
        raise
    finally:
        state.unlink(missing_ok=True)
    part.replace(target)


def check_file(path: Path, checksum: str | None, size: int | None = None) -> None:
    """Raise StudyError where the file at `path` is empty or not the one expected."""
    bytes_found = path.stat().st_size
    name = path.name.removesuffix(".part")
    if bytes_found == 0:
        raise StudyError(f"{name} is empty; get it again")
    if size is not None and bytes_found != size:
        raise StudyError(f"{name} has {bytes_found} bytes, not {size}; get it again")
    if checksum:
        kind, _, expected = checksum.partition(":")
        with path.open("rb") as file:
            actual = hashlib.file_digest(file, kind).hexdigest()
        if actual != expected:
            raise StudyError(
                f"{name} has the {kind} {actual}, not {expected}; get it again, or "
                "correct `sha256` in params.yaml if this is the file you mean"
            )


def _copy(source: Path, part: Path) -> None:
    if not source.is_file():
        raise StudyError(f"{source} is no file; correct `url` in params.yaml")
    _check_room(part, source.stat().st_size)
    shutil.copyfile(source, part)


def _check_room(part: Path, need: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if need + RESERVE > free:
        raise StudyError(
            f"{part.name.removesuffix('.part')} needs {need >> 20} MB more, but "
            f"{part.parent} has {free >> 20} MB free; make room and run again"
        )


def _download(url: str, part: Path, state: Path) -> None:
    """Fill `part` from `url`, taking up the line again where it breaks."""
    best = _size(part)
    failures = 0
    with _open_session() as session:
        while True:
            try:
                if _receive(session, url, part, state):
                    return
                reason = "the connection was cut"
            except (requests.ConnectionError, requests.Timeout, HTTPError) as error:
                reason = type(error).__name__
            except requests.RequestException as error:
                raise StudyError(
                    f"{url}: {error}; correct `url` in params.yaml"
                ) from None
            failures = 0 if _size(part) > best else failures + 1
            best = max(best, _size(part))
            if failures >= ATTEMPTS:
                raise StudyError(
                    f"{url}: no answer, or no further byte, in {ATTEMPTS} attempts "
                    f"({reason}); what arrived is kept, run again to go on"
                )
            time.sleep(BACKOFF * 2**failures)


def _open_session() -> requests.Session:
    """A session that asks again where a server is busy or broken for a moment."""
    session = requests.Session()
    retry = Retry(
        total=ATTEMPTS,
        connect=0,  # the loop below counts those
        read=0,
        backoff_factor=BACKOFF,
        status_forcelist=(429, 500, 502, 503, 504),
        raise_on_status=False,
    )
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=retry))
    return session


def _receive(session: requests.Session, url: str, part: Path, state: Path) -> bool:
    """One request; whether `part` is whole after it."""
    start, validator = _size(part), _read_validator(state, url)
    # Packed transfer would make bytes uncountable.
    headers = {"Accept-Encoding": "identity"}
    if start and validator:
        headers |= {"Range": f"bytes={start}-", "If-Range": validator}
    with session.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
        if answer.status_code == 416:  # nothing follows: whole already, or another file
            if answer.headers.get("Content-Range") == f"bytes */{start}":
                return True
            part.unlink()
            return False
        _check_answer(url, answer)
        follows = answer.headers.get("Content-Range", "").startswith(f"bytes {start}-")
        if answer.status_code == 206 and not (
            follows and validator == _validator(answer)
        ):
            part.unlink()  # a server that ignores If-Range: begin again
            return False
        if answer.status_code == 200:
            start = 0
            part.write_bytes(b"")
            with atomic_file(state) as partial:
                partial.write_text(json.dumps({"url": url, "same": _validator(answer)}))
        length = answer.headers.get("Content-Length")
        total = start + int(length) if length else None
        _check_room(part, (total or 0) - start)
        _write(answer, part, start, total)
    return total is None or _size(part) == total


def _write(
    answer: requests.Response, part: Path, start: int, total: int | None
) -> None:
    """Append the answer's body to `part`, with a progress bar on a terminal."""
    name = part.name.removesuffix(".part")
    bar = tqdm(
        initial=start, total=total, desc=name, unit="B", unit_scale=True, disable=None
    )
    with bar, part.open("ab") as file:
        for piece in answer.raw.stream(PIECE, decode_content=False):
            file.write(piece)
            bar.update(len(piece))


def _check_answer(url: str, answer: requests.Response) -> None:
    if answer.status_code not in (200, 206):
        raise StudyError(
            f"{url}: the server says {answer.status_code} {answer.reason}; check `url` "
            "in params.yaml, or place the archive by hand (docs/sources.md)"
        )
    if answer.headers.get("Content-Type", "").startswith("text/html"):
        raise StudyError(
            f"{url}: gives a web page, not a file; open it in a browser and place the "
            "archive by hand (docs/sources.md)"
        )


def _validator(answer: requests.Response) -> str:
    """What tells this version of the file from others; empty where nothing does."""
    tag = answer.headers.get("ETag", "")
    strong = tag if not tag.startswith("W/") else ""  # If-Range takes strong tags only
    return strong or answer.headers.get("Last-Modified", "")


def _read_validator(state: Path, url: str) -> str:
    """The validator of what `part` holds; empty where it is of another address."""
    try:
        saved = json.loads(state.read_text())
        return saved["same"] if saved["url"] == url else ""
    except (OSError, ValueError, KeyError):
        return ""


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0
