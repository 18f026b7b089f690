"""The kernels page run without a browser: its tabs, its choices, its link, and what it says of odd files."""

import json
import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from streamlit.testing.v1 import AppTest

from analysis.kernels import measured_reach
from analysis.kernels.headline import headline_of
from app import cache, checkpoints
from app.pages.kernels.tabs import NO_OTHERS, NOT_NUMBERS, TABS
from gte import checkpoint
from gte.checkpoint_header import read_header
from tests.app.opening import finding, go_to, markdown, open_page, sentences, url_of
from tests.moved import save_moved
from tests.tiny import save_tiny

FIRST = "layer1.0.conv2.temporal.shift"


def charts(at: AppTest) -> int:
    return len(at.get("plotly_chart"))


def captions(at: AppTest) -> str:
    return " ".join(caption.value for caption in at.caption)


@pytest.mark.parametrize(
    ("tab", "figures"), [("Layers", 3), ("One layer in detail", 2), ("Spectrum", 2), ("Over training", 1), ("Reach", 1)]
)
def test_every_tab_draws_its_figures_each_with_definition_and_code(two_networks, tab, figures):
    at = open_page("kernels", view=tab)
    assert not at.exception
    assert not at.error
    assert charts(at) == figures
    assert [box.label for box in at.expander].count("Code and numbers") == figures
    assert len(at.code) == figures
    assert sum(bool(title.proto.help) for title in at.subheader) == figures
    # The table of output channels has a title as well.
    assert len(at.subheader) == figures + (tab == "One layer in detail")


def test_two_underscores_in_the_name_of_a_checkpoint_are_no_obstacle(two_networks):
    path = two_networks[""] / "gte-tiny.safetensors"
    path.rename(path.with_stem("gte___tiny"))
    at = open_page("kernels")
    assert not at.exception
    assert not at.error
    assert at.selectbox(key="ckpt").value == "gte___tiny"


def test_no_other_tab_than_the_open_one_is_drawn(two_networks):
    assert charts(open_page("kernels", view="Table")) == 0
    assert next(iter(TABS)) == "Layers"


def test_snippets_name_no_folder_of_the_server(two_networks):
    at = open_page("kernels", view="Layers")
    assert all("path = 'gte-tiny.safetensors'" in block.value for block in at.code)
    assert not any(str(two_networks[""]) in block.value for block in at.code)


def test_the_diagonal_and_the_sums_are_two_readings_of_one_layer(two_networks):
    path = two_networks[""] / "gte-tiny.safetensors"
    headline = headline_of(checkpoint.load_histories(path), "own")
    at = open_page("kernels", taps="own channel only")
    assert at.selectbox(key="taps").value == "own channel only"
    first, *_ = headline.split(". ")
    assert first in finding(at)
    assert "its weight to its own channel" in markdown(at)


def test_other_networks_kernels_have_no_diagonal_to_choose(two_networks):
    save_moved(two_networks[""] / "i3d.safetensors", "i3d", known=True)
    at = open_page("kernels", ckpt="i3d")
    assert "own channel only" not in at.selectbox(key="taps").options


def test_a_step_in_the_link_is_the_snapshot_that_is_shown(two_networks):
    at = open_page("kernels", view="Layers", step="0")
    assert "No layer has drifted." in " ".join(text.value for text in at.markdown)
    assert url_of(at)["step"] == ["0"]
    late = open_page("kernels", view="Layers", step="3")
    assert "layer1.0 has the largest drift" in " ".join(text.value for text in late.markdown)
    assert "step" not in url_of(late)


@pytest.mark.parametrize(
    ("key", "value", "instead"),
    [
        ("step", "soon", "the last step is shown."),
        ("step", "99999", "the last step is shown."),
        ("output", "1000", "layer1.0 has the output channels 0 to "),
        ("output", "x", "layer1.0 has the output channels 0 to "),
        ("view", "Nope", "“Layers” is shown instead."),
        ("layer", "layer9.9", "“layer1.0” is shown instead."),
        ("form", "circle", "rows are shown."),
    ],
)
def test_a_link_to_what_does_not_exist_is_told_with_what_is_shown_instead(two_networks, key, value, instead):
    at = open_page("kernels", **{key: value})
    assert not at.exception
    [told] = [warning.value for warning in at.warning]
    assert f"“{value}”, which is not here; {instead}" in told.replace("\\", "")


def test_what_a_link_asked_for_in_vain_is_forgotten_once_it_is_chosen(two_networks):
    at = open_page("kernels", view="Nope")
    assert at.warning
    assert not go_to(at, "kernels", view="Table").warning


@pytest.mark.parametrize("page", ["kernels", "evidence", "whatif"])
def test_a_link_may_name_the_layer_as_the_state_dict_does(two_networks, page):
    at = open_page(page, layer="layer2.0.conv2.temporal.shift")
    assert not at.exception
    assert at.selectbox(key="layer").value == "layer2.0"
    assert not [warning for warning in at.warning if "not here" in warning.value]


def test_the_finding_and_the_order_are_those_of_the_snapshot_that_is_shown(two_networks):
    at = open_page("kernels", step="0")
    assert "At step 0: By energy" in finding(at)
    assert "No layer has drifted." in finding(at)
    assert "training changed what" in finding(open_page("kernels"))


def test_of_a_comparison_what_is_here_is_drawn_and_the_rest_is_told(two_networks):
    save_tiny(two_networks["runs/"] / "again.safetensors", "gte", training={"seed": 1})
    at = open_page("kernels", view="Compare", compare=["runs/again", "nope"])
    assert charts(at) == 2
    [told] = [warning.value for warning in at.warning]
    assert "the checkpoint to compare with “nope”, which is not here; “runs/again” is shown instead" in told
    assert not any("nope" in block.value for block in at.code)


def test_an_output_in_the_link_is_the_one_whose_taps_are_drawn(two_networks):
    at = open_page("kernels", view="One layer in detail", output="3")
    assert "Output channel 3 of layer1.0" in [title.value for title in at.subheader]


def test_the_order_of_the_outputs_is_kept_in_the_link(two_networks):
    at = open_page("kernels", sort="size", view="One layer in detail")
    assert at.selectbox(key="sort").value == "size"
    assert any("order_of(outputs, 'norm')" in block.value for block in at.code)


def test_comparison_asks_for_a_checkpoint_and_then_draws_both(two_networks):
    save_tiny(two_networks["runs/"] / "again.safetensors", "gte", training={"seed": 1})
    assert NO_OTHERS in sentences(open_page("kernels", view="Compare"))
    at = open_page("kernels", view="Compare", compare=["runs/again"])
    assert not at.exception
    assert not at.error
    assert charts(at) == 2
    titles = [title.value for title in at.subheader]
    assert titles == ["How do they compare?", "How do the output channels of layer1.0 correspond?"]
    [table] = at.dataframe
    assert [*table.value.columns] == ["layer", "gte-tiny", "runs/again", "runs/again minus gte-tiny"]
    values = table.value[["gte-tiny", "runs/again", "runs/again minus gte-tiny"]].to_numpy(dtype=float)
    assert values[:, 1] - values[:, 0] == pytest.approx(values[:, 2])


def test_a_network_without_temporal_kernels_is_said_to_be_no_match(two_networks):
    at = open_page("kernels", view="Compare", compare=["c2d-tiny"])
    assert any("c2d-tiny has no temporal kernels" in text.replace("\\", "") for text in sentences(at))
    assert charts(at) == 0


def test_networks_that_share_no_layer_stand_side_by_side(two_networks):
    save_moved(two_networks[""] / "slow.safetensors", "slowfast_4x16", known=True)
    at = open_page("kernels", view="Compare", compare=["slow"])
    assert not at.exception
    assert charts(at) == 1
    assert "has no layer" in captions(at)


@pytest.mark.parametrize(("tab", "figures"), [("Spectrum", 2), ("Reach", 1)])
def test_a_second_checkpoint_is_drawn_dashed_and_both_are_named(two_networks, tab, figures):
    save_tiny(two_networks["runs/"] / "again.safetensors", "gte", training={"seed": 1})
    at = open_page("kernels", view=tab, compare=["runs/again"])
    assert not at.exception
    assert not at.error
    assert charts(at) == figures
    for chart in at.get("plotly_chart"):
        dash = {trace["name"]: trace["line"].get("dash", "solid") for trace in json.loads(chart.proto.spec)["data"]}
        assert [form for name, form in dash.items() if "runs/again" in name] == ["dash"]
        assert "solid" in [form for name, form in dash.items() if "gte-tiny" in name]


@pytest.mark.parametrize(("tab", "figures"), [("Spectrum", 2), ("Reach", 1)])
def test_a_second_checkpoint_without_the_layer_gets_a_sentence(two_networks, tab, figures):
    at = open_page("kernels", view=tab, compare=["c2d-tiny"])
    assert not at.exception
    assert charts(at) == figures
    assert f"c2d-tiny has no layer {FIRST}, so it is not drawn here." in captions(at).replace("\\", "")
    assert not any("c2d-tiny" in chart.proto.spec for chart in at.get("plotly_chart"))


def test_a_second_checkpoint_with_longer_kernels_or_no_numbers_gets_a_sentence(two_networks, monkeypatch):
    save_tiny(two_networks["runs/"] / "again.safetensors", "gte")
    save_tiny(two_networks["runs/"] / "broken.safetensors", "gte")
    read = cache.history

    def history(header, layer):
        kept = read(header, layer)
        match header.name:
            case "again":
                return replace(kept, weights=np.pad(kept.weights, [(0, 0)] * 3 + [(1, 1), (0, 0)]))
            case "broken":
                return replace(kept, weights=kept.weights * math.nan)
        return kept

    monkeypatch.setattr(cache, "history", history)
    at = open_page("kernels", view="Spectrum", compare=["runs/again", "runs/broken"])
    assert not at.exception
    assert charts(at) == 2
    text = captions(at).replace("\\", "")
    assert f"runs/again has kernels of 5 frames in {FIRST}, not of 3, so it is not drawn here." in text
    assert f"runs/broken has NaN or infinity in the last weights of {FIRST}, so it is not drawn here." in text


def test_the_reach_on_longer_clips_is_not_drawn_over_that_on_shorter_ones(two_networks):
    frames = read_header(two_networks[""] / "gte-tiny.safetensors").num_frames
    save_tiny(two_networks["runs/"] / "long.safetensors", "gte", num_frames=frames + 4)
    at = open_page("kernels", view="Reach", compare=["runs/long"])
    assert not at.exception
    assert charts(at) == 1
    text = f"runs/long takes clips of {frames + 4} frames, not of {frames}, so it is not drawn here."
    assert text in captions(at).replace("\\", "")


def test_a_folder_of_the_owner_is_opened_newest_first(two_networks, tmp_path, monkeypatch):
    mine = tmp_path / "my runs"
    mine.mkdir()
    for name, date in (("a", "2026-01-02"), ("b", "2026-03-01"), ("c", "2026-02-01")):
        save_tiny(mine / f"{name}.safetensors", "gte", environment={"date": date})
    monkeypatch.setenv(checkpoints.FOLDERS_VARIABLE, f"{mine}")
    found, errors = checkpoints.list_checkpoints()
    assert [name for name in found if name.startswith("my runs/")] == ["my runs/b", "my runs/c", "my runs/a"]
    assert errors == []
    assert not open_page("kernels", ckpt="my runs/c").error


def test_weights_that_are_not_numbers_get_a_sentence_and_the_rest_stays(two_networks):
    path = two_networks[""] / "gte-tiny.safetensors"
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    tensors[f"model/{FIRST}.weight"][0, 0, 0] = math.nan
    save_file(tensors, path, metadata)
    at = open_page("kernels", view="One layer in detail", layer="layer1.0")
    assert not at.exception
    assert NOT_NUMBERS in sentences(at)
    other = open_page("kernels", view="One layer in detail", layer="layer1.1")
    assert charts(other) == 2
    assert "contain NaN or infinity" in finding(other)
    assert not open_page("kernels", view="Layers", layer="layer1.1").exception


def test_a_checkpoint_without_a_history_has_its_two_ends(two_networks):
    path = two_networks[""] / "gte-tiny.safetensors"
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    short = {key: value[:1] if key.startswith("lts_history") else value for key, value in tensors.items()}
    save_file(short, path, metadata)
    at = open_page("kernels", view="Over training")
    assert not at.exception
    assert not at.error
    assert "Only the first and the last weights" in " ".join(text.value for text in at.markdown)


@pytest.mark.parametrize("name", ["slowfast_4x16", "c3d_original", "p3d"])
def test_foreign_kernels_of_any_length_open_in_every_tab(two_networks, monkeypatch, name):
    # The reach by one random direction in place of many, which give the same figure with less noise.
    monkeypatch.setattr(measured_reach, "measure", partial(measured_reach.measure, probes=1))
    save_moved(two_networks[""] / "other.safetensors", name, known=False)
    for tab in ("Layers", "One layer in detail", "Spectrum", "Reach"):
        at = open_page("kernels", ckpt="other", view=tab)
        assert not at.exception, tab
        assert not at.error, tab
        assert charts(at) >= 1, tab


def test_the_shared_network_is_unchanged_by_what_the_page_measures(two_networks):
    header = read_header(two_networks[""] / "gte-tiny.safetensors")
    with cache.model_of(header) as model:
        before = {key: value.clone() for key, value in model.state_dict().items()}
    open_page("kernels", view="Reach")
    with cache.model_of(header) as model:
        assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
        assert not any(module._forward_hooks for module in model.modules())
