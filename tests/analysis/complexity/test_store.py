"""Counts kept on disk: found again, made anew when anything changed, and never spoiled."""

import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from analysis.complexity import counting, store
from gte.models import configure
from tests.analysis.tiny_counts import SMALL, TINY, tiny_count


@pytest.fixture(scope="module")
def gte() -> counting.Complexity:
    return tiny_count("gte")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, and the names of the networks that were counted anew."""
    monkeypatch.setenv(store.FOLDER_VARIABLE, str(tmp_path))
    counted = []

    def count(name, options, clip):
        counted.append(name)
        # What is kept is counted once for all tests; the clip tells counts apart.
        return replace(tiny_count(name), options=configure(name, **options).options(), clip=clip)

    monkeypatch.setattr(store, "count", count)
    return counted


def test_a_count_is_read_from_the_disk_and_equals_the_first(cache, gte):
    assert store.stored("gte", TINY, SMALL) == store.stored("gte", TINY, SMALL) == gte
    assert cache == ["gte"]
    store.stored("gte", TINY, replace(SMALL, frames=2))
    store.stored("gte", {**TINY, "temporal_share": 1 / 2}, SMALL)
    assert cache == ["gte"] * 3


@pytest.mark.parametrize("what", ["version", "code"])
def test_another_version_or_another_source_counts_anew(what, cache, monkeypatch):
    store.stored("c2d", TINY, SMALL)
    if what == "version":
        monkeypatch.setattr(store, "version", lambda library: "0.0")
    else:
        monkeypatch.setattr(store, "code_revision", lambda: "another")
    store.stored("c2d", TINY, SMALL)
    assert cache == ["c2d", "c2d"]


def _falsified(text: str) -> str:
    content = json.loads(text)
    content["count"]["macs"] += 1
    return json.dumps(content)


@pytest.mark.parametrize(
    "damage", [lambda text: text[: len(text) // 2], lambda text: "", lambda text: "[1]", lambda text: "{}", _falsified]
)
def test_a_damaged_file_is_counted_anew_and_replaced(damage, cache, gte):
    store.stored("gte", TINY, SMALL)
    path = store.path_of("gte", TINY, SMALL)
    path.write_text(damage(path.read_text()))
    assert store.stored("gte", TINY, SMALL) == gte
    assert store.stored("gte", TINY, SMALL) == gte
    assert cache == ["gte", "gte"]


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(cache, tmp_path, monkeypatch, gte):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(store.FOLDER_VARIABLE, str(tmp_path / "file"))
    assert store.stored("gte", TINY, SMALL) == gte


def test_the_oldest_files_go_when_there_are_too_many(cache, monkeypatch):
    monkeypatch.setattr(store, "MOST_FILES", 2)
    for frames in (1, 2, 3):
        store.stored("c2d", TINY, replace(SMALL, frames=frames))
    assert len(list(store.folder().glob("*.json"))) == 2
    assert store.path_of("c2d", TINY, replace(SMALL, frames=3)).exists()
    assert not list(store.folder().glob(".*"))


def test_several_that_count_the_same_at_once_leave_one_good_file(cache, gte):
    barrier = threading.Barrier(4)

    def ask(_):
        barrier.wait()
        return store.stored("gte", TINY, SMALL)

    with ThreadPoolExecutor(4) as pool:
        assert all(item == gte for item in pool.map(ask, range(4)))
    assert [path.suffix for path in store.folder().iterdir()] == [".json"]
    assert store.stored("gte", TINY, SMALL) == gte


ASK = """
from analysis.complexity import counting, store
from gte.models import ClipShape

item = store.stored("gte", {"depth": 26, "base_width": 16, "num_classes": 5}, ClipShape(4, 32, 32))
print(item.macs, item.params)
"""


@pytest.mark.slow
def test_two_processes_that_count_the_same_at_once_get_the_same_and_leave_one_good_file(cache, gte):
    asking = [subprocess.Popen([sys.executable, "-c", ASK], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = [process.communicate()[0].split() for process in asking]
    assert [process.returncode for process in asking] == [0, 0]
    assert answers == [[str(gte.macs), str(gte.params)]] * 2
    [path] = store.folder().iterdir()
    assert store.read(path, store.identity("gte", TINY, SMALL)) == gte
    assert store.stored("gte", TINY, SMALL) == gte
    assert cache == []


def test_the_cache_lies_below_the_user_s_cache_folder(monkeypatch, tmp_path):
    monkeypatch.delenv(store.FOLDER_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    assert store.folder() == tmp_path / "gte-explorer" / "complexity"
