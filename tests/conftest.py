"""What all tests share: the backend, the Olivetti faces, and the rule about skipped tests."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from checkout import FACES_NEARBY

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# A script's shell lets what it runs in the background ignore Ctrl-C, and that is inherited: the
# commands that tests start would ignore it too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

REQUIRE_ALL = "DENOISER_REQUIRE_ALL"  # set to 1, a skipped test fails the run

if "SCIKIT_LEARN_DATA" not in os.environ and FACES_NEARBY.is_dir():
    os.environ["SCIKIT_LEARN_DATA"] = str(FACES_NEARBY)


def faces_are_cached() -> bool:
    """Whether scikit-learn's data folder holds the Olivetti faces, so no test downloads them."""
    home = os.environ.get("SCIKIT_LEARN_DATA") or Path.home() / "scikit_learn_data"
    return (Path(home) / "olivetti_py3.pkz").is_file()


@pytest.fixture(scope="session")
def faces():
    """The reference split, a `datasets.DatasetDict`; skips where the faces are not at hand.

    Where no test may be skipped they are downloaded instead.
    """
    if not faces_are_cached() and os.environ.get(REQUIRE_ALL) != "1":
        pytest.skip(
            "the Olivetti faces are not in scikit-learn's data folder: run "
            "`python -c 'from sklearn.datasets import *; fetch_olivetti_faces()'` once, online, "
            "or set SCIKIT_LEARN_DATA to a folder that holds olivetti_py3.pkz"
        )
    from olivetti_denoiser.data.faces import reference_split

    return reference_split()


@pytest.fixture(scope="session")
def some_faces():
    """The reference split, of drawn faces where the Olivetti faces are not at hand.

    For tests that need faces and no figures of them: from then on, this process draws every split
    from the drawn ones.
    """
    from drawn_faces import draw_faces
    from olivetti_denoiser.data import faces

    with pytest.MonkeyPatch.context() as patch:
        if not faces_are_cached():
            patch.setattr(faces, "fetch_faces", draw_faces)
        yield faces.reference_split()


@pytest.fixture(scope="session")
def train_faces(faces):
    """The 80 training faces as arrays, a `data.faces.Faces`."""
    from olivetti_denoiser.data.faces import as_arrays

    return as_arrays(faces["train"])


@pytest.fixture(scope="session")
def test_faces(faces):
    """The 20 test faces as arrays, a `data.faces.Faces`."""
    from olivetti_denoiser.data.faces import as_arrays

    return as_arrays(faces["test"])


def pytest_addoption(parser):
    """Adds the option that takes the other tests along."""
    parser.addoption("--all", action="store_true", help="all tiers whole, not one case of each")


def pytest_report_header(config):
    """Says what the run leaves out."""
    return None if _all(config) else "unit tests, one case of each other tier; --all adds the rest"


def pytest_collection_modifyitems(config, items):
    """Leaves out what nobody asked for, and says which tests share a process.

    A test's tier is its folder. Unasked, the unit tests run, and of the other tiers what is marked
    smoke. What needs Keras runs in one process, so that TensorFlow is imported once; it takes
    longest, so it comes first.
    """
    kept, left = [], []
    for item in items:
        marks = {mark.name for mark in item.iter_markers()}
        wanted = _all(config) or item.path.parent.name == "unit" or "smoke" in marks
        (kept if wanted else left).append(item)
    if left:
        config.hook.pytest_deselected(items=left)
    items[:] = sorted(kept, key=lambda item: (not _trains(item), item.path.parent.name == "unit"))
    for item in items:
        item.add_marker(pytest.mark.xdist_group("keras" if _trains(item) else item.path.stem))


def _trains(item):
    """Whether a test imports Keras: its tier is train, or it is marked keras."""
    return item.path.parent.name == "train" or bool(item.get_closest_marker("keras"))


def _all(config):
    """Whether all tiers run whole: asked for by an option or a file's name, or all are required."""
    by_name = config.args_source is not pytest.Config.ArgsSource.TESTPATHS
    return bool(config.getoption("--all") or by_name or os.environ.get(REQUIRE_ALL) == "1")


def pytest_sessionfinish(session):
    """Fails the run where a test was skipped although all are required; `-ra` says which."""
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")  # no worker has one
    if os.environ.get(REQUIRE_ALL) == "1" and terminal and terminal.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A Hub on loopback, to which this process is connected as alice, with an empty cache."""
    from local_hub import LocalHub

    with LocalHub() as hub:
        hub.connect(monkeypatch, hub.user("alice"), tmp_path / "home")
        yield hub


@pytest.fixture(scope="session")
def page(tmp_path_factory):
    """The running page with the released networks, one for all tests."""
    from page_server import PageServer

    with PageServer(tmp_path_factory.mktemp("page")) as server:
        yield server


@pytest.fixture(scope="module")
def visits(tmp_path_factory):
    """The static Space with the released networks, in a browser: see `browser_visit.Visits`.

    Fails if the page complains, or asks any other origin.
    """
    from browser_visit import Visits

    with Visits(tmp_path_factory.mktemp("page") / "dist") as visits:
        yield visits
    assert not visits.complaints


@pytest.fixture(scope="module")
def tab(visits):
    """The static Space in a tab that the tests of a file share; each brings its own picture."""
    return visits.open()
