"""The download against nginx, a server as archives really lie on."""

import os
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from cytobalance.sources import fetch as fetching
from cytobalance.sources.fetch import fetch
from cytobalance.study.runtime import StudyError

NGINX = shutil.which("nginx")
pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not on PATH")

BODY = os.urandom(1 << 21)
NAME = "archive.zip"
# A slow server sends so much at once, and the rest at a trickle.
AT_ONCE = 3 * fetching.PIECE
TRICKLE = f"limit_rate_after {AT_ONCE}; limit_rate 1k;"
TEMPORARY = ("client_body", "proxy", "fastcgi", "scgi", "uwsgi")
CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
events {{}}
http {{
    log_format asked '$status $http_range';
    access_log {folder}/access.log asked;
    {temporary}
    default_type application/octet-stream;
    gzip on;
    gzip_types *;
    server {{
        listen 127.0.0.1:{port};
        root {folder}/shelf;
        {more}
        location = /moved {{ return 302 /{name}; }}
    }}
}}
"""


class Server:
    """nginx on a free port; all that it reads and writes lies in `folder`."""

    def __init__(self, folder: Path):
        self.folder = folder
        (folder / "shelf").mkdir()
        self.put(BODY, 1_700_000_000)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/{NAME}"

    def put(self, body: bytes, changed: int) -> None:
        """Lay the file there; nginx tells versions apart by its time and size."""
        path = self.folder / "shelf" / NAME
        path.write_bytes(body)
        os.utime(path, (changed, changed))

    def start(self, more: str = "") -> None:
        """Start with lines `more` in its configuration, and wait until it answers."""
        built = subprocess.run([NGINX, "-V"], stderr=subprocess.PIPE, text=True).stderr
        temporary = "".join(
            f"{kind}_temp_path {self.folder}/{kind};"
            for kind in TEMPORARY
            if f"--without-http_{kind}_module" not in built
        )
        places = {"folder": self.folder, "port": self.port, "name": NAME}
        text = CONFIGURATION.format(temporary=temporary, more=more, **places)
        (self.folder / "nginx.conf").write_text(text)
        errors = self.folder / "error.log"
        command = [NGINX, "-p", self.folder, "-c", "nginx.conf", "-e", errors]
        self.process = subprocess.Popen(command)
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self.process.poll() is None, errors.read_text()
            time.sleep(0.05)
        pytest.fail("nginx does not answer")

    def stop(self) -> list[str]:
        """Stop it; status and range of all that it was asked."""
        self.process.terminate()
        self.process.wait(10)
        return (self.folder / "access.log").read_text().splitlines()


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "BACKOFF", 0.001)
    folder = tmp_path / "nginx"
    folder.mkdir()
    server = Server(folder)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def target(tmp_path):
    return tmp_path / "incoming" / NAME


def cut(server: Server, target: Path) -> int:
    """Stop the server in the middle of a download; bytes that have arrived."""
    server.stop()
    server.start(TRICKLE)
    part = target.with_name(f"{NAME}.part")

    def stop_half_way():
        for _ in range(1000):
            if part.exists() and part.stat().st_size >= 2 * fetching.PIECE:
                break
            time.sleep(0.01)
        server.stop()

    stopper = threading.Thread(target=stop_half_way)
    stopper.start()
    with pytest.raises(StudyError, match="what arrived is kept, run again to go on"):
        fetch(server.url, target)
    stopper.join()
    assert not target.exists()
    return part.stat().st_size


def assert_whole(target: Path, body: bytes = BODY) -> None:
    assert target.read_bytes() == body
    assert [path.name for path in target.parent.iterdir()] == [NAME]


def test_the_whole_file(server, target):
    fetch(server.url, target, size=len(BODY))
    assert_whole(target)
    assert server.stop() == ["200 -"]


def test_a_cut_download_goes_on_where_it_stopped(server, target):
    arrived = cut(server, target)
    assert 2 * fetching.PIECE <= arrived <= AT_ONCE
    server.start()
    fetch(server.url, target, size=len(BODY))
    assert_whole(target)
    assert server.stop()[-1] == f"206 bytes={arrived}-"


def test_a_partial_file_that_lost_its_end_goes_on_from_there(server, target):
    cut(server, target)
    os.truncate(target.with_name(f"{NAME}.part"), 1000)
    server.start()
    fetch(server.url, target)
    assert_whole(target)
    assert server.stop()[-1] == "206 bytes=1000-"


def test_a_file_that_changed_meanwhile_is_fetched_anew(server, target):
    arrived = cut(server, target)
    changed = BODY[::-1]
    server.put(changed, 1_700_000_009)
    server.start()
    fetch(server.url, target)
    assert_whole(target, changed)
    assert server.stop()[-1] == f"200 bytes={arrived}-"


def test_a_file_that_is_whole_but_for_its_name_is_not_fetched_again(server, target):
    arrived = cut(server, target)
    with target.with_name(f"{NAME}.part").open("ab") as part:
        part.write(BODY[arrived:])
    server.start()
    fetch(server.url, target)
    assert_whole(target)
    assert server.stop()[-1] == f"416 bytes={len(BODY)}-"


def test_a_file_that_is_not_there_is_one_line(server, target):
    with pytest.raises(StudyError, match=r"no\.zip: the server says 404 Not") as caught:
        fetch(server.url.replace(NAME, "no.zip"), target)
    assert "\n" not in str(caught.value)
    assert list(target.parent.iterdir()) == []


def test_a_redirect_is_followed(server, target):
    fetch(server.url.replace(NAME, "moved"), target)
    assert_whole(target)
    assert server.stop() == ["302 -", "200 -"]
