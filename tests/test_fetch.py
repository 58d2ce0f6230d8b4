"""The download against a real HTTP server that misbehaves in every way we know."""

import hashlib
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cytobalance.sources import fetch as fetching
from cytobalance.sources.fetch import fetch
from cytobalance.study.runtime import StudyError

BODY = bytes(range(256)) * 2000
SHA = "sha256:" + hashlib.sha256(BODY).hexdigest()


@dataclass
class Shelf:
    """What the server gives, and what it was asked."""

    url: str = ""
    body: bytes = BODY
    etag: str | None = '"one"'
    ranges: bool = True
    ignores_if_range: bool = False
    cuts: list[int] = field(default_factory=list)  # bytes sent before each cut
    statuses: list[int] = field(default_factory=list)  # answered first, one a request
    page: bool = False
    asked: list[str | None] = field(default_factory=list)  # Range of each request


class Handler(BaseHTTPRequestHandler):
    """Serves `server.shelf` as /file, and a redirect to it as /moved."""

    def do_GET(self):
        shelf = self.server.shelf
        if self.path == "/moved":
            return self._head(302, {"Location": "/file"})
        shelf.asked.append(self.headers.get("Range"))
        if shelf.statuses:
            return self._head(shelf.statuses.pop(0), {"Content-Length": "0"})
        start, status = 0, 200
        same = shelf.ignores_if_range or self.headers.get("If-Range") == shelf.etag
        if shelf.ranges and self.headers.get("Range") and same:
            start, status = int(self.headers["Range"][6:-1]), 206
        if start >= len(shelf.body) > 0:
            return self._head(416, {"Content-Range": f"bytes */{len(shelf.body)}"})
        rest = shelf.body[start:]
        lines = {"Content-Length": str(len(rest))}
        if status == 206:
            end = f"{len(shelf.body) - 1}/{len(shelf.body)}"
            lines["Content-Range"] = f"bytes {start}-{end}"
        if shelf.etag:
            lines["ETag"] = shelf.etag
        if shelf.page:
            lines["Content-Type"] = "text/html; charset=utf-8"
        self._head(status, lines)
        self.wfile.write(rest[: shelf.cuts.pop(0)] if shelf.cuts else rest)
        return None

    def _head(self, status, lines):
        self.send_response(status)
        for name, value in lines.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def shelf(monkeypatch):
    monkeypatch.setattr(fetching, "BACKOFF", 0.001)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.shelf = Shelf(url=f"http://127.0.0.1:{server.server_port}/file")
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server.shelf
    server.shutdown()
    server.server_close()


@pytest.fixture
def target(tmp_path):
    return tmp_path / "incoming" / "archive.zip"


def assert_clean(target):
    """The archive stands there whole, and nothing else does."""
    assert target.read_bytes() == BODY
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_plain_fetch(shelf, target):
    fetch(shelf.url, target, SHA, len(BODY))
    assert_clean(target)
    assert shelf.asked == [None]


def test_cut_connections_go_on_where_they_stopped(shelf, target):
    shelf.cuts = [100_000, 50_000, 7]
    fetch(shelf.url, target, SHA)
    assert_clean(target)
    assert shelf.asked == [None, "bytes=100000-", "bytes=150000-", "bytes=150007-"]


def test_a_killed_run_goes_on_in_the_next(shelf, target, monkeypatch):
    monkeypatch.setattr(fetching, "ATTEMPTS", 1)
    shelf.cuts = [100_000, 0]
    with pytest.raises(StudyError, match="run again to go on"):
        fetch(shelf.url, target, SHA)
    assert not target.exists()
    fetch(shelf.url, target, SHA)
    assert_clean(target)
    assert shelf.asked[-1] == "bytes=100000-"


@pytest.mark.parametrize("ignores", [False, True])
def test_a_file_that_changed_meanwhile_is_fetched_afresh(
    shelf, target, monkeypatch, ignores
):
    monkeypatch.setattr(fetching, "ATTEMPTS", 1)
    shelf.body, shelf.cuts = b"old" * len(BODY), [100_000, 0]
    with pytest.raises(StudyError):
        fetch(shelf.url, target, SHA)
    shelf.body, shelf.etag, shelf.ignores_if_range = BODY, '"two"', ignores
    monkeypatch.setattr(fetching, "ATTEMPTS", 3)
    fetch(shelf.url, target, SHA)
    assert_clean(target)


def test_without_range_support_it_begins_again(shelf, target):
    shelf.ranges, shelf.cuts = False, [100_000]
    fetch(shelf.url, target, SHA)
    assert_clean(target)


def test_without_a_validator_nothing_is_taken_for_the_same_file(shelf, target):
    shelf.etag, shelf.cuts = None, [100_000]
    fetch(shelf.url, target, SHA)
    assert_clean(target)
    assert shelf.asked == [None, None]


def test_all_bytes_there_but_killed_before_the_name_was_given(
    shelf, target, monkeypatch
):
    shelf.cuts = [len(BODY) - 1, 0]
    monkeypatch.setattr(fetching, "ATTEMPTS", 1)
    with pytest.raises(StudyError):
        fetch(shelf.url, target, SHA)
    with target.with_name(f"{target.name}.part").open("ab") as part:
        part.write(BODY[-1:])
    fetch(shelf.url, target, SHA)
    assert_clean(target)
    assert shelf.asked[-1] == f"bytes={len(BODY)}-"
    assert len(shelf.asked) == 3  # no further request once all is there


def test_wrong_checksum_leaves_nothing(shelf, target):
    with pytest.raises(StudyError, match="sha256"):
        fetch(shelf.url, target, "sha256:" + "0" * 64)
    assert list(target.parent.iterdir()) == []


def test_wrong_size_leaves_nothing(shelf, target):
    with pytest.raises(StudyError, match="bytes, not 5"):
        fetch(shelf.url, target, None, 5)
    assert list(target.parent.iterdir()) == []


def test_redirect_is_followed(shelf, target):
    fetch(shelf.url.replace("/file", "/moved"), target, SHA)
    assert_clean(target)


def test_500_then_200(shelf, target):
    shelf.statuses = [500, 503]
    fetch(shelf.url, target, SHA)
    assert_clean(target)


@pytest.mark.parametrize("status", [403, 404])
def test_refusal_names_the_address_and_the_status(shelf, target, status):
    shelf.statuses = [status]
    with pytest.raises(StudyError, match=f"{shelf.url}.*{status}"):
        fetch(shelf.url, target)
    assert not target.exists()


def test_always_500_is_one_line(shelf, target):
    shelf.statuses = [500] * 50
    with pytest.raises(StudyError, match="500") as caught:
        fetch(shelf.url, target)
    assert "\n" not in str(caught.value)


def test_a_web_page_is_no_archive(shelf, target):
    shelf.page = True
    with pytest.raises(StudyError, match="web page"):
        fetch(shelf.url, target)
    assert not target.exists()


def test_empty_answer_is_refused(shelf, target):
    shelf.body = b""
    with pytest.raises(StudyError, match="empty"):
        fetch(shelf.url, target)


def test_no_server(target, monkeypatch):
    monkeypatch.setattr(fetching, "BACKOFF", 0.001)
    with pytest.raises(StudyError, match="no answer"):
        fetch("http://127.0.0.1:9/file", target)


def test_full_disk_is_said_before_the_first_byte(shelf, target, monkeypatch):
    monkeypatch.setattr(fetching, "RESERVE", 1 << 60)
    with pytest.raises(StudyError, match="make room"):
        fetch(shelf.url, target)


@pytest.mark.parametrize("scheme", ["path", "file"])
def test_local_files(tmp_path, target, scheme):
    source = tmp_path / "a b.zip"
    source.write_bytes(BODY)
    fetch(source.as_uri() if scheme == "file" else str(source), target, SHA)
    assert_clean(target)


def test_local_file_that_is_not_there(tmp_path, target):
    with pytest.raises(StudyError, match="is no file"):
        fetch(str(tmp_path / "none.zip"), target)
