"""Every page, run without a browser: it opens, says what is wrong in a sentence, and keeps to the choices made."""

import numpy as np
import pytest

from analysis.formatting import large_count
from analysis.kernels.drift import NO_KERNELS
from app import cache, checkpoints, clips
from app.navigation import PAGES
from gte.checkpoint_header import read_header
from gte.data.video.writing import write_video
from tests.app.opening import SMALL, finding, open_page, sentences
from tests.moved import save_moved
from tests.tiny import save_tiny


@pytest.mark.parametrize("key", PAGES)
def test_every_page_opens_with_checkpoints(two_networks, key):
    at = open_page(key)
    assert not at.exception
    assert not at.error


@pytest.mark.parametrize("key", PAGES)
def test_every_page_opens_without_any_checkpoint(folders, key):
    at = open_page(key)
    assert not at.exception
    assert not at.error
    if key in ("kernels", "evidence", "library"):
        assert sentences(at) == [checkpoints.NO_CHECKPOINT]


@pytest.mark.parametrize("key", ["kernels", "evidence", "library"])
def test_a_file_that_is_no_checkpoint_does_not_spoil_a_page(two_networks, key):
    (two_networks[""] / "broken.safetensors").write_bytes(b"not a checkpoint")
    at = open_page(key)
    assert not at.exception
    assert not at.error
    message = [text for text in sentences(at) if "broken" in text]
    assert len(message) == (key == "library")


def test_the_kernels_page_opens_on_the_layer_that_moved_most(two_networks):
    # The first layer is the one that the tiny checkpoints moved.
    assert open_page("kernels").selectbox(key="layer").value == "layer1.0"


def test_the_kernels_page_follows_a_link(two_networks):
    at = open_page("kernels", layer="layer3.1")
    assert at.selectbox(key="layer").value == "layer3.1"
    assert sentences(at) == []


def test_a_link_to_a_layer_that_is_not_there_is_told(two_networks):
    at = open_page("kernels", layer="layer9.9")
    assert at.selectbox(key="layer").value == "layer1.0"
    assert any("layer9.9" in text for text in sentences(at))


def test_a_network_without_shifts_is_said_to_have_none(two_networks):
    at = open_page("kernels", ckpt="c2d-tiny")
    assert sentences(at) == [f"c2d-tiny {NO_KERNELS}"]


def test_a_checkpoint_of_a_run_is_offered_under_its_folder(two_networks):
    save_tiny(two_networks["runs/"] / "mine" / "mine.safetensors", "gte")
    assert open_page("kernels").selectbox(key="ckpt").options == ["gte-tiny", "c2d-tiny", "runs/mine/mine"]


def test_a_checkpoint_that_asks_for_an_unknown_network_gives_a_sentence(folders):
    save_tiny(folders[""] / "odd.safetensors", "gte", model="transformer")
    at = open_page("evidence")
    assert not at.exception
    assert any("The networks are c2d" in text for text in sentences(at))


def test_evidence_compares_gte_with_c2d_and_reversing_gives_the_twin_s_clip(two_networks):
    at = open_page("evidence")
    assert at.pills(key="networks").value == ["gte-tiny", "c2d-tiny"]
    assert "True class: “moves left”." in finding(at)
    at.toggle(key="reverse").set_value(True).run()
    assert not at.exception
    assert "True class: “moves right”." in finding(at)


def test_a_reversed_clip_has_its_frames_reversed(two_networks):
    forwards = clips.dataset_clip("motionpairs", 0, 8, 32)
    backwards = clips.dataset_clip("motionpairs", 0, 8, 32, backwards=True)
    assert np.array_equal(backwards.frames, forwards.frames[::-1])
    assert (forwards.label, backwards.label) == (0, 1)
    assert forwards.digest != backwards.digest


def test_c2d_answers_a_clip_and_its_reversal_alike(two_networks):
    header = read_header(two_networks[""] / "c2d-tiny.safetensors")
    answers = [
        cache.logits(header, clips.dataset_clip("motionpairs", 0, 4, 32, backwards)) for backwards in (False, True)
    ]
    assert (answers[0] - answers[1]).abs().max() <= 1e-5 * answers[0].abs().max()


def test_a_text_file_named_as_a_video_gives_one_sentence_with_its_name(two_networks):
    at = open_page("evidence")
    at.file_uploader(key="upload").upload("holiday.mp4", b"this is text", "video/mp4").run()
    assert not at.exception
    assert len(at.error) == 1
    assert at.error[0].value.startswith("holiday.mp4 is no video")


def test_an_uploaded_video_becomes_the_clip(two_networks, tmp_path):
    path = tmp_path / "noise.webm"
    write_video(path, np.random.default_rng(0).integers(0, 256, (12, 40, 40, 3), dtype=np.uint8), fps=6)
    at = open_page("evidence")
    at.file_uploader(key="upload").upload("noise.webm", path.read_bytes(), "video/webm").run()
    assert not at.exception
    assert not at.error
    assert at.selectbox(key="clip").value == clips.YOURS
    assert any("recognise" in text for text in sentences(at))


@pytest.mark.slow
def test_architectures_open_on_the_paper_s_setting_and_follow_the_controls(folders):
    at = open_page("architectures")
    table = at.dataframe[0].value.set_index("Network")
    # Numbers, which a click on a heading sorts as such; "963.38 M" as a text would stand above "44.39 G".
    assert large_count(table.loc["GTE", "Parameters"]) == "17.97 M"
    assert large_count(table.loc["GTE", "MACs"]) == "25.34 G"
    assert large_count(table.loc["C2D", "MACs"]) == "32.70 G"
    assert set(table["Cross-checked"]) == {"✓"}
    before = finding(at)
    at.selectbox(key="t").set_value("1/2").run()
    assert large_count(at.dataframe[0].value.set_index("Network").loc["GTE", "Parameters"]) == "19.15 M"
    assert "times C2D" in finding(at) != before


def test_what_a_link_asks_of_the_controls_in_vain_is_told(folders):
    at = open_page("architectures", depth="26", frames="1", size="-5", classes="ten", t="7")
    assert not at.exception
    assert (at.selectbox(key="depth").value, at.number_input(key="frames").value) == ("26", 1)
    # In one box, so that the page stays in sight.
    (box,) = sentences(at)
    message = box.split("\n\n")
    assert len(message) == 3
    assert any("the size “-5”, which is not here; “224” is shown" in text for text in message)


def test_a_link_to_a_network_brings_it_to_the_evidence_page(two_networks):
    assert open_page("evidence", ckpt="c2d-tiny", layer="layer2.0").pills(key="networks").value == [
        "c2d-tiny",
        "gte-tiny",
    ]
    assert any("nothing" in text for text in sentences(open_page("evidence", networks="nothing")))


def test_a_network_with_three_classes_has_its_three_most_probable(two_networks):
    save_tiny(two_networks["runs/"] / "three.safetensors", "gte")
    texts = " ".join(text.value for text in open_page("evidence", ckpt="runs/three").markdown)
    assert "The three most probable classes of" in texts


DAMAGES = (
    {"metrics": ({},)},
    {"metrics": ({"epoch": 1, "val_top1": "high"},)},
    {"environment": {"packages": "many"}},
)


def test_checkpoints_with_a_damaged_header_spoil_no_page(two_networks):
    for number, damage in enumerate(DAMAGES):
        save_tiny(two_networks[""] / f"damaged {number}.safetensors", "gte", **damage)
    for key in ("start", "kernels", "evidence", "library"):
        at = open_page(key)
        assert not at.exception
        assert not at.error


def test_the_library_lists_every_checkpoint_with_its_facts(two_networks):
    at = open_page("library")
    assert at.dataframe[0].value["Checkpoint"].tolist() == ["gte-tiny", "c2d-tiny"]
    facts = at.table[0].value["Value"]
    assert (facts["LTS layers"], facts["Steps"], facts["Epochs"]) == ("8", "3", "0")


def test_the_digest_of_what_a_checkpoint_was_made_from_breaks_between_groups_of_its_digits(two_networks):
    message = "net.pth was recognised as torchvision: ResNet."
    digest = "0123456789abcdef" * 4
    save_tiny(
        two_networks["runs/"] / "net.safetensors", "c2d", environment={"source": f"{message} Its SHA-256 is {digest}."}
    )
    at = open_page("library", ckpt="runs/net")
    assert [info.value.replace("\\", "") for info in at.info] == [message]
    [shown] = [element.value for element in at.html if "SHA-256" in element.value]
    assert digest not in shown
    assert digest in shown.replace("<wbr>", "")


UNKNOWN = {"dataset": "", "classes": tuple(f"class {index}" for index in range(400)), "twins": (-1,) * 400}
"""The header of a network from elsewhere."""


def test_the_kernels_of_a_network_with_a_known_start_are_compared_with_it(two_networks):
    save_moved(two_networks["runs/"] / "i3d.safetensors", "i3d", known=True)
    at = open_page("kernels", ckpt="runs/i3d", view="Over training")
    assert not at.exception
    assert not at.error
    assert "changed what" in finding(at)
    assert "before training are unknown" not in finding(at)
    assert sentences(at) == []
    assert "only the first and the last weights" in " ".join(caption.value for caption in at.caption)


def test_the_kernels_of_a_network_with_an_unknown_start_are_shown_as_they_are(two_networks):
    save_moved(two_networks["runs/"] / "c3d.safetensors", "c3d", known=False, **UNKNOWN)
    at = open_page("kernels", ckpt="runs/c3d", view="Over training")
    assert not at.exception
    assert not at.error
    assert "The weights before training are unknown, and so is what training changed there." in finding(at)
    assert "drift" not in finding(at)
    message = " ".join(caption.value for caption in at.caption)
    assert "each tap is the sum over its rows and columns" in message
    assert "C3D, trained elsewhere" in message
    assert [text for text in sentences(at) if "no snapshots of its training" in text]


def test_a_block_with_several_temporal_layers_offers_each(two_networks):
    save_moved(two_networks["runs/"] / "slow.safetensors", "slowfast_4x16", known=False, **UNKNOWN)
    at = open_page("kernels", ckpt="runs/slow", layer="slow.layer4.1")
    assert not at.exception
    assert at.selectbox(key="layer").value == "slow.layer4.1"
    options = at.selectbox(key="layer").options
    assert len(options) == len(set(options))
    assert {"fast.conv1", "laterals.0"} <= set(options)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["r2plus1d", "s3d"])
def test_wide_networks_have_a_kernels_page_as_well(two_networks, name):
    save_moved(two_networks["runs/"] / f"{name}.safetensors", name, known=False, **UNKNOWN)
    at = open_page("kernels", ckpt=f"runs/{name}")
    assert not at.exception
    assert not at.error
    options = at.selectbox(key="layer").options
    assert len(options) == len(set(options)) >= 17


def test_a_hard_shift_is_said_to_have_no_kernel(two_networks):
    save_tiny(two_networks["runs/"] / "tsm.safetensors", "tsm")
    assert sentences(open_page("kernels", ckpt="runs/tsm")) == [f"tsm {NO_KERNELS}"]


def test_a_network_from_elsewhere_is_shown_rendered_clips_and_no_claim_is_made(two_networks):
    save_moved(two_networks["runs/"] / "foreign.safetensors", "i3d", known=False, **UNKNOWN)
    at = open_page("evidence", ckpt="runs/foreign")
    assert not at.exception
    assert not at.error
    assert at.pills(key="networks").value == ["runs/foreign"]
    assert at.selectbox(key="clip").value == "moves left"
    options = at.selectbox(key="class").options
    # The five most probable come first, with bars; the others as the network has them.
    assert options[0] == "predicted"
    assert all(" % " in option for option in options[1:6])
    assert sorted(option.split(" % ")[-1] for option in options[1:]) == sorted(UNKNOWN["classes"])
    assert "True class:" not in finding(at)
    assert any("was not trained on MotionPairs" in text for text in sentences(at))
    at.toggle(key="reverse").set_value(True).run()
    assert not at.exception
    assert "True class:" not in finding(at)


def test_networks_of_other_classes_are_not_compared_with_it(two_networks):
    save_moved(two_networks["runs/"] / "foreign.safetensors", "i3d", known=False, **UNKNOWN)
    at = open_page("evidence", ckpt="runs/foreign")
    at.pills(key="networks").set_value(["gte-tiny", "runs/foreign"]).run()
    assert any("has other classes" in text for text in sentences(at))


def test_a_clip_that_its_network_cannot_take_gives_a_sentence(two_networks):
    save_tiny(two_networks["runs/"] / "small.safetensors", "c3d_original", size=32, **UNKNOWN)
    at = open_page("evidence", ckpt="runs/small")
    assert not at.exception
    assert any("takes clips of at least 1 x 97 x 97" in text for text in sentences(at))


def test_slowfast_offers_the_blocks_of_both_pathways(two_networks):
    classes = {"classes": UNKNOWN["classes"], "twins": UNKNOWN["twins"], "dataset": ""}
    save_tiny(two_networks["runs/"] / "slow.safetensors", "slowfast_4x16", size=224, num_frames=8, **classes)
    at = open_page("evidence", ckpt="runs/slow")
    assert not at.exception
    assert at.selectbox(key="layer").value == "slow.layer4.1"
    assert "fast.layer4.1 · 8×7×7" in at.selectbox(key="layer").options


"""Settings of the architectures page that take a moment to count."""


def test_architectures_open_on_the_compared_networks_and_take_others_from_a_link(folders):
    at = open_page("architectures", **SMALL, ablations="GTE, fixed shift", relatives="I3D")
    assert not at.exception
    assert sentences(at) == []
    assert at.dataframe[0].value["Network"].tolist() == ["C2D", "TSM", "C3D", "GST", "GTE", "GTE, fixed shift", "I3D"]
    described = at.table[-1].value
    # No line breaks inside a clip.
    assert described.loc["I3D", "Native clip"].split("\N{NO-BREAK SPACE}") == ["8", "x", "224", "x", "224"]
    assert "Carreira" in described.loc["I3D", "Source"]


def test_a_network_that_takes_no_clip_so_small_is_counted_at_its_own_and_says_so(folders):
    at = open_page("architectures", **SMALL, compared="GTE", relatives="C3D, original")
    assert not at.exception
    rows = at.dataframe[0].value.set_index("Network")
    assert rows.loc["C3D, original *", "Clip"] == "16 x 112 x 112"
    assert rows.loc["GTE", "Clip"] == "2 x 32 x 32"
    assert any("takes no clip as small as 2 x 32 x 32" in caption.value for caption in at.caption)


def test_slowfast_on_a_short_clip_is_marked_with_what_each_pathway_sees(folders):
    at = open_page("architectures", **SMALL | {"frames": "9"}, compared="C2D", relatives="SlowFast 4x16")
    assert not at.exception
    assert at.dataframe[0].value["Network"].tolist() == ["C2D", "SlowFast 4x16 †"]
    [message] = [caption.value for caption in at.caption if "SlowFast" in caption.value]
    assert "its slow pathway sees 2 and its fast one 9 of 9 frames" in message
    assert "its published figures are for 32 x 256 x 256" in message
    # It needs the least of all, which is no finding.
    assert finding(at).startswith('<p class="finding">C2D needs')
    at.number_input(key="frames").set_value(32).run()
    assert at.dataframe[0].value["Network"].tolist() == ["C2D", "SlowFast 4x16"]
    assert not [caption for caption in at.caption if "SlowFast" in caption.value]


def test_architectures_without_gte_or_c2d_name_the_cheapest_and_the_dearest(folders):
    at = open_page("architectures", **SMALL, compared=["TSM", "C3D"])
    assert not at.exception
    assert "TSM needs" in finding(at)
    assert "the fewest of these, and C3D" in finding(at)
    at.pills(key="compared").set_value([]).run()
    assert sentences(at)[-1] == "Choose at least one network."


def test_a_link_to_a_network_that_is_not_in_the_table_is_told(folders):
    message = sentences(open_page("architectures", **SMALL, compared="C2D", relatives="X3D"))
    assert message == ["The link asks for the network “X3D”, which is not here; “nothing” is shown instead."]
    (message,) = sentences(open_page("architectures", **SMALL, compared="C2D", relatives="X" * 3000))
    assert f"“{'X' * 80}…”" in message


def test_a_link_to_relatives_alone_asks_for_nothing_in_vain(folders):
    at = open_page("architectures", **SMALL, compared="", relatives="I3D")
    assert not at.exception
    assert at.dataframe[0].value["Network"].tolist() == ["I3D"]
    assert not sentences(at)


@pytest.mark.parametrize(
    ("view", "chosen"),
    [
        ("Cost by layer", {"network": "TSM", "stage": "layer2", "block": "layer2.1"}),
        ("Table 1, interactive", {"ci": "512", "co": "128", "k": "5", "kt": "7", "ft": "3/8"}),
        ("Paper check", {"dataset": "Kinetics-400"}),
        ("Speed on this machine", {"rounds": 3, "batch": 2, "threads": 1, "fused": True}),
    ],
)
def test_a_link_restores_every_choice_of_the_architectures_page(folders, view, chosen):
    above = {"depth": "26", "frames": 3, "size": 64, "classes": 9, "t": "1/2", "unit": "FLOPs", "width": "32"}
    above |= {"clips": 2, "crops": 3, "head": "left out", "diagram": "GST", "drawn": "layer1.1"}
    networks = {"compared": ["C2D", "TSM"], "ablations": ["GST-Large"], "relatives": ["I3D"]}
    given = {key: str(value).lower() if value is True else str(value) for key, value in (above | chosen).items()}
    at = open_page("architectures", **given, **networks, view=view)
    assert not at.exception
    assert sentences(at) == []
    assert {key: at.session_state[key] for key in (above | networks | chosen)} == above | networks | chosen
