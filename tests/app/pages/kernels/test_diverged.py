"""A network whose training diverged: its weights are no numbers, which pages say in a sentence."""

import math

import numpy as np
import pytest
import torch

from analysis.attribution.evidence import NotNumbersError
from analysis.attribution.methods import find_evidence
from app.components.film_strip import StripRow, film_strip
from gte.data import open_dataset
from tests.app.opening import finding, open_page
from tests.tiny import save_tiny, spoil, tiny_model


def test_a_network_whose_weights_are_no_numbers_is_told_in_a_sentence_and_the_others_stay(two_networks):
    broken = two_networks["runs/"] / "diverged.safetensors"
    motions = open_dataset("motionpairs", "test", 32)
    save_tiny(broken, "gte", classes=motions.classes, twins=motions.twins)
    spoil(broken, "bn1.weight")
    at = open_page("evidence", ckpt="runs/diverged")
    assert not at.exception
    assert not at.error
    [told] = [warning.value for warning in at.warning]
    assert told.startswith("The output of runs/diverged is not a number, because some of its weights are not")
    assert "bn1.weight" in told.replace("\\", "")
    assert finding(at).startswith('<p class="finding">gte-tiny:')
    assert "not a number" not in finding(at)
    at.pills(key="networks").set_value(["runs/diverged"]).run()
    assert not at.exception
    assert finding(at) == ""


def test_a_channel_of_a_network_that_diverged_has_a_sentence(folders):
    broken = folders["runs/"] / "diverged.safetensors"
    save_tiny(broken, "gte")
    spoil(broken, "bn1.weight")
    at = open_page("kernels", ckpt="runs/diverged", view="Follow one channel")
    assert not at.exception
    assert [error.value for error in at.error] == [
        "The output of the network is not a number, so it cannot be compared."
    ]


def test_evidence_that_is_no_number_is_neither_found_nor_drawn():
    model = tiny_model("c2d").eval()
    with torch.no_grad():
        model.get_parameter("fc.weight").fill_(math.nan)
    with pytest.raises(NotNumbersError, match=r"The evidence in layer1\.0 is not a number"):
        find_evidence("gradcam", model, torch.rand(1, 3, 4, 32, 32), 0, "layer1.0")
    frames, evidence = np.zeros((2, 8, 8, 3), np.uint8), np.zeros((2, 4, 4), np.float32)
    with pytest.raises(ValueError, match="net: the shares of the frames are not all numbers"):
        film_strip([StripRow(label="net", frames=frames, evidence=evidence, frame_shares=[math.nan, 1])], key="strip")
