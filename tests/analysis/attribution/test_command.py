"""`python -m analysis.attribution`: each form of output, what it prints, and what it refuses."""

import json
import sys

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from analysis.attribution import __main__
from analysis.attribution.export import CARD, FRAMES, MIN_CAPTION_WIDTH, WRITERS
from analysis.attribution.methods import METHODS, find_evidence
from analysis.attribution.overlay import GAP, overlay
from gte import cli
from gte.checkpoint import load_model
from gte.data.loading import to_clip
from gte.data.video.sources import open_footage, sample_clip
from tests.tiny import CLASSES


def run(capsys, *arguments, **options):
    __main__.main(*arguments, **options)
    return json.loads(capsys.readouterr().out)


def test_arrays_hold_the_evidence_of_the_predicted_class_in_the_preselected_layer(
    tiny_checkpoint, short_video, tmp_path, capsys
):
    out = tmp_path / "new" / "evidence.npz"
    card = run(capsys, tiny_checkpoint, short_video, out=out)
    model, _ = load_model(tiny_checkpoint)
    sample = sample_clip(short_video, 4, 32)
    clip = to_clip(sample.frames)[None]
    with torch.no_grad():
        predicted = int(model(clip).argmax())
    expected = find_evidence("gradcam", model, clip, predicted, "layer1.1")
    with np.load(out) as arrays:
        assert (arrays["frames"] == sample.frames).all()
        assert arrays["indices"].tolist() == sample.numbers.tolist() == [number - 1 for number in card[FRAMES]]
        np.testing.assert_array_equal(arrays["map"], expected.map.numpy())
        np.testing.assert_array_equal(arrays["evidence"], expected.upsampled(4, 32, 32).numpy())
        np.testing.assert_array_equal(arrays["frame_shares"], expected.frame_shares().numpy())
        assert json.loads(str(arrays["card"])) == card
    assert card["class"] == CLASSES[predicted] == next(iter(card["prediction"]))
    assert (card["layer"], card["network"], card["weighting"]) == ("layer1.1", "tiny", METHODS["gradcam"].convention)
    assert sum(card["prediction"].values()) == pytest.approx(1)


def test_choices_of_class_layer_and_method_are_taken(tiny_checkpoint, short_video, tmp_path, capsys):
    card = run(
        capsys,
        tiny_checkpoint,
        short_video,
        out=tmp_path / "evidence.npz",
        class_="Turns",
        layer="layer2.0",
        method="gradcam_frame",
    )
    assert (card["class"], card["layer"], card["weighting"]) == (
        "turns",
        "layer2.0",
        METHODS["gradcam_frame"].convention,
    )


@pytest.mark.parametrize("method", METHODS)
def test_every_method_can_be_asked_for(method, tiny_checkpoint, short_video, tmp_path, capsys):
    out = tmp_path / "evidence.npz"
    card = run(capsys, tiny_checkpoint, short_video, out=out, method=method)
    assert card["method"] == METHODS[method].label
    with np.load(out) as arrays:
        assert arrays["evidence"].shape == (4, 32, 32)


def test_picture_is_a_film_strip_of_painted_frames(tiny_checkpoint, short_video, tmp_path, capsys):
    out = tmp_path / "evidence.PNG"
    run(capsys, tiny_checkpoint, short_video, out=out, class_="0", opacity=0.5)
    encoded = cv2.imread(str(out))
    assert encoded is not None
    strip = encoded[:, :, ::-1]
    assert strip.shape == (32, 4 * 32 + 3 * GAP, 3)
    model, _ = load_model(tiny_checkpoint)
    frames = sample_clip(short_video, 4, 32).frames
    evidence = find_evidence("gradcam", model, to_clip(frames)[None], 0, "layer1.1").upsampled(4, 32, 32).numpy()
    assert (strip[:, -32:] == overlay(frames, evidence, 0.5)[-1]).all()


def test_video_shows_the_frames_that_were_seen_for_as_long_as_the_original(
    tiny_checkpoint, short_video, tmp_path, capsys
):
    out = tmp_path / "evidence.webm"
    run(capsys, tiny_checkpoint, short_video, out=out)
    info = open_footage(out).info
    assert (info.num_frames, info.width, info.height) == (4, 32, 32)
    assert info.num_frames / info.fps == pytest.approx(2.0, rel=0.02)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--out", "evidence.tif"], "--out takes a file that ends in .npz, .png, .mp4, .webm, .gif; got evidence.tif."),
        (["--out", "e.npz", "--class", "jumps"], "The classes are moves left, moves right, turns, or their numbers"),
        (["--out", "e.npz", "--class", "3"], "The classes are moves left, moves right, turns, or their numbers"),
        (["--out", "e.npz", "--layer", "conv1"], "Evidence is computed on the output of a block, layer1.0,"),
        (["--out", "e.npz", "--method", "saliency"], f"--method is one of {', '.join(METHODS)}; got saliency."),
        (["--stretch", "5", "13"], "--stretch takes two frames from 1 to 12, the earlier one first; got 5 13."),
        (["--out", "e.npz", "--opacity", "2"], "--opacity must lie between 0 and 1; got 2."),
    ],
)
def test_bad_choices_give_one_sentence_status_2_and_no_file(
    options, sentence, tiny_checkpoint, short_video, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir())
    monkeypatch.setattr(sys, "argv", ["gradcam", str(tiny_checkpoint), str(short_video), *options])
    with pytest.raises(SystemExit) as stopped:
        cli.run_command(__main__.main, prog="python -m analysis.attribution")
    printed = capsys.readouterr()
    assert (stopped.value.code, printed.out, printed.err.count("\n")) == (2, "", 1)
    assert printed.err.startswith(f"analysis.attribution: {sentence}")
    assert set(tmp_path.iterdir()) == before


def test_without_a_file_to_write_the_card_is_printed_alone(tiny_checkpoint, short_video, tmp_path, capsys):
    before = set(tmp_path.iterdir())
    card = run(capsys, tiny_checkpoint, short_video)
    assert card["method"] == "Grad-CAM"
    assert "file" not in card
    assert set(tmp_path.iterdir()) == before


def test_a_text_file_instead_of_a_video_gives_one_sentence(tiny_checkpoint, tmp_path, monkeypatch, capsys):
    text = tmp_path / "notes.mp4"
    text.write_text("not a video")
    arguments = ["gradcam", str(tiny_checkpoint), str(text), "--out", str(tmp_path / "e.npz")]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as stopped:
        cli.run_command(__main__.main, prog="python -m analysis.attribution")
    printed = capsys.readouterr()
    assert (stopped.value.code, printed.out, printed.err.count("\n")) == (2, "", 1)
    assert "notes.mp4" in printed.err


def test_a_write_that_fails_keeps_the_file_that_was_there(tiny_checkpoint, short_video, tmp_path, monkeypatch, capsys):
    out = tmp_path / "evidence.npz"
    out.write_bytes(b"the old one")

    def fail(path, picture):
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setitem(WRITERS, ".npz", fail)
    before = set(tmp_path.iterdir())
    with pytest.raises(OSError, match="disk full"):
        __main__.main(tiny_checkpoint, short_video, out=out)
    assert out.read_bytes() == b"the old one"
    assert set(tmp_path.iterdir()) == before
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("caption", [False, True])
def test_every_form_has_its_card_inside(tiny_checkpoint, short_video, tmp_path, capsys, caption):
    cards = {}
    for suffix in WRITERS:
        out = tmp_path / f"evidence{suffix}"
        card = run(capsys, tiny_checkpoint, short_video, out=out, class_="0", against="turns", caption=caption)
        assert card["class"] == "moves left rather than turns"
        cards[suffix] = card
    with np.load(tmp_path / "evidence.npz") as arrays:
        assert json.loads(str(arrays["card"])) == cards[".npz"]
    with Image.open(tmp_path / "evidence.png") as picture:
        assert json.loads(picture.info[CARD]) == cards[".png"]
    with Image.open(tmp_path / "evidence.gif") as picture:
        assert json.loads(picture.info["comment"]) == cards[".gif"]
        assert (getattr(picture, "n_frames", 1), picture.info["loop"]) == (4, 0)
        gif = picture.size
    video = (tmp_path / "evidence.webm").read_bytes()
    assert json.dumps(cards[".webm"], ensure_ascii=False).encode() in video
    info = open_footage(tmp_path / "evidence.webm").info
    assert info.num_frames == 4
    if caption:
        # Enlarged until the caption below can be read.
        assert gif[0] >= MIN_CAPTION_WIDTH
        assert gif[1] > gif[0]
        assert info.height > info.width
    else:
        assert gif == (32, 32)


def test_a_stretch_and_a_folder_of_pictures_are_looked_at(tiny_checkpoint, short_video, tmp_path, capsys):
    card = run(capsys, tiny_checkpoint, short_video, stretch=(5, 8))
    assert (card[FRAMES], card["frames of the source"]) == ([5, 6, 7, 8], 12)
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(4):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((40, 40, 3), 60 * number, np.uint8))
    assert run(capsys, tiny_checkpoint, folder)[FRAMES] == [1, 2, 3, 4]
