"""The start page: its story by scenes and links, with and without checkpoints, and cards to every other page."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app import checkpoints
from app.lessons import available
from app.navigation import PAGES
from app.pages.start import kernels, networks, scenes
from app.pages.start.scenes import SCENES
from gte.checkpoint_header import CheckpointHeader
from gte.data.motionpairs.dataset import MotionPairs
from gte.data.motionpairs.scenes import NUM_FRAMES
from gte.data.sampling import segment_indices
from tests.app.opening import open_page, sentences, url_of

FIGURES = [
    ["film_player"],
    ["film_player"],
    ["film_player", "shift_toy"],
    ["shift_toy"],
    ["kernel_barcode", "shift_toy"],
    ["shift_toy"],
]
"""The components of every scene: the toy is below the story, but where it is the scene or answers its question."""


def components(at: AppTest) -> dict[str, dict]:
    return {element.proto.component_name: json.loads(element.proto.json)[0] for element in at.get("bidi_component")}


def strip(at: AppTest) -> str:
    """What the strip says above its text."""
    return at.caption[0].value


def groups(at: AppTest) -> list[str]:
    """The sentences between the bars."""
    return [text for html in at.get("html") for text in re.findall(r'scope="rowgroup">(.*?)</th>', html.proto.body)]


def bars(at: AppTest) -> dict[str, list[str]]:
    """The texts of the bars of every row, by its name; of equal names in order."""
    [table] = [element.proto.body for element in at.get("html") if 'class="bars"' in element.proto.body]
    rows: dict[str, list[str]] = {}
    for name, cells in re.findall(r'<th scope="row">(.*?)</th>(.*?)</tr>', table):
        rows.setdefault(name, []).extend(re.findall("<span>(.*?)</span>", cells))
    return rows


def test_next_leads_through_all_scenes_and_back_returns() -> None:
    at = open_page("start")
    for number, figures in enumerate(FIGURES, start=1):
        assert not at.exception
        assert sentences(at) == []
        assert strip(at) == f"In five minutes · step {number} of {len(SCENES)}"
        assert list(components(at)) == figures
        assert url_of(at).get("scene", ["1"]) == [str(number)]
        if number < len(SCENES):
            at.button(key="steps: Next").click().run()
    assert at.button(key="steps: Next").disabled
    at.button(key="steps: Back").click().run()
    assert url_of(at)["scene"] == ["5"]


@pytest.mark.parametrize("number", range(1, len(SCENES) + 1))
def test_a_link_opens_each_scene(number: int) -> None:
    at = open_page("start", scene=str(number))
    assert not at.exception
    assert strip(at) == f"In five minutes · step {number} of {len(SCENES)}"
    assert list(components(at)) == FIGURES[number - 1]


def test_a_link_to_a_scene_that_does_not_exist_opens_the_first_and_says_so() -> None:
    at = open_page("start", scene="7")
    assert strip(at) == "In five minutes · step 1 of 6"
    assert sentences(at) == ["The link asks for the scene of the story “7”, which is not here; “1” is shown instead."]


def test_one_frame_fits_every_direction_and_the_film_has_one() -> None:
    at = open_page("start")
    assert components(at)["film_player"]["numbers"] == [scenes.STILL]
    at.button(key="steps: choose moves up").click().run()
    assert "All four fit this frame" in at.markdown[1].value
    at.button(key="steps: Next").click().run()
    assert components(at)["film_player"]["numbers"] == list(range(8))
    at.button(key="steps: choose moves up").click().run()
    assert "It is “moves right”" in at.markdown[1].value
    assert list(components(at)) == ["film_player", "shift_toy"]


def test_played_backwards_c2d_answers_the_same_to_eight_digits_and_gte_the_reversed_class() -> None:
    at = open_page("start", scene="3")
    rows = bars(at)
    assert list(rows) == list(scenes.DIRECTIONS)
    answers = {name: [float(text) for text in texts] for name, texts in rows.items()}
    for name, (c2d_forwards, c2d_backwards, *_) in rows.items():
        assert c2d_forwards == c2d_backwards, name
        assert 0.2 < float(c2d_forwards) < 0.3, name
    assert answers["moves right"][2] > 0.999 > 0.001 > answers["moves right"][3]
    assert answers["moves left"][2] < 0.001 < 0.999 < answers["moves left"][3]
    c2d, gte = groups(at)
    assert c2d.startswith("c2d-tiny cannot see frame order")
    assert gte == "gte-tiny changes from “moves right” 100 % to “moves left” 100 %, its reversed class."


def test_without_its_kernels_the_network_loses_its_accuracy() -> None:
    rows = bars(open_page("start", scene="6"))
    right = {name: int(text.split()[0]) for name, [text] in rows.items()}
    assert right["chance"] == 20
    assert right["as trained"] > 270 > 60 > right["current frame only"] > right["zeroed"]


def test_the_story_says_what_is_missing_where_no_checkpoint_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "FOLDERS", {"": tmp_path})
    at = open_page("start")
    for number in range(1, len(SCENES) + 1):
        assert not at.exception
        assert not at.error
        expected = {3: 2, 5: 1, 6: 1}.get(number, 0)
        assert len(sentences(at)) == expected
        if number < len(SCENES):
            at.button(key="steps: Next").click().run()
    assert sentences(at) == [checkpoints.NO_CHECKPOINT]


def test_a_card_leads_to_every_other_page_and_to_every_lesson() -> None:
    at = open_page("start")
    others = [spec.title for spec in PAGES.values() if spec.key != "start"]
    assert [link.value for link in at.page_link] == others + [lesson.title for lesson in available.lessons().values()]


@pytest.mark.parametrize(("path", "size"), [(scenes.CLIP, 112), (scenes.TOY_CLIP, 64)])
def test_the_story_and_the_toy_show_a_clip_of_the_data_set_that_moves_right(path: Path, size: int) -> None:
    frames, clips = np.load(path), MotionPairs("test", size=size)
    assert clips.classes[clips.label(29)] == scenes.CLASS
    assert set(scenes.DIRECTIONS) <= set(clips.classes)
    np.testing.assert_array_equal(frames, clips.frames(29, segment_indices(NUM_FRAMES, 8)))


def header(name: str, *layers: str) -> CheckpointHeader:
    return CheckpointHeader(
        path=Path(f"{name}.safetensors"),
        model=name.partition("-")[0],
        options={},
        num_params=1,
        layers=layers,
        dataset="motionpairs",
        classes=("left", "right"),
        twins=(),
        num_frames=8,
        size=112,
        step=1,
        training={},
        environment={},
        metrics=(),
    )


def test_the_shipped_checkpoint_is_preferred_and_one_without_shifts_is_not() -> None:
    c2d, gte, other = header("c2d-tiny"), header("gte-tiny", "layer1.0"), header("mine", "layer1.0")
    assert kernels.pick({"c2d-tiny": c2d, "runs/mine": other, "gte-tiny": gte}) == "gte-tiny"
    assert kernels.pick({"c2d-tiny": c2d, "runs/mine": other}) == "runs/mine"
    assert kernels.pick({"c2d-tiny": c2d}) is None


def test_a_network_that_does_not_know_the_directions_is_not_asked() -> None:
    headers = {name: header(name) for name in ("c2d-mine", "c2d-tiny")}
    assert networks.pick(headers, "c2d-tiny", "c2d", ["left"]) == "c2d-tiny"
    assert networks.pick({"c2d-mine": headers["c2d-mine"]}, "c2d-tiny", "c2d", ["left", "right"]) == "c2d-mine"
    assert networks.pick(headers, "c2d-tiny", "c2d", ["left", "up"]) is None
