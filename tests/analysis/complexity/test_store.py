"""Counts on disk: read again, counted again after any change, and never spoiled."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.complexity import counting, store
from gte.files import CACHE_VARIABLE, cache_folder
from gte.models import configure
from tests.analysis.tiny_counts import SMALL, TINY, tiny_count


@pytest.fixture(scope="module")
def gte() -> counting.Complexity:
    return tiny_count("gte")


@pytest.fixture
def counted(tmp_path, monkeypatch):
    """The names of the networks that were counted, with an empty cache."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    names = []

    def count(name, options, clip):
        names.append(name)
        # Counted once for all tests; the clip tells counts apart.
        return replace(tiny_count(name), options=configure(name, **options).options(), clip=clip)

    monkeypatch.setattr(store, "count", count)
    return names


def files() -> list[Path]:
    return list(cache_folder().rglob("output.pkl"))


def test_a_count_is_read_from_disk_and_equals_the_first(counted, gte):
    assert store.stored("gte", TINY, SMALL) == store.stored("gte", TINY, SMALL) == gte
    assert counted == ["gte"]
    store.stored("gte", TINY, replace(SMALL, frames=2))
    store.stored("gte", {**TINY, "temporal_share": 1 / 2}, SMALL)
    assert counted == ["gte"] * 3


def test_the_revision_changes_with_a_version_and_with_the_source(tmp_path, monkeypatch):
    revisions = {store.revision.__wrapped__()}
    with monkeypatch.context() as patch:
        patch.setattr(store, "version", lambda library: "0.0")
        revisions.add(store.revision.__wrapped__())
    (tmp_path / "counting.py").write_text("")
    monkeypatch.setattr(store, "SOURCES", (tmp_path,))
    revisions.add(store.revision.__wrapped__())
    assert len(revisions) == 3


def test_another_revision_is_counted_again(counted, monkeypatch):
    store.stored("c2d", TINY, SMALL)
    monkeypatch.setattr(store, "revision", lambda: "another")
    store.stored("c2d", TINY, SMALL)
    assert counted == ["c2d", "c2d"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: b"",
        lambda content: b"no pickle",
        # One wrong bit, which the checksum of the compression tells.
        lambda content: content[:-40] + bytes([content[-40] ^ 1]) + content[-39:],
    ],
)
def test_a_damaged_file_is_counted_again_and_replaced_without_a_word(damage, counted, gte, caplog):
    store.stored("gte", TINY, SMALL)
    [path] = files()
    path.write_bytes(damage(path.read_bytes()))
    assert store.stored("gte", TINY, SMALL) == gte
    assert store.stored("gte", TINY, SMALL) == gte
    assert counted == ["gte", "gte"]
    assert caplog.records == []


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(counted, tmp_path, monkeypatch, gte):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "file"))
    assert store.stored("gte", TINY, SMALL) == gte


def test_the_oldest_counts_are_deleted_when_there_are_too_many(counted, monkeypatch):
    monkeypatch.setattr(store, "MAX_COUNTS", 2)
    for frames in (1, 2, 3):
        store.stored("c2d", TINY, replace(SMALL, frames=frames))
    assert len(files()) == 2
    store.stored("c2d", TINY, replace(SMALL, frames=3))
    assert counted == ["c2d"] * 3


def test_threads_that_count_the_same_at_once_leave_one_good_file(counted, gte):
    barrier = threading.Barrier(4)

    def ask(_):
        barrier.wait()
        return store.stored("gte", TINY, SMALL)

    with ThreadPoolExecutor(4) as pool:
        assert all(item == gte for item in pool.map(ask, range(4)))
    assert len(files()) == 1
    counted.clear()
    assert store.stored("gte", TINY, SMALL) == gte
    assert not counted


ASK = """
import tests.conftest  # whose checks of shapes are a part of the code that joblib compares
from analysis.complexity import store
from gte.models import ClipShape

item = store.stored("gte", {"depth": 26, "base_width": 16, "num_classes": 5}, ClipShape(4, 32, 32))
print(item.macs, item.params)
"""


@pytest.mark.slow
def test_two_processes_that_count_the_same_at_once_get_the_same_and_leave_one_good_file(counted, gte):
    asking = [subprocess.Popen([sys.executable, "-c", ASK], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = [process.communicate()[0].split() for process in asking]
    assert [process.returncode for process in asking] == [0, 0]
    assert answers == [[str(gte.macs), str(gte.params)]] * 2
    assert len(files()) == 1
    assert store.stored("gte", TINY, SMALL) == gte
    assert not counted
