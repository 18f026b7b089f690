"""The page What if, run without a browser."""

import re

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Markdown, Subheader

from analysis.interventions.kernel_edits import SETTINGS
from analysis.interventions.time_edits import TIME_CHANGES
from app import cache, checkpoints, clips, jobs
from app.navigation import KERNEL_EDITS, LAYER_ABLATION
from gte import checkpoint
from gte.data import open_dataset
from gte.data.video.writing import write_video
from gte.kernel_snapshots import KernelSnapshots, initial_kernels
from tests.app.opening import captions, finding, markdown, open_page, sentences, url_of, with_results
from tests.tiny import save_tiny, spoil, tiny_header, tiny_model


def numbers_of_frames(at: AppTest) -> list[list[str]]:
    """The numbers above the frames, row by row."""
    rows = [element.proto.body for element in at.get("html") if "<img" in element.proto.body]
    return [re.findall(r"<figcaption>([^<]+)<", row) for row in rows]


def changes_in_probability(at: AppTest) -> str:
    """The sentence of the card of that title."""
    texts = [element.value for element in at.main if isinstance(element, Subheader | Markdown)]
    return texts[texts.index("Change in probabilities") + 1].replace("\\", "")


def test_it_opens_on_a_reversed_clip_with_gte_above_c2d_which_cannot_see_the_order(two_networks):
    at = open_page("whatif")
    assert not at.exception
    assert not at.error
    assert finding(at).startswith('<p class="finding">The clip reversed: gte-tiny ')
    assert "c2d-tiny stays at" in finding(at)
    assert "output is unchanged" in finding(at)
    assert "c2d-tiny cannot see frame order" in markdown(at)
    images = [element.proto.body for element in at.get("html") if "<img" in element.proto.body]
    assert [image.count("<button") for image in images] == [4, 4]


def test_a_link_holds_the_change_and_its_parameters(two_networks):
    at = open_page("whatif", change="Shuffle", seed="7", clip="moves up")
    assert "shuffled with seed 7" in finding(at)
    assert at.selectbox(key="clip").value == "moves up"
    frozen = open_page("whatif", change="Freeze", frame="2")
    assert "frozen at frame 2" in finding(frozen)
    assert "gives it other frames" in markdown(frozen)
    assert any("99" in text for text in sentences(open_page("whatif", change="Freeze", frame="99")))


@pytest.mark.parametrize("change", [change.label for change in TIME_CHANGES.values()])
def test_every_change_of_time_has_a_link_and_says_changes_in_probability(two_networks, change):
    at = open_page("whatif", change=change)
    assert not at.exception
    assert not at.error
    assert at.selectbox(key="change").value == change
    assert "gte-tiny: " in changes_in_probability(at)
    assert "c2d-tiny: " in changes_in_probability(at)
    assert "a dot the probability after it" in markdown(at)
    assert any("TimeChoice(" in code.value for code in at.code)


def test_the_owner_s_clips_and_a_stretch_of_them_are_changed_as_well(two_networks, tmp_path, monkeypatch):
    folder = tmp_path / "owned"
    folder.mkdir()
    write_video(folder / "a.webm", np.random.default_rng(0).integers(0, 256, (30, 40, 40, 3), dtype=np.uint8), fps=6)
    monkeypatch.setenv("GTE_CLIPS", str(folder))
    at = open_page("whatif", clip="owned/a.webm", stretch="3-12", change="Freeze", frame="1")
    assert not at.exception
    assert not at.error
    assert at.slider[0].value == (3, 12)
    assert any("Stretch(first=2, last=11)" in code.value and "frames_per_input=3" in code.value for code in at.code)
    at.selectbox(key="clip").set_value("moves up").run()
    assert not at.slider
    assert "stretch" not in url_of(at)


@pytest.mark.parametrize("change", [change.label for change in TIME_CHANGES.values()])
def test_one_frame_alone_is_said_to_be_one_and_no_change_of_time_moves_anything(two_networks, tmp_path, change):
    path = tmp_path / "still.webm"
    write_video(path, np.random.default_rng(0).integers(0, 256, (1, 40, 40, 3), dtype=np.uint8), fps=6)
    at = open_page("whatif", change=change)
    at.file_uploader(key="upload").upload("still.webm", path.read_bytes(), "video/webm").run()
    assert not at.exception
    assert not at.error
    assert all("name='still.webm'" in code.value for code in at.code)
    [note] = [text for text in sentences(at) if "one frame" in text]
    assert note.startswith("This is one frame, which is shown to gte-tiny 4 times")
    assert "gte-tiny: nothing changes. c2d-tiny: nothing changes." in changes_in_probability(at)
    assert finding(at).count("its output is unchanged.") == 2
    assert "c2d-tiny cannot see frame order" in markdown(at)
    assert numbers_of_frames(at) == 2 * [4 * ["1"]]
    assert "A dot marks a frame" not in captions(at)


def test_a_file_that_cannot_be_used_gets_a_message_on_the_page_and_under_the_button(two_networks):
    at = open_page("whatif")
    at.file_uploader(key="upload").upload("frames.zip", b"no archive", "application/zip").run()
    assert not at.exception
    messages = [error.value for error in at.main.error]
    assert len(messages) == 2
    assert all(text.startswith("frames.zip cannot be unpacked") for text in messages)


def test_fewer_frames_than_the_network_takes_are_said_to_be_repeated(two_networks):
    at = open_page("whatif", stretch="5-7")
    assert any(text.startswith("Of 3 frames gte-tiny, which takes 4, is shown some") for text in sentences(at))
    # Frames 5 6 6 7 of the source: a frame that is shown twice has the number of its first position.
    assert numbers_of_frames(at) == [["1", "2", "2", "4"], ["4", "2", "2", "1"]]
    assert not any("Of 4 frames" in text for text in sentences(open_page("whatif", stretch="5-8")))


def test_every_frame_opens_itself_enlarged(two_networks):
    body = "".join(element.proto.body for element in open_page("whatif").get("html"))
    opened, large = re.findall(r'popovertarget="([^"]+)"', body), re.findall(r'popover id="([^"]+)"', body)
    assert opened == large
    assert len(set(opened)) == 2 * 4
    assert "The clip reversed, place 1 of 4: frame 4" in body


def test_an_experiment_without_a_clip_has_no_control_for_it_and_keeps_it_in_the_url(two_networks):
    at = open_page("whatif", experiment=LAYER_ABLATION, clip="moves up", layer="layer2.0")
    assert {box.key for box in at.selectbox} == {"ckpt", "layer", "test_clips"}
    assert not at.get("file_uploader")
    assert url_of(at)["clip"] == ["moves up"]
    assert any(
        "“flies”, which is not here" in text
        for text in sentences(open_page("whatif", experiment=LAYER_ABLATION, clip="flies"))
    )


def test_the_number_of_test_clips_can_be_chosen(two_networks):
    at = with_results(open_page("whatif", experiment=LAYER_ABLATION, test_clips="140"))
    assert not at.exception
    assert "of 140 clips. " in captions(at)


def test_kernels_can_be_set_to_the_stored_ones_before_training(two_networks):
    motions = open_dataset("motionpairs", "test", 32)
    path = two_networks["runs/"] / "i3d.safetensors"
    model = tiny_model("i3d", len(motions.classes))
    header = tiny_header(path, "i3d", model, classes=motions.classes, twins=motions.twins, step=3)
    checkpoint.save(path, header, model, KernelSnapshots.start(model), kernel_init=initial_kernels(model))
    at = open_page("whatif", ckpt="runs/i3d", experiment=KERNEL_EDITS, setting="untrained shift")
    assert not at.exception
    assert not at.error
    # Each output starts with many inputs, so there is no mixing to remove.
    others = [label for label in SETTING_LABELS if label not in ("mixing removed", "own taps reset")]
    assert at.selectbox(key="setting").options == others
    assert "are not available" not in captions(at)
    assert "its output is unchanged." in finding(at)


def test_the_changes_run_on_test_clips_on_request(two_networks):
    at = open_page("whatif")
    [button] = [button for button in at.button if button.label.startswith("Run all changes")]
    button.click().run()
    at = with_results(at)
    assert not at.exception
    assert "answer of c2d-tiny to its reversed class on 0 of 56 clips" in markdown(at)
    assert not at.dataframe
    at.selectbox(key="changed_by_time").set_value("c2d-tiny: Reverse").run()
    assert "c2d-tiny: Reverse: no answer changed." in captions(at)


def test_the_clips_that_a_setting_changes_are_listed(two_networks):
    at = with_results(open_page("whatif", experiment=KERNEL_EDITS))
    [button] = [button for button in at.button if button.label.startswith("Run all settings")]
    button.click().run()
    at = with_results(at)
    at.selectbox(key="changed_by_setting").set_value("zeroed").run()
    assert not at.exception
    [clips] = [element.value for element in at.dataframe]
    assert f"zeroed: {len(clips)} of 56 answers changed." in captions(at)
    assert all((row["Before"] == row["True class"]) == (row["Result"] == "lost") for row in clips.to_dict("records"))


def test_an_uploaded_video_can_be_reversed_and_slowed_down(two_networks, tmp_path):
    path = tmp_path / "noise.webm"
    write_video(path, np.random.default_rng(0).integers(0, 256, (12, 40, 40, 3), dtype=np.uint8), fps=6)
    at = open_page("whatif", change="Change speed", speed="0.5 x")
    at.file_uploader(key="upload").upload("noise.webm", path.read_bytes(), "video/webm").run()
    assert not at.exception
    assert not at.error
    assert at.selectbox(key="clip").value == clips.YOURS
    assert "at 0.5 times its speed" in finding(at)
    assert "recognises" in captions(at)


SETTING_LABELS = [setting.label for key, setting in SETTINGS.items() if key != "learned"]


@pytest.mark.parametrize("setting", SETTING_LABELS)
def test_kernels_can_be_changed_and_the_effect_of_reversing_them_is_shown(two_networks, setting):
    headers, _ = checkpoints.list_checkpoints()
    with cache.model_of(headers["gte-tiny"]) as model:
        before = {key: value.clone() for key, value in model.state_dict().items()}
    at = open_page("whatif", experiment=KERNEL_EDITS, setting=setting)
    assert not at.exception
    assert not at.error
    assert f"Every layer: {setting}" in finding(at)
    assert "Reversing every kernel undoes the reversed clip" in markdown(at)
    assert "gte-tiny: " in changes_in_probability(at)
    assert "evidence" in changes_in_probability(at)
    assert "of 56 clips" in markdown(with_results(at))
    with cache.model_of(headers["gte-tiny"]) as model:
        assert all((value == before[key]).all() for key, value in model.state_dict().items())


def test_one_layer_alone_can_be_changed(two_networks):
    at = open_page("whatif", experiment=KERNEL_EDITS, where="one layer", layer="layer2.0", setting="no shift")
    assert not at.exception
    assert "layer2.0: no shift." in finding(at)


@pytest.mark.parametrize("name", ["c3d", "tsm"])
def test_networks_of_other_kinds_are_changed_as_far_as_they_can_be(two_networks, name):
    motions = open_dataset("motionpairs", "test", 32)
    save_tiny(two_networks["runs/"] / f"{name}.safetensors", name, classes=motions.classes, twins=motions.twins)
    at = open_page("whatif", ckpt=f"runs/{name}", experiment=KERNEL_EDITS)
    assert not at.exception
    assert not at.error
    if name == "tsm":
        assert any("has no temporal kernels" in text for text in sentences(at))
    else:
        assert "blend are not available" in captions(at)
        assert "blend" not in at.selectbox(key="setting").options


@pytest.mark.parametrize("link", [{}, {"experiment": LAYER_ABLATION}])
def test_a_layer_of_a_link_is_tested(two_networks, link):
    at = with_results(open_page("whatif", ckpt="gte-tiny", layer="layer2.0", **link))
    assert not at.exception
    assert not at.error
    assert at.selectbox(key="layer").value == "layer2.0"
    assert "layer2.0" in finding(at)
    assert "of 280 clips. " in captions(at)
    assert "at most 7 clips (2.5 %) after" in captions(at) or "too few to show any loss" in captions(at)
    [verdicts] = [element.value for element in at.dataframe]
    assert verdicts["Kernels"].tolist() == ["untrained shift", "current frame only", "zeroed"]


def test_all_layers_are_tested_on_request_and_the_result_is_kept(two_networks):
    link = {"ckpt": "gte-tiny", "experiment": LAYER_ABLATION, "test_clips": "56"}
    at = with_results(open_page("whatif", **link))
    [button] = [button for button in at.button if button.label == "Test all layers"]
    button.click().run()
    at = with_results(at)
    assert not at.exception
    assert "Does it need other frames?" in markdown(at)
    jobs.queue().jobs.clear()
    again = open_page("whatif", **link)
    assert "Test all layers" not in {button.label for button in again.button}
    assert finding(again) == finding(at)
    assert set(losses_of(again)) == set(losses_of(at))


def losses_of(at: AppTest) -> list[str]:
    return at.dataframe[0].value["Clips lost (95 %)"].tolist()


@pytest.mark.parametrize("experiment", [KERNEL_EDITS, LAYER_ABLATION])
def test_a_network_without_temporal_kernels_gets_a_sentence(two_networks, experiment):
    at = open_page("whatif", ckpt="c2d-tiny", experiment=experiment)
    assert not at.exception
    assert any("has no temporal kernels" in text for text in sentences(at))


def test_c2d_can_be_the_subject_and_gte_is_compared_with_it(two_networks):
    at = open_page("whatif", ckpt="c2d-tiny")
    assert at.pills(key="beside").value == ["gte-tiny"]
    at.selectbox(key="ckpt").set_value("gte-tiny").run()
    assert not at.exception
    assert at.pills(key="beside").value == ["c2d-tiny"]


def test_a_link_may_ask_for_no_network_to_compare_with(two_networks):
    at = open_page("whatif", beside="")
    assert at.pills(key="beside").value == []
    assert "c2d-tiny" not in finding(at)
    assert sentences(at) == []


def test_a_network_of_other_classes_gets_a_sentence(two_networks):
    save_tiny(two_networks["runs/"] / "other.safetensors", "gte")
    at = open_page("whatif", ckpt="runs/other", experiment=LAYER_ABLATION)
    assert not at.exception
    assert any("other classes" in text for text in sentences(at))
    assert "recognises" in captions(open_page("whatif", ckpt="runs/other"))


@pytest.mark.parametrize("frames", [1, 2])
@pytest.mark.parametrize("change", ["Reverse", "Shuffle", "Drop", "Repeat"])
def test_networks_of_very_few_frames_give_a_result_or_a_sentence(two_networks, frames, change):
    motions = open_dataset("motionpairs", "test", 32)
    facts = {"classes": motions.classes, "twins": motions.twins, "num_frames": frames}
    save_tiny(two_networks["runs/"] / "short.safetensors", "gte", **facts)
    at = open_page("whatif", ckpt="runs/short", change=change)
    assert not at.exception
    assert finding(at) or at.error


@pytest.mark.parametrize("experiment", ["Change time", KERNEL_EDITS])
def test_a_network_whose_weights_are_not_numbers_gets_a_sentence(two_networks, experiment):
    motions = open_dataset("motionpairs", "test", 32)
    path = two_networks["runs/"] / "diverged.safetensors"
    save_tiny(path, "gte", classes=motions.classes, twins=motions.twins)
    spoil(path, "bn1.weight")
    at = open_page("whatif", ckpt="runs/diverged", experiment=experiment)
    assert not at.exception
    assert not at.error
    assert any("is not a number, because" in text for text in sentences(at))


def test_the_kernels_page_links_to_it_with_its_layer(two_networks):
    at = open_page("kernels", layer="layer1.1")
    [link] = [link for link in at.get("page_link") if "Does layer1.1 matter?" in link.proto.label]
    assert "layer=layer1.1" in link.proto.query_string
    assert "experiment=Which" in link.proto.query_string
