"""The app with checkpoints of its own: two tiny networks in folders that a test may change."""

import shutil
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import streamlit as st
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from app import checkpoints
from gte.data import open_dataset
from tests.browser.harness import APP
from tests.tiny import save_tiny


@pytest.fixture(autouse=True, scope="session")
def components_scanned_once() -> Iterator[None]:
    """Let Streamlit look for components of installed packages once and not for each AppTest, a sixth of its time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


@pytest.fixture(autouse=True)
def main_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the script that AppTest leaves as `__main__` away again; processes that a later test starts would run it."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Empty folders for checkpoints in place of the real ones."""
    folders = {"": tmp_path / "checkpoints", "runs/": tmp_path / "runs"}
    for folder in folders.values():
        folder.mkdir()
    monkeypatch.setattr(checkpoints, "FOLDERS", folders)
    st.cache_data.clear()
    st.cache_resource.clear()
    return folders


@pytest.fixture(scope="session")
def gte_and_c2d(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a GTE and a C2D that know MotionPairs' classes and have not trained; nobody writes to it."""
    folder = tmp_path_factory.mktemp("gte-and-c2d")
    motions = open_dataset("motionpairs", "test", 32)
    for name in ("gte", "c2d"):
        save_tiny(folder / f"{name}-tiny.safetensors", name, classes=motions.classes, twins=motions.twins)
    return folder


@pytest.fixture
def two_networks(folders: dict[str, Path], gte_and_c2d: Path) -> dict[str, Path]:
    """Those two networks, each test's own."""
    shutil.copytree(gte_and_c2d, folders[""], dirs_exist_ok=True)
    return folders


@pytest.fixture
def app() -> AppTest:
    """The whole app, on its first page."""
    return AppTest.from_file(str(APP), default_timeout=120)
