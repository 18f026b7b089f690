"""What the tests of the package share beyond those of a single file."""

from pathlib import Path

import pytest

from gte import foreign
from gte.errors import WeightsError


@pytest.fixture
def opened_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the function that reads files from elsewhere run in this process instead of one that imports torch first.

    For tests of what becomes of the tensors; those in test_foreign.py are about the process.
    """

    def extract_here(path: Path, target: Path, timeout_seconds: float) -> None:
        try:
            foreign.extract(path, target)
        except WeightsError as error:
            told = foreign.outcome(foreign.REFUSED, str(error).encode(errors="replace"))
            raise WeightsError(f"{path.name} {told}") from error

    monkeypatch.setattr(foreign, "_convert_in_child", extract_here)
