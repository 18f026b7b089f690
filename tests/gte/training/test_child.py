"""The child process of an app that trains."""

import subprocess
import sys
from pathlib import Path


def test_it_ends_with_its_parent_and_removes_its_folder(tmp_path: Path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "resume.pt").touch()
    command = [sys.executable, "-m", "gte.training.child", str(folder), "live", "--out", str(folder / "gte")]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(30) == 1
    assert not folder.exists()


def test_it_trains_as_the_command_and_reports_its_errors_alike(tmp_path: Path):
    command = [sys.executable, "-m", "gte.training.child", str(tmp_path / "run"), "live", "--model", "none"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        printed = process.stderr.read()
    assert process.returncode == 2
    assert printed.startswith("gte.train: The networks are c2d, ")
