"""The tab Follow one channel, with the shipped networks."""

import json
import re
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from app import layout
from app.pages.kernels.channel import FOLLOW
from tests.app.opening import captions, open_page, sentences, url_of, with_results


def drawn(at: AppTest) -> dict[str, Any]:
    """What the film is sent."""
    return next(data for data in sent(at) if "bases" in data)


def sent(at: AppTest) -> list[dict[str, Any]]:
    return [json.loads(element.proto.json)[0] for element in at.get("bidi_component")]


def follow(ckpt: str, **query: str) -> AppTest:
    at = open_page("kernels", ckpt=ckpt, view=FOLLOW, clip="moves right", **query)
    assert not at.exception
    return at


def test_a_link_opens_a_channel_with_other_taps_and_they_stay_in_the_address():
    at = follow("gte-tiny", layer="layer1.0", output="3", edit="0,1,0")
    film = drawn(at)
    assert film["edit"] == {"base": "trained", "taps": [0, 1, 0]}
    assert re.match(
        r"P\(moves right\) [\d.]+ % → [\d.]+ % with the taps of output channel 3 at \(0, 1, 0\)", film["words"]
    )
    assert [row["label"] for row in film["rows"]] == ["input 3", "input 6", "output 3", "channel 2"]
    assert [row["note"] for row in film["rows"]][2:] == ["after the shift", "after the next 3×3 convolution"]
    assert set(film["bases"]) == {"trained", "untrained", "mirrored"}
    assert film["bases"]["untrained"] == [1, 0, 0]
    assert url_of(at)["edit"] == ["0,1,0"]
    assert "sum over 8 input channels" in captions(at)
    figure = next(value for key, value in at.session_state[layout.FIGURES].items() if key.startswith("channel "))
    assert figure.title == "Output channel 3 of layer1.0"
    assert len(figure.table) == 4 * 8
    film = drawn(with_results(at))
    assert film["null"].startswith("By comparison: silencing one of 3 other output channels of this layer")


def test_a_channel_of_a_hard_shift_reads_one_frame_until_it_is_edited():
    at = follow("study/tsm-seed0", layer="layer1.0", output="0")
    film = drawn(at)
    assert film["bases"] == {"trained": [0, 0, 1], "mirrored": [1, 0, 0]}
    assert re.fullmatch(r"P\(moves right\) is [\d.]+ % with output channel 0 as trained\.", film["words"])
    assert film["rows"][-1]["note"] == "after the next 1×1 convolution"
    assert "A hard shift has no weights" in captions(at)


@pytest.mark.parametrize("name", ["gst", "c3d"])
def test_slices_of_3d_kernels_are_followed_as_well(name):
    at = follow(f"study/{name}-seed0", output="1", edit="0,0,0")
    film = drawn(at)
    assert "with output channel 1 silenced" in film["words"]
    assert film["rows"][2]["note"] == "after the 3×3×3 convolution"
    assert "3 × 3 weights for each" in captions(at)
    assert "Its weights before training are not in the file." in captions(at)


def test_a_network_of_frames_alone_has_a_sentence_instead():
    at = follow("study/c2d-seed0")
    assert sent(at) == []
    assert any("has no temporal kernels" in sentence for sentence in sentences(at))


def test_an_edit_that_does_not_fit_is_a_sentence():
    at = follow("gte-tiny", layer="layer1.0", output="1", edit="1,2")
    assert "The link asks for the edit of the taps “1,2”" in " ".join(sentences(at))
    assert drawn(at)["edit"] == {"base": "trained", "taps": None}
