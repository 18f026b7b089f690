"""What every test shares: a thread for each core, one seed, and shapes that are checked against the signatures."""

import os
import random
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

# Before torch, OpenBLAS and OpenCV are loaded, which read them once.
# Of several workers each has one thread: two processes with two threads each wait for one another, and what takes a
# second takes twenty. They inherit what the process that starts them has set for itself, so it is no default for them.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1"}
else:
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    os.environ.setdefault("OPENCV_FOR_THREADS_NUM", os.environ["OMP_NUM_THREADS"])

import numpy as np
import pytest

from tests import shapes

IS_WORKER = "PYTEST_XDIST_WORKER" in os.environ
SEED = 0

# What is compiled once serves every process that a test starts; some machines switch that off, and each of them would
# compile the project and the checks of its shapes again, which takes seconds.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

shapes.check_everywhere()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let a worker make way for the one that has the browser, from its first test without a browser on.

    The browser tests take longest and mostly wait for the browser: the others do their work in those pauses.
    """
    if IS_WORKER and not item.get_closest_marker("browser"):
        make_way()


@cache
def make_way() -> None:
    os.nice(5)


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what is counted out of the user's cache folder, and what stands there out of the tests.

    The workers share a folder, so that a network is counted once.
    """
    folder = tmp_path_factory.getbasetemp()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GTE_CACHE", str((folder.parent if IS_WORKER else folder) / "cache"))
        yield


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Let each test start from the same random state and number of threads, whichever ran before it."""
    random.seed(SEED)
    np.random.seed(SEED)  # noqa: NPY002 - for libraries that still draw from the global generator
    # A test of figures or of the browser need not pay for importing torch.
    if torch := sys.modules.get("torch"):
        torch.manual_seed(SEED)
        # A benchmark sets its own number, which made all that came behind it in its worker ten times slower.
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for small data sets, in which they are looked for."""
    folder = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GTE_DATA", str(folder))
        yield folder
