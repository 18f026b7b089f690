"""Caches: an entry belongs to one state of a checkpoint's file, and to the frames of a clip."""

import pytest
import streamlit as st

from app import cache
from app.clips import dataset_clip
from app.hashing import HASH_FUNCS
from gte.checkpoint_header import read_header
from gte.errors import CheckpointError
from tests.tiny import save_tiny


@pytest.fixture
def checkpoint(tmp_path):
    st.cache_data.clear()
    st.cache_resource.clear()
    return save_tiny(tmp_path / "tiny.safetensors", "gte")


def test_a_checkpoint_that_is_written_again_is_read_again(checkpoint):
    header, clip = read_header(checkpoint), dataset_clip("motionpairs", 0, 4, 32)
    before, model = cache.logits(header, clip), cache.model_and_lock(header)[0]
    layer = header.layers[0]
    kernels = cache.history(header, layer).weights
    save_tiny(checkpoint, "gte", classes=(*header.classes, "falls"), twins=(*header.twins, -1))
    assert cache.model_and_lock(header)[0] is not model
    assert len(cache.logits(header, clip)) == len(before) + 1
    assert cache.history(header, layer).weights is not kernels


def test_two_headers_of_one_file_share_an_entry_and_a_copy_of_the_file_has_its_own(checkpoint, tmp_path):
    first, second = read_header(checkpoint), read_header(checkpoint)
    assert first is not second
    assert cache.model_and_lock(first)[0] is cache.model_and_lock(second)[0]
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(checkpoint.read_bytes())
    assert cache.model_and_lock(read_header(copy))[0] is not cache.model_and_lock(first)[0]


def test_clips_with_the_same_frames_share_an_entry(checkpoint):
    calls = []

    @st.cache_data(hash_funcs=HASH_FUNCS)
    def digest(clip):
        calls.append(clip)
        return clip.digest

    clip = dataset_clip("motionpairs", 0, 4, 32)
    for shown in (clip, clip.select(range(4)), clip.reversed([-1] * 14)):
        assert digest(shown) == shown.digest
    assert len(calls) == 2


def test_a_checkpoint_that_is_gone_raises_the_error_of_its_file(checkpoint):
    header = read_header(checkpoint)
    checkpoint.unlink()
    with pytest.raises(CheckpointError, match="There is no file"):
        cache.history(header, header.layers[0])
