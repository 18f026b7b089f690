"""The page Evidence as visitors use it: every method, several networks, no evidence, and export."""

import base64
import io
import json
import re
import threading
import zipfile

import numpy as np
import pytest
import streamlit as st
import torch
from PIL import Image

from analysis.attribution.evidence import preselect_layer, top_classes
from analysis.attribution.export import WRITERS
from analysis.attribution.methods import METHODS, find_evidence
from analysis.attribution.sanity_checks.checks import CHECKS, Subject, keep
from analysis.attribution.stored_clips import StoredClip
from app import cache, clips, jobs, layout
from app.pages.evidence import export, untrained
from app.pages.evidence.finding import Finding
from gte import checkpoint
from gte.checkpoint_header import read_header
from gte.data import open_dataset
from gte.data.loading import to_clip
from gte.data.video.sources import Stretch, open_footage
from gte.data.video.writing import write_video
from gte.files import stamp
from gte.kernel_snapshots import KernelSnapshots
from tests.app.opening import finding, open_page
from tests.tiny import NETWORKS, save_tiny, tiny_header, tiny_model

SECONDS = 60
SLOW = [name for name, entry in METHODS.items() if entry.speed == "slow"]


def strips(at):
    """The rows of the film strips."""
    return [row for element in at.get("bidi_component") for row in json.loads(element.proto.json)[0].get("rows", [])]


def finish(at):
    """Run again once every job is done."""
    for job in list(jobs.queue().jobs.values()):
        assert job.over.wait(SECONDS)
    return at.run()


@pytest.fixture
def busy(two_networks):
    """A queue whose quick lane is taken until the test is over."""
    go_on = threading.Event()
    job = jobs.queue().start("busy", lambda report: go_on.wait(SECONDS), "somebody", "quick")
    yield go_on
    go_on.set()
    assert job.over.wait(SECONDS)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_can_be_the_page_s_own_by_a_link(two_networks, method):
    at = finish(open_page("evidence", method=method))
    assert not at.exception
    assert not at.error
    assert at.selectbox(key="method").value == method
    assert (f"y {METHODS[method].label}: " in finding(at)) == (method != next(iter(METHODS)))
    assert not any(text.value.startswith("Showing ") for text in at.caption)


def test_a_method_and_a_class_that_are_not_here_are_told_with_what_is_shown_instead(two_networks):
    at = open_page("evidence", **{"method": "guess", "class": "flies", "reverse": "maybe"})
    (box,) = at.warning
    assert set(box.value.replace("\\", "").split("\n\n")) == {
        "The link asks for the method “guess”, which is not here; “Grad-CAM” is shown instead.",
        "The link asks for the class “flies”, which is not here; “predicted” is shown instead.",
        "The link asks for the setting of “Reverse” “maybe”, which is not here; “off” is shown instead.",
    }
    at.selectbox(key="method").set_value("layercam").run()
    at.selectbox(key="class").set_value("moves up").run()
    at.toggle(key="reverse").set_value(True).run()
    assert not at.warning


def test_one_frame_is_said_to_be_one_on_the_same_screen_as_what_is_no_recognition(two_networks, tmp_path):
    path = tmp_path / "still.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(path)
    at = open_page("evidence")
    assert not at.info
    at.file_uploader(key="upload").upload("still.png", path.read_bytes(), "image/png").run()
    assert not at.exception
    assert not at.error
    (box,) = at.info
    assert box.value.startswith("This is one frame, which is shown to gte-tiny 4 times: nothing moves in it")
    assert "still.png is not of their data sets" in box.value
    assert "One frame." in [text.value for text in at.caption]
    cut = open_page("evidence", stretch="7-7")
    assert [text.value[:17] for text in cut.info] == ["This is one frame"]
    assert "Frame 7 of 24: at 0.50 of 1.92 seconds." in [text.value for text in cut.caption]
    few = open_page("evidence", stretch="7-8")
    assert any(
        text.value.endswith("seconds. Triangles: the 4 frames given to gte-tiny and c2d-tiny.") for text in few.caption
    )


@pytest.mark.parametrize("method", SLOW)
def test_until_a_slow_method_is_done_the_page_shows_the_quickest_and_cancel_leaves_it_so(busy, method):
    at = open_page("evidence", method=method, view="Methods")
    note = f"Showing Grad-CAM until {METHODS[method].label} is done."
    assert [text.value for text in at.caption].count(note) == 1
    assert METHODS[method].label not in finding(at)
    [cancel] = [button for button in at.button if button.label == "Cancel"]
    cancel.click().run()
    assert not at.exception
    assert any(text.value.startswith("Cancelled") for text in at.caption)
    busy.set()
    # There is one button to start again, although the tab of all methods is open below.
    [again] = [button for button in at.button if button.label == METHODS[method].label]
    again.click().run()
    finish(at)
    assert METHODS[method].label in finding(at)


def test_a_job_is_given_up_when_the_settings_change_and_starts_again_when_they_come_back(busy):
    at = open_page("evidence", method=SLOW[0])
    [first] = [job for key, job in jobs.queue().jobs.items() if key != "busy"]
    at.toggle(key="reverse").set_value(True).run()
    assert first.cancelled.is_set()
    at.toggle(key="reverse").set_value(False).run()
    assert not any(text.value.startswith("Cancelled") for text in at.caption)
    busy.set()
    finish(at)
    assert METHODS[SLOW[0]].label in finding(at)
    assert first.state == "cancelled"


def test_a_slow_method_runs_only_on_the_network_that_is_added(two_networks, monkeypatch):
    at = finish(open_page("evidence", method="occlusion", networks="gte-tiny"))
    copied_networks, model_copier = [], cache.model_copier

    def recorded(header):
        copied = model_copier(header)
        return lambda: copied_networks.append(header.name) or copied()

    monkeypatch.setattr(cache, "model_copier", recorded)
    at.pills(key="networks").set_value(["gte-tiny", "c2d-tiny"]).run()
    finish(at)
    assert not at.error
    assert copied_networks == ["c2d-tiny"]


def marks(at):
    """The triangles below the thumbnails of the whole clip: names and frame numbers of each row."""
    [whole] = [element.proto.body for element in at.get("html") if 'class="whole"' in element.proto.body]
    rows = whole.split('<div class="marks">')[1:]
    names = [re.findall(r'class="who">([^<]+)<', row) for row in rows]
    frames = [[int(number) for number in re.findall(r'title="frame (\d+)"', row)] for row in rows]
    return list(zip(names, frames, strict=True))


def test_the_frames_given_to_networks_are_marked_for_each_way_of_sampling_and_named(two_networks):
    motions = open_dataset("motionpairs", "test", 32)
    facts = {"classes": motions.classes, "twins": motions.twins, "num_frames": 6, "size": 32}
    save_tiny(two_networks[""] / "tsm-six.safetensors", "tsm", **facts)
    at = open_page("evidence", networks=["gte-tiny", "c2d-tiny"], stretch="5-20")
    assert marks(at) == [([], [6, 10, 15, 19])]
    assert any("the 4 frames given to gte-tiny and c2d-tiny" in text.value for text in at.caption)
    at.pills(key="networks").set_value(["gte-tiny", "c2d-tiny", "tsm-six"]).run()
    assert not at.exception
    expected = (1 + Stretch(4, 19).sample(6)).tolist()
    assert marks(at) == [(["gte-tiny and c2d-tiny: 4 frames"], [6, 10, 15, 19]), (["tsm-six: 6 frames"], expected)]


@pytest.mark.parametrize("model", NETWORKS)
def test_any_network_of_the_zoo_can_be_added_untrained(two_networks, model):
    at = open_page("evidence", networks="gte-tiny", untrained=model)
    assert not at.exception
    assert not at.error
    assert not at.warning
    assert {row["label"] for row in strips(at)} == {"gte-tiny", untrained.name_of(model)}
    like = read_header(two_networks[""] / "gte-tiny.safetensors")
    header = untrained.header_of(model, like)
    assert (header.model, header.classes) == (model, like.classes)
    # The same weights for everybody who follows a link.
    first = checkpoint.load_model(header.path)[0].state_dict()
    st.cache_resource.clear()
    again = untrained.header_of(model, like)
    assert again.path != header.path
    second = checkpoint.load_model(again.path)[0].state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_figure_of_a_check_has_its_code_in_the_pack_unless_the_network_has_no_file(two_networks, monkeypatch):
    monkeypatch.setenv("GTE_CACHE", str(two_networks["runs/"] / "cache"))
    trained = read_header(two_networks[""] / "gte-tiny.safetensors")
    headers = {"gte-tiny": trained, untrained.name_of("c2d"): untrained.header_of("c2d", trained)}
    for header in headers.values():
        subject = Subject(header=header, method="gradcam", layer=preselect_layer(cache.map_shapes(header)))
        model, _ = checkpoint.load_model(header.path)
        result = CHECKS["localization"].run(model, subject, 2, lambda part, text: None)
        keep("localization", subject, result)
    at = open_page("evidence", networks="gte-tiny", untrained="c2d", view="Can you trust it?")
    assert not at.exception
    figures = at.session_state[layout.FIGURES]
    codes = {name: figures[f"tab localization {name}"].code for name in headers}
    assert "load_model(Path('gte-tiny.safetensors'))" in codes["gte-tiny"]
    assert "CHECKS['localization']" in codes["gte-tiny"]
    assert codes["untrained C2D"] == ""


# No evidence for the class


@pytest.fixture
def dead(two_networks):
    """A third network with zeros in its classifier: no class has any evidence."""
    motions = open_dataset("motionpairs", "test", 32)
    model = tiny_model("gte", len(motions.classes))
    with torch.no_grad():
        [classifier] = [module for module in model.modules() if isinstance(module, torch.nn.Linear)]
        classifier.weight.zero_()
    path = two_networks[""] / "dead.safetensors"
    header = tiny_header(path, "gte", model, classes=motions.classes, twins=motions.twins)
    checkpoint.save(path, header, model, KernelSnapshots.start(model))
    return path


@pytest.mark.parametrize("method", [name for name in METHODS if name != "randomcam"])
@pytest.mark.parametrize("scale", ["shared", "separate"])
def test_no_evidence_is_said_and_drawn_as_nothing_by_every_method_that_asks_for_the_class(dead, method, scale):
    at = finish(open_page("evidence", networks=["dead", "gte-tiny"], method=method, scale=scale, view="Space-time"))
    assert not at.exception
    assert not at.error
    drawn = {row["label"]: row for row in strips(at)}
    assert "finds no evidence for this class in " in drawn["dead"]["note"]
    assert not any(base64.b64decode(drawn["dead"]["maps"]))
    assert set(drawn["dead"]["shares"]) == {0.0}
    has_evidence = "finds no evidence" not in drawn["gte-tiny"]["note"]
    assert any(base64.b64decode(drawn["gte-tiny"]["maps"])) == has_evidence
    assert any(
        text.value.startswith("dead: ") and "finds no evidence for this class in" in text.value for text in at.markdown
    )
    charts = [element.proto.spec for element in at.get("plotly_chart")]
    assert not any("dead" in spec for spec in charts)
    assert len(charts) == (has_evidence and METHODS[method].says_where)


def test_a_clip_that_stands_still_has_no_evidence_in_any_frame_rather_than_rounding(two_networks):
    header = read_header(two_networks[""] / "gte-tiny.safetensors")
    frames = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), dtype=np.uint8).repeat(4, axis=0)
    with cache.model_of(header) as model:
        found = find_evidence("occlusion", model, to_clip(frames)[None], 0)
    assert found.is_empty
    assert found.finding().startswith("All frames of this clip are the same")


# Export


@pytest.fixture
def findings(two_networks, dead):
    """Findings of gte-tiny and of the network without evidence, for an allowed video."""
    folder = dead.parent.parent / "mine"
    folder.mkdir()
    source = folder / "ball 1.webm"
    write_video(source, np.random.default_rng(0).integers(0, 256, (20, 40, 60, 3), dtype=np.uint8), fps=10)
    filmed = clips.VideoSource(name="mine/ball 1.webm", path=source, identity=(stamp(source),))
    found = []
    for path in (two_networks[""] / "gte-tiny.safetensors", dead):
        header = read_header(path)
        clip = filmed.clip(Stretch(0, 19), 4, 32, backwards=False)
        scores = top_classes(cache.logits(header, clip), header.classes)
        evidence = cache.evidence(header, clip, 0, "layer2.1", "gradcam", 1)
        name = f"runs/{header.name}"
        finding = Finding(
            name=name,
            header=header,
            clip=clip,
            scores=scores,
            block="layer2.1",
            evidence=evidence,
            stored=StoredClip(name="ball 1.webm", stretch=Stretch(0, 19), frames_per_input=1),
            path=path.name,
        )
        found.append(finding)
    return found, filmed


def test_everything_is_one_zip_with_every_form_of_every_network_each_with_its_card(findings, tmp_path):
    found, source = findings
    maximum = max(item.evidence.maximum for item in found)
    packed = zipfile.ZipFile(io.BytesIO(export.everything(found, source, Stretch(0, 19), maximum, True)))
    names = ["runs-gte-tiny", "runs-dead"]
    assert sorted(packed.namelist()) == sorted(["cards.json", *(name + form for name in names for form in WRITERS)])
    cards = json.loads(packed.read("cards.json"))
    for name, item in zip(names, found, strict=True):
        card = cards[name]
        assert card["network"] == item.name
        assert (card["layer"], card["class"]) == ("layer2.1", "moves left rather than moves right")
        assert (card["method"], card["weighting"]) == (item.evidence.label, item.evidence.convention)
        assert (card["clip"], card["frames of the source"]) == ("mine/ball 1.webm", 20)
        packed.extractall(tmp_path)
        with np.load(tmp_path / f"{name}.npz") as arrays:
            assert json.loads(str(arrays["card"])) == card
        with Image.open(tmp_path / f"{name}.png") as strip, Image.open(tmp_path / f"{name}.gif") as animation:
            assert json.loads(strip.info["card"]) == card
            assert json.loads(animation.info["comment"]) == card
            assert getattr(animation, "n_frames", 1) == 4
        assert json.dumps(card, ensure_ascii=False).encode() in packed.read(f"{name}.webm")
        assert open_footage(tmp_path / f"{name}.webm").info.num_frames == 4
    # Without evidence the frames are unchanged, and the card says so.
    assert "finds no evidence for this class" in cards["runs-dead"]["finding"]
    with np.load(tmp_path / "runs-dead.npz") as arrays:
        assert not arrays["evidence"].any()


def test_the_frames_of_an_export_without_evidence_are_not_painted(findings):
    found, source = findings
    picture = export.picture_of(found[1], source, Stretch(0, 19), None, caption=False)
    assert np.array_equal(picture.painted(), found[1].clip.frames)
