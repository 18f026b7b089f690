"""Data sets in the layouts of their publishers, from encoded video to a step of training."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from gte.checkpoint_header import read_header
from gte.data import DataReference, Split, open_dataset
from gte.errors import VideoError
from gte.train import train
from tests.gte.data.published import LAYOUTS, NUM_FRAMES
from tests.tiny import tiny_training


@pytest.fixture(params=LAYOUTS)
def layout(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    LAYOUTS[request.param].write(tmp_path / "root")
    return request.param


def test_every_clip_of_a_layout_is_read(layout: str, tmp_path: Path):
    reference = DataReference(LAYOUTS[layout].dataset, "root", LAYOUTS[layout].options)
    num_missing = 0
    for split in get_args(Split):
        if split not in LAYOUTS[layout].splits:
            continue
        dataset = open_dataset(str(reference), split, 32, root=tmp_path / "root")
        assert len(dataset) == LAYOUTS[layout].splits[split]
        for index in range(len(dataset)):
            try:
                seconds = dataset.seconds(index)
            except VideoError:
                num_missing += 1
                continue
            part = dataset.clip_id(index).endswith("@0.25")
            assert len(seconds) == (6 if part else NUM_FRAMES)
            np.testing.assert_allclose(
                np.diff(seconds), 1 / 12 if "list of" not in layout else np.diff(seconds)[0], atol=2e-3
            )
            frames = dataset.frames(index, [0, len(seconds) - 1])
            assert frames.shape == (2, 32, 32, 3)
            assert (frames[0] != frames[1]).any()
    assert num_missing == (layout == "kinetics")


def test_a_layout_trains_a_step(layout: str, tmp_path: Path):
    config = tiny_training(
        tmp_path / "run",
        dataset=LAYOUTS[layout].dataset,
        data_root=tmp_path / "root",
        data=LAYOUTS[layout].options,
        clips_per_epoch=2,
        batch_size=2,
        epochs=1,
    )
    header = read_header(train(config))
    assert header.dataset.startswith(f"{LAYOUTS[layout].dataset}:root")
    assert len(header.classes) >= 2
