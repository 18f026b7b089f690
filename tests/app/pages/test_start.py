"""The start page: it opens with and without checkpoints, and its cards lead to every other page."""

import json
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app import checkpoints
from app.navigation import PAGES
from app.pages import start
from gte.checkpoint_header import CheckpointHeader
from gte.data.motionpairs.dataset import MotionPairs
from gte.data.motionpairs.scenes import NUM_FRAMES
from gte.data.sampling import segment_indices

APP = Path(__file__).parents[3] / "streamlit_app.py"
TIMEOUT_SECONDS = 120


def opened() -> AppTest:
    return AppTest.from_file(APP, default_timeout=TIMEOUT_SECONDS).run()


def components(at: AppTest) -> dict[str, dict]:
    return {element.proto.component_name: json.loads(element.proto.json)[0] for element in at.get("bidi_component")}


def test_the_start_page_opens_with_the_toy_alone_where_no_checkpoint_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "FOLDERS", {"": tmp_path})
    at = opened()
    assert not at.exception
    assert not at.error
    assert set(components(at)) == {"shift_toy"}
    assert [info.value for info in at.info] == [checkpoints.NO_CHECKPOINT]


def test_a_card_leads_to_every_other_page() -> None:
    at = opened()
    assert [link.value for link in at.page_link] == [spec.title for spec in PAGES.values() if spec.key != "start"]


def test_the_toy_opens_on_a_clip_of_the_data_set_that_moves_right() -> None:
    frames, clips = np.load(start.TOY_CLIP), MotionPairs("test", size=64)
    assert clips.classes[clips.label(29)] == "moves right"
    np.testing.assert_array_equal(frames, clips.frames(29, segment_indices(NUM_FRAMES, 8)))


def header(name: str, *layers: str) -> CheckpointHeader:
    return CheckpointHeader(
        path=Path(f"{name}.safetensors"),
        model="gte",
        options={},
        num_params=1,
        layers=layers,
        dataset="motionpairs",
        classes=(),
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
    assert start.pick({"c2d-tiny": c2d, "runs/mine": other, "gte-tiny": gte}) == "gte-tiny"
    assert start.pick({"c2d-tiny": c2d, "runs/mine": other}) == "runs/mine"
    assert start.pick({"c2d-tiny": c2d}) is None
