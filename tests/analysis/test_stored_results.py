"""Stored results: read again for the same bytes and settings, and for no others."""

import json
import os

import pytest

from analysis import stored_results
from analysis.stored_results import load_result, save_result, shipped_path
from gte import files
from gte.files import cache_folder

SETTINGS = {"dataset": "motionpairs", "clips": 280, "layers": ("layer1.0", "layer2.0")}


@pytest.fixture
def checkpoint(tmp_path, monkeypatch):
    monkeypatch.setenv(files.CACHE_VARIABLE, str(tmp_path / "cache"))
    path = tmp_path / "checkpoints" / "mine.safetensors"
    path.parent.mkdir()
    path.write_bytes(b"weights")
    return path


@pytest.mark.parametrize("shipped", [True, False])
def test_a_result_is_read_again_for_the_same_bytes_and_settings_alone(checkpoint, shipped):
    assert load_result(checkpoint, "layers", SETTINGS) is None
    path = save_result(checkpoint, "layers", SETTINGS, {"lost": [1, 2]}, shipped=shipped)
    assert path.is_relative_to(checkpoint.parent if shipped else cache_folder())
    assert load_result(checkpoint, "layers", SETTINGS) == {"lost": [1, 2]}
    assert load_result(checkpoint, "layers", {**SETTINGS, "clips": 56}) is None
    assert load_result(checkpoint, "belief", SETTINGS) is None
    checkpoint.write_bytes(b"other weights")
    assert load_result(checkpoint, "layers", SETTINGS) is None


def test_a_copy_of_a_checkpoint_has_its_results_in_the_cache(checkpoint):
    save_result(checkpoint, "layers", SETTINGS, 3)
    copy = checkpoint.with_name("copy.safetensors")
    copy.write_bytes(checkpoint.read_bytes())
    assert load_result(copy, "layers", SETTINGS) == 3


def test_results_of_other_settings_are_kept_next_to_each_other_in_the_cache(checkpoint):
    for clips in (56, 280):
        save_result(checkpoint, "layers", {"clips": clips}, clips)
    assert [load_result(checkpoint, "layers", {"clips": clips}) for clips in (56, 280)] == [56, 280]


@pytest.mark.parametrize("damage", ["", "[]", "{", '{"key": {}}', '{"key": 3, "result": 4}'])
def test_a_damaged_file_is_no_result(checkpoint, damage):
    save_result(checkpoint, "layers", SETTINGS, 1, shipped=True).write_text(damage)
    assert load_result(checkpoint, "layers", SETTINGS) is None


def test_a_number_that_is_not_finite_cannot_be_stored(checkpoint):
    with pytest.raises(ValueError, match="not JSON compliant"):
        save_result(checkpoint, "layers", SETTINGS, [float("nan")], shipped=True)
    assert not shipped_path(checkpoint, "layers").exists()


def test_the_oldest_results_are_deleted_from_a_full_cache(checkpoint, monkeypatch):
    monkeypatch.setattr(stored_results, "MAX_RESULTS", 2)
    for number in range(3):
        path = save_result(checkpoint, "layers", {"clips": number}, number)
        os.utime(path, (number, number))
    assert [load_result(checkpoint, "layers", {"clips": number}) for number in range(3)] == [None, 1, 2]


def test_a_stored_file_is_plain_json_with_the_digest_of_the_checkpoint(checkpoint):
    path = save_result(checkpoint, "layers", SETTINGS, [1], shipped=True)
    content = json.loads(path.read_text())
    assert path == shipped_path(checkpoint, "layers")
    # sha256sum of "weights".
    assert content["key"]["sha256"] == "9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c"
    assert content["result"] == [1]


def test_the_cache_is_below_the_user_s_cache_folder(monkeypatch, tmp_path):
    monkeypatch.delenv(files.CACHE_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    assert cache_folder() == tmp_path / "gte-explorer"
