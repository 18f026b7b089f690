"""Covariances of the inputs of layers, against NumPy, and how they are stored."""

import numpy as np
import pytest
import torch

from analysis.kernels.moments import input_moments, settings_of, store_moments, stored_moments
from gte import files
from gte.checkpoint_header import read_header
from gte.models import build
from tests.tiny import save_tiny, tiny_options

LAYER = "layer1.0.conv2.temporal.shift"


def test_covariances_of_the_inputs_are_numpy_s():
    model = build("gte", **tiny_options("gte")).eval()
    clips = torch.rand(3, 3, 4, 32, 32)
    seen = []
    hook = model.get_submodule(LAYER).register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        for clip in clips:
            model(clip[None])
    hook.remove()
    values = torch.cat(seen).transpose(0, 1).flatten(1).double().numpy()
    moments = input_moments(model, [LAYER], clips)
    np.testing.assert_allclose(moments[LAYER], np.cov(values, bias=True), rtol=1e-9, atol=1e-12)
    assert not model.get_submodule(LAYER)._forward_pre_hooks
    with pytest.raises(AttributeError):
        input_moments(model, ["layer9"], clips)


def test_covariances_are_stored_with_five_digits_for_this_file_alone(tmp_path, monkeypatch):
    monkeypatch.setenv(files.CACHE_VARIABLE, str(tmp_path / "cache"))
    path = save_tiny(tmp_path / "gte.safetensors", "gte")
    header = read_header(path)
    assert stored_moments(path, header) is None
    kept = store_moments(path, header, {LAYER: np.array([[1.2345678, 0], [0, 2]])})
    assert kept[LAYER].tolist() == [[1.2346, 0], [0, 2]]
    again = stored_moments(path, header)
    assert again is not None
    assert again[LAYER].tolist() == kept[LAYER].tolist()
    other = save_tiny(tmp_path / "other.safetensors", "gte", training={"seed": 5})
    assert stored_moments(other, read_header(other)) is None
    assert settings_of(header)["clips"] == 112
