"""What Python hands to the components: the numbers that arrive in the browser, and sentences for wrong sizes."""

import base64
import json
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from analysis.kernels.summary import rows_of
from app.components.film_strip import StripRow, film_strip, frame_shares
from app.components.kernel_barcode import LayerShares, kernel_barcode
from app.components.shift_toy import channel_activity, liveliest_line, shift_toy

TIMEOUT_SECONDS = 60


def moving_square(num_frames: int = 8, side: int = 32) -> np.ndarray:
    """A bright square of 8 pixels that moves right by 2 pixels a frame, at rows 8 to 15."""
    frames = np.full((num_frames, side, side, 3), 20, dtype=np.uint8)
    for t in range(num_frames):
        frames[t, 8:16, 2 * t : 2 * t + 8] = 230
    return frames


def sent(script: Callable[..., None], *args: object) -> tuple[dict[str, Any], AppTest]:
    """Run a page that draws one component; return what it sends to the browser."""
    at = AppTest.from_function(script, args=args, default_timeout=TIMEOUT_SECONDS).run()
    assert not at.exception
    (element,) = at.get("bidi_component")
    return json.loads(element.proto.json)[0], at


def decoded(text: str, dtype: type, shape: tuple[int, ...]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype=dtype).reshape(shape)


# Streamlit runs these pages from their source, which must hold all that it needs: hence the quotes and the imports.


def toy_page(frames: "np.ndarray") -> None:
    from app.components.shift_toy import shift_toy

    shift_toy(frames, key="toy")


def barcode_page(taps: "np.ndarray", steps: list[int], snapshot: int, starts_known: bool = True) -> None:
    import streamlit as st

    from app.components.kernel_barcode import kernel_barcode

    choice = kernel_barcode(
        taps, steps, title="layer1.0, 2 outputs", snapshot=snapshot, key="kernels", starts_known=starts_known
    )
    st.text(f"{choice.snapshot} {choice.layer}")


def strip_page(rows: "list[StripRow]") -> None:
    from app.components.film_strip import film_strip

    film_strip(rows, key="strip")


def test_the_toy_sends_the_clip_byte_for_byte() -> None:
    frames = moving_square()
    data, _ = sent(toy_page, frames)
    assert np.array_equal(decoded(data["pixels"], np.uint8, frames.shape), frames)
    assert data["shape"] == [8, 32, 32]


def test_the_toy_cuts_its_line_through_what_moves() -> None:
    assert 8 <= liveliest_line(moving_square()) < 16


def test_the_channels_of_the_toy_follow_the_square_from_early_to_late() -> None:
    activity = channel_activity(moving_square())
    assert activity.shape == (8, 16)
    assert activity.min() >= 0
    assert activity.max() == 1
    for half in (activity[:, :8], activity[:, 8:]):
        strongest = half.argmax(axis=0)
        assert (np.diff(strongest) >= 0).all()
        assert strongest[-1] > strongest[0]


def test_a_clip_without_movement_has_silent_channels() -> None:
    assert not channel_activity(np.zeros((8, 32, 32, 3), dtype=np.uint8)).any()


@pytest.mark.parametrize(
    ("frames", "sentence"),
    [
        (np.zeros((8, 32, 32, 3), dtype=np.float32), "uint8 frames"),
        (np.zeros((8, 32, 32), dtype=np.uint8), "uint8 frames"),
        (np.zeros((1, 32, 32, 3), dtype=np.uint8), "2 to 12 frames; got 1"),
        (np.zeros((24, 32, 32, 3), dtype=np.uint8), "Sample fewer"),
        (np.zeros((8, 224, 224, 3), dtype=np.uint8), "got 224 x 224"),
    ],
)
def test_the_toy_refuses_other_frames_with_a_sentence(frames: np.ndarray, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        shift_toy(frames, key="toy")


def test_the_toy_refuses_a_line_outside_the_picture() -> None:
    with pytest.raises(ValueError, match="row of the 32-pixel frames; got 32"):
        shift_toy(moving_square(), line=32, key="toy")


def test_the_barcode_sends_every_tap_of_every_snapshot() -> None:
    taps = np.arange(18, dtype=np.float32).reshape(3, 2, 3) - 9
    data, at = sent(barcode_page, taps[:, :, None], [0, 10, 40], -1)
    assert np.array_equal(decoded(data["taps"], np.float32, taps.shape), taps)
    # (-9, -8, -7) averages, (-6, -5, -4) too; (0, 1, 2) looks ahead, because 2 is more than half of 3; and so on.
    kinds = [data["kindWords"][number] for number in decoded(data["kinds"], np.uint8, (3, 2)).ravel()]
    assert kinds == ["averages", "averages", "averages", "looks ahead", "averages", "averages"]
    assert data["moments"] == ["step 0", "step 10", "step 40"]
    assert (data["numTaps"], data["startsKnown"]) == (3, True)
    assert data["snapshot"] == 2
    assert at.text[0].value == "2 None"


def test_the_barcode_takes_a_single_snapshot_of_seven_taps_whose_start_is_unknown() -> None:
    taps = np.arange(14, dtype=np.float32).reshape(1, 2, 1, 7)
    data, at = sent(barcode_page, taps, [0], -1, False)
    assert np.array_equal(decoded(data["taps"], np.float32, (1, 2, 7)), taps[:, :, 0])
    assert (data["numTaps"], data["moments"], data["startsKnown"]) == (7, ["step 0"], False)
    assert at.text[0].value == "0 None"


def test_the_barcode_names_both_ends_of_a_file_that_counts_no_steps() -> None:
    data, _ = sent(barcode_page, np.zeros((2, 2, 1, 3), dtype=np.float32), [0, 0], -1)
    assert data["moments"] == ["before training", "after training"]


def test_the_barcode_survives_a_change_to_a_checkpoint_with_fewer_snapshots() -> None:
    def page() -> None:
        import numpy as np
        import streamlit as st

        from app.components.kernel_barcode import kernel_barcode

        number = st.session_state.get("number", 3)
        choice = kernel_barcode(np.zeros((number, 2, 1, 3)), list(range(number)), title="layer1.0", key="kernels")
        st.text(choice.snapshot)

    at = AppTest.from_function(page, default_timeout=TIMEOUT_SECONDS).run()
    assert at.text[0].value == "2"
    at.session_state["number"] = 2
    assert at.run().text[0].value == "1"


def summary_of(lengths: dict[str, int]) -> pd.DataFrame:
    """What `analysis.kernels.summarise` says of layers that move a little at each of so many snapshots."""
    rows = [
        {
            "layer": f"{block}.conv2.lts",
            "block": block,
            "back": 0.5 - s / 8,
            "now": 0.0,
            "ahead": 0.5,
            "combined": s / 8,
            "back0": 0.5 if num > 1 else np.nan,
            "drift": s / 4 if num > 1 else np.nan,
        }
        for block, num in lengths.items()
        for s in range(num)
    ]
    return pd.DataFrame(rows)


def test_shares_and_drift_are_taken_from_the_summary() -> None:
    shares = LayerShares.from_rows(rows_of(summary_of({"layer1.0": 2, "layer1.1": 2})), selected="layer1.1")
    assert list(shares.layers) == ["layer1.0", "layer1.1"]
    assert list(shares.paths) == ["layer1.0.conv2.lts", "layer1.1.conv2.lts"]
    assert shares.shares.tolist() == [[[0.5, 0, 0.5, 0], [0.375, 0, 0.5, 0.125]]] * 2
    assert shares.drift is not None
    assert shares.drift.tolist() == [[0, 0.25]] * 2
    assert list(shares.starts_known) == [True, True]
    assert shares.selected == "layer1.1"


def test_a_layer_with_fewer_snapshots_stays_as_it_is_at_its_last() -> None:
    shares = LayerShares.from_rows(rows_of(summary_of({"a": 3, "b": 2, "c": 1})))
    assert shares.shares[:, :, 3].tolist() == [[0, 0.125, 0.25], [0, 0.125, 0.125], [0, 0, 0]]
    np.testing.assert_array_equal(shares.drift, [[0, 0.25, 0.5], [0, 0.25, 0.25], [np.nan] * 3])
    assert list(shares.starts_known) == [True, True, False]


def test_a_summary_without_layers_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one layer"):
        LayerShares.from_rows(rows_of(summary_of({})))


def layers_page(num_snapshots: int, shares: "LayerShares") -> None:
    import numpy as np

    from app.components.kernel_barcode import kernel_barcode

    kernel_barcode(
        np.zeros((num_snapshots, 2, 1, 3)),
        list(range(num_snapshots)),
        title="a, 2 outputs",
        key="kernels",
        shares=shares,
    )


def test_layers_go_to_the_browser_snapshot_by_snapshot() -> None:
    shares = LayerShares.from_rows(rows_of(summary_of({"a": 3, "b": 1})), selected="b")
    layers = sent(layers_page, 3, shares)[0]["layers"]
    assert np.array_equal(decoded(layers["shares"], np.float32, (3, 2, 4)), shares.shares.swapaxes(0, 1))
    drift = decoded(layers["drift"], np.float32, (3, 2))
    np.testing.assert_array_equal(drift, [[0, np.nan], [0.25, np.nan], [0.5, np.nan]])
    assert layers["startsKnown"] == [True, False]
    assert (layers["names"], layers["paths"], layers["selected"]) == (["a", "b"], ["a.conv2.lts", "b.conv2.lts"], "b")


@pytest.mark.parametrize(("num_snapshots", "combined"), [(1, [0.25]), (2, [0, 0.25])])
def test_the_last_of_all_layers_stands_beside_the_last_of_a_layer_with_fewer_snapshots(
    num_snapshots: int, combined: list[float]
) -> None:
    layers = sent(layers_page, num_snapshots, LayerShares.from_rows(rows_of(summary_of({"a": 3}))))[0]["layers"]
    assert decoded(layers["shares"], np.float32, (num_snapshots, 1, 4))[:, 0, 3].tolist() == combined


def test_without_drift_paths_and_starts_layers_have_names_outlines_and_no_drift() -> None:
    layers = sent(layers_page, 2, LayerShares(layers=["a", "b"], shares=np.zeros((2, 2, 4))))[0]["layers"]
    assert (layers["drift"], layers["paths"], layers["startsKnown"]) == (None, ["a", "b"], [True, True])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"layers": []}, "at least one layer"),
        ({"shares": np.zeros((2, 2, 2))}, r"\(layers, snapshots, 4\) of 2 layers; got \(2, 2, 2\)"),
        ({"shares": np.zeros((1, 2, 4))}, r"of 2 layers; got \(1, 2, 4\)"),
        ({"drift": np.zeros((2, 3))}, r"\(2, 2\); got \(2, 3\)"),
        ({"starts_known": [True]}, "starts_known must have one entry for each of 2 layers, or none; got 1"),
        ({"paths": ["a", "b", "c"]}, "paths must have one entry for each of 2 layers, or none; got 3"),
    ],
)
def test_parts_of_other_layers_are_refused_with_a_sentence(changes: dict[str, Any], sentence: str) -> None:
    right: dict[str, Any] = {"layers": ["a", "b"], "shares": np.zeros((2, 2, 4))}
    with pytest.raises(ValueError, match=sentence):
        LayerShares(**{**right, **changes})


def choice_page() -> None:
    import numpy as np
    import streamlit as st

    from app.components.kernel_barcode import kernel_barcode

    state = st.session_state
    choice = kernel_barcode(
        np.zeros((2, 4, 1, 3)),
        [0, 1],
        title="layer1.0",
        key="kernels",
        form="triangle",
        order=state.get("order"),
        output=state.get("output"),
    )
    st.text(f"{choice.form} {choice.output}")


def test_the_form_the_order_and_the_selected_output_go_to_the_browser_and_come_back() -> None:
    at = AppTest.from_function(choice_page, default_timeout=TIMEOUT_SECONDS)
    at.session_state["order"] = np.array([3, 1, 2, 0])
    at.session_state["output"] = 2
    at.run()
    [data] = json.loads(at.get("bidi_component")[0].proto.json)
    assert (data["form"], data["order"], data["output"]) == ("triangle", [3, 1, 2, 0], 2)
    assert at.text[0].value == "triangle 2"


def test_a_selection_follows_the_argument() -> None:
    at = AppTest.from_function(choice_page, default_timeout=TIMEOUT_SECONDS).run()
    assert at.text[0].value == "triangle None"
    at.session_state["output"] = 3
    assert at.run().text[0].value == "triangle 3"
    del at.session_state["output"]
    assert at.run().text[0].value == "triangle None"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"form": "circle"}, "rows, triangle; got 'circle'"),
        ({"order": [0, 1, 2]}, r"each of the 4 outputs once; got \[0, 1, 2\]"),
        ({"order": [0, 1, 2, 2]}, "each of the 4 outputs once"),
        ({"output": 4}, "0 to 3; got 4"),
        ({"output": -1}, "0 to 3; got -1"),
    ],
)
def test_the_barcode_refuses_choices_that_are_not_there(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        kernel_barcode(np.zeros((2, 4, 1, 3)), [0, 1], title="layer1.0", key="kernels", **changes)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"kernels": np.zeros((2, 4, 3))}, r"kernels \(snapshots, outputs, signals, k\)"),
        ({"kernels": np.zeros((2, 4, 1, 4))}, r"k odd and at least 3.*got \(2, 4, 1, 4\)"),
        ({"kernels": np.zeros((2, 4, 1, 1))}, r"k odd and at least 3.*got \(2, 4, 1, 1\)"),
        ({"kernels": np.zeros((2, 0, 1, 3))}, "1 to 4096 outputs; got 0"),
        ({"steps": [0, 1, 2]}, "3 steps and 2 snapshots"),
        ({"kernels": np.full((2, 4, 1, 3), np.nan)}, "NaN or infinity"),
        ({"snapshot": 2}, "one of the 2 snapshots; got 2"),
        ({"height": 20}, "at least 120 pixels"),
        ({"shares": LayerShares(layers=["a"], shares=np.zeros((1, 1, 4)))}, "at least the 2 snapshots.*got 1"),
    ],
)
def test_the_barcode_refuses_wrong_sizes_with_a_sentence(changes: dict[str, Any], sentence: str) -> None:
    right: dict[str, Any] = {"kernels": np.zeros((2, 4, 1, 3)), "steps": [0, 1], "title": "layer1.0", "key": "kernels"}
    with pytest.raises(ValueError, match=sentence):
        kernel_barcode(**{**right, **changes})


def test_rows_that_show_one_clip_share_its_picture() -> None:
    frames = moving_square(side=64)
    evidence = np.linspace(0, 1, 8 * 7 * 7, dtype=np.float32).reshape(8, 7, 7)
    rows = [StripRow(label=name, frames=frames, evidence=evidence) for name in ("gte-tiny", "c2d-tiny")]
    data, _ = sent(strip_page, [*rows, StripRow(label="reversed", frames=frames[::-1], evidence=evidence)])
    assert [row["picture"] for row in data["rows"]] == [0, 0, 1]
    assert data["names"] == ["1", "2", "3", "4", "5", "6", "7", "8"]
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(data["pictures"][0]), dtype=np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (64, 8 * 64, 3)
    assert abs(picture[12, 4].astype(int) - 230).max() < 12


def test_maps_arrive_as_bytes_and_large_ones_reduced() -> None:
    frames = moving_square(side=64)
    evidence = np.linspace(0, 1, 8 * 4 * 4, dtype=np.float32).reshape(8, 4, 4)
    large = np.ones((8, 224, 224), dtype=np.float32)
    rows = [StripRow(label="a", frames=frames, evidence=evidence), StripRow(label="b", frames=frames, evidence=large)]
    data, _ = sent(strip_page, rows)
    assert np.array_equal(decoded(data["rows"][0]["maps"], np.uint8, (8, 4, 4)), np.rint(255 * evidence))
    assert data["rows"][1]["shape"] == [8, 40, 40]
    assert (decoded(data["rows"][1]["maps"], np.uint8, (8, 40, 40)) == 255).all()


def test_eight_frames_of_224_pixels_stay_a_small_message() -> None:
    rng = np.random.default_rng(0)
    smooth = [cv2.GaussianBlur(rng.uniform(0, 255, (224, 224, 3)).astype(np.float32), (0, 0), 6) for _ in range(8)]
    frames = np.clip(np.stack(smooth), 0, 255).astype(np.uint8)
    data, _ = sent(strip_page, [StripRow(label="a", frames=frames, evidence=np.ones((8, 14, 14)))])
    assert len(json.dumps(data)) < 150_000


def test_the_shares_of_the_frames_add_up_to_one_and_are_zero_without_evidence() -> None:
    evidence = np.zeros((4, 2, 2))
    assert frame_shares(evidence).tolist() == [0, 0, 0, 0]
    evidence[1], evidence[2] = 1, 3
    assert frame_shares(evidence).tolist() == [0, 0.25, 0.75, 0]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"frames": np.zeros((8, 16, 16), dtype=np.uint8)}, "uint8"),
        ({"frames": np.zeros((7, 16, 16, 3), dtype=np.uint8)}, "as many frames as the first, 8; got 7"),
        ({"evidence": np.zeros((7, 4, 4))}, "each of 8 frames"),
        ({"evidence": np.full((8, 4, 4), np.inf)}, "not numbers"),
        ({"frame_shares": [1.0]}, "8 frame shares; got 1"),
    ],
)
def test_the_strip_refuses_wrong_rows_with_a_sentence_that_names_them(changes: dict[str, Any], sentence: str) -> None:
    right = {"label": "gte-tiny", "frames": np.zeros((8, 16, 16, 3), dtype=np.uint8), "evidence": np.zeros((8, 4, 4))}
    rows = [StripRow(**right), StripRow(**{**right, "label": "c2d-tiny", **changes})]
    with pytest.raises(ValueError, match=f"c2d-tiny: .*{sentence}"):
        film_strip(rows, key="strip")


def test_a_strip_needs_a_row_and_a_name_for_each_frame() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        film_strip([], key="strip")
    row = StripRow(label="a", frames=np.zeros((8, 16, 16, 3), dtype=np.uint8), evidence=np.zeros((8, 4, 4)))
    with pytest.raises(ValueError, match="8 frames; got 2"):
        film_strip([row], frame_names=["0.1 s", "0.2 s"], key="strip")
