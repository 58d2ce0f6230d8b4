"""Fixtures that several test modules share."""

import errno
import os
import pickle
import shutil
from pathlib import Path

import pytest
from filelock import FileLock
from finished_study import FinishedStudy, finish_study
from playwright.sync_api import sync_playwright

# Networks of tests are so small that a second thread gains nothing, and loses much
# where another program runs; programs that a test starts inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).parent.parent
# Names of Chromium, by system.
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
# Files of tests that take longest, by CPU seconds.
LONG = (
    *("test_pipeline", "test_gan_stages", "test_curation", "test_cutout"),
    # After the study that it shares with the first is finished.
    *("test_damage", "test_survey", "test_two_processes", "test_gan_models"),
)


@pytest.fixture
def shut(monkeypatch):
    """Close a folder to this user, even where that is root, who may read all."""

    def close(folder: Path) -> None:
        scan = os.scandir

        def refuse(path="."):
            if Path(path) == folder:
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return scan(path)

        monkeypatch.setattr(os, "scandir", refuse)

    return close


@pytest.fixture
def model(tmp_path, monkeypatch) -> Path:
    """Two untrained trials of one source, below the current folder."""
    from new_images import KEY, write_model  # which need PyTorch

    monkeypatch.chdir(tmp_path)
    folder = Path(f"models/classifiers/{KEY}")
    write_model(folder)
    return folder


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the real, public archives; the test is skipped where it is absent.

    CYTOBALANCE_REAL_DATA names it; else it is looked for beside the project.
    """
    default = ROOT.parent / "shared" / "data"
    folder = Path(os.environ.get("CYTOBALANCE_REAL_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no real images: set CYTOBALANCE_REAL_DATA, {folder} is absent")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start long files first, so that no worker waits for another at the end."""
    rank = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(LONG)))


@pytest.fixture(scope="session")
def finished_study(tmp_path_factory) -> FinishedStudy:
    """The tiny study, run to its end once, for all workers.

    Tests leave its files as they are.
    """
    place = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # each has a folder below the session's
        place = place.parent
    record = place / "finished_study.pickle"
    with FileLock(f"{record}.lock"):
        if not record.exists():
            (place / "finished_study").mkdir()
            with pytest.MonkeyPatch.context() as monkeypatch:
                study = finish_study(place / "finished_study", monkeypatch)
            record.write_bytes(pickle.dumps(study))
        return pickle.loads(record.read_bytes())


@pytest.fixture
def study_folder(finished_study, monkeypatch) -> Path:
    """Folder of the finished study; the test works in it."""
    monkeypatch.chdir(finished_study.folder)
    return finished_study.folder


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium of this machine, driven by Playwright.

    The test is skipped where there is none.
    """
    path = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if path is None:
        pytest.skip(f"no browser: none of {', '.join(CHROMIUMS)} is installed")
    with sync_playwright() as playwright:
        # Chromium's own sandbox can't be had as root, as in a container.
        arguments = ["--no-sandbox", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()
