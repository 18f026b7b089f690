"""References to data sets, and where their folders are found."""

import os

import pytest

from gte.data import DataOptions, DataReference
from gte.data.roots import find_root, remember_root
from gte.errors import DatasetError


@pytest.mark.parametrize(
    "reference",
    [
        DataReference("motionpairs"),
        DataReference("motionpairs", options=DataOptions(classes=("moves left", "moves right"))),
        DataReference("folder", "my videos"),
        DataReference("folder", "what?is 100%25: this", DataOptions(fold=3)),
        DataReference("ucf101", "UCF-101", DataOptions(fold=2)),
        DataReference("list", "x", DataOptions(template="img_{:05d}.jpg", twins=("a=b", "c & d=e?f"), flip=("same",))),
    ],
)
def test_a_reference_is_read_back_from_its_text(reference):
    assert DataReference.parse(str(reference)) == reference


def test_a_reference_from_elsewhere_leads_to_no_path_and_an_unknown_option_is_left_out(tmp_path, monkeypatch):
    assert DataReference.parse("folder:../../etc?fold=1&newer=2") == DataReference("folder", "etc")
    monkeypatch.setenv("GTE_DATA", str(tmp_path))
    for root in ("..", ".", ""):
        with pytest.raises(DatasetError):
            find_root(root)


def test_a_folder_is_found_below_those_that_are_named_and_then_among_those_that_were_used(tmp_path, monkeypatch):
    monkeypatch.setenv("GTE_CACHE", str(tmp_path / "cache"))
    used = tmp_path / "used" / "clips"
    used.mkdir(parents=True)
    with pytest.raises(DatasetError, match=r"no folder clips is known .* GTE_DATA, .* --data-root"):
        find_root("clips")
    remember_root(used)
    assert find_root("clips") == used
    named = tmp_path / "named" / "clips"
    named.mkdir(parents=True)
    monkeypatch.setenv("GTE_DATA", os.pathsep.join(["", str(named.parent)]))
    assert find_root("clips") == named
    monkeypatch.setenv("GTE_DATA", str(named))
    assert find_root("clips") == named
