"""Costs: the reference counts from the real modules, small ones worked out by hand, and what counting leaves behind."""

import gc
import logging
import math
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import ClassVar

import pandas as pd
import pytest
import torch
from torch import nn
from torch.nn.modules import module as module_hooks
from torch.utils.flop_counter import FlopCounterMode

from analysis.complexity import counting
from analysis.complexity.counting import Complexity, Uncountable, count, count_by_torch, count_each
from analysis.complexity.tables import table
from gte.models import COMPARED, MODELS, ClipShape, ModelConfig, applicable, build
from gte.models.resnet import ResNetConfig
from tests.analysis.tiny_counts import SMALL, TINY, tiny_count

QUICK = (*COMPARED, "slowfast_4x16", "c3d_original")
"""The networks that are counted in every run: a trace takes a second."""

NETWORKS = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in MODELS]


@pytest.fixture(scope="module")
def counted() -> dict[str, Complexity]:
    """The quick networks, each counted once."""
    return {name: tiny_count(name) for name in QUICK}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options", "params", "macs"),
    [
        ("c2d", {}, "23.865", "32.70"),
        ("tsm", {}, "23.865", "32.70"),
        ("c3d", {}, "46.499", "62.29"),
        ("gst", {}, "21.035", "29.00"),
        ("gte", {}, "17.97", "25.34"),
        ("gte", {"temporal_share": 1 / 2}, "19.149", "27.23"),
        ("gte", {"temporal_share": 1 / 8}, "17.911", "25.09"),
        ("gst_large", {}, "29.523", "40.10"),
        ("i3d", {}, "32.524", "47.70"),
        ("p3d", {}, "27.645", "37.63"),
        # A shift that every output reads from one input saves what a dense one multiplies.
        ("gte_fixed_shift", {}, "17.499", "25.34"),
        ("gte_no_conv2d", {}, "17.263", "24.07"),
        ("gte_shared", {}, "17.499", "24.39"),
        ("gte_depthwise", {}, "17.501", "24.39"),
    ],
)
def test_resnet_50_costs_what_the_reference_says(name, options, params, macs):
    # By torch's formulas, which agree with fvcore for every network of the table.
    found = count_by_torch(name, options, ClipShape(8, 224, 224))
    decimals = len(params.partition(".")[2])
    assert f"{found.params / 1e6:.{decimals}f}" == params
    assert f"{found.macs_conv_linear / 1e9:.2f}" == macs


@pytest.mark.slow
@pytest.mark.parametrize("name", ["c2d", "c3d", "gst", "p3d"])
def test_fvcore_traces_at_full_size_what_torch_s_formulas_give(name):
    # Every frame costs the same, so that one of the eight is traced.
    found, eight = count(name, {}, ClipShape(1, 224, 224)), count_by_torch(name, {}, ClipShape(8, 224, 224))
    assert found.agrees
    assert (found.params, 8 * found.macs_conv_linear) == (eight.params, eight.macs_conv_linear)
    # BatchNorm and pooling, which papers leave out; a separated convolution has one BatchNorm more.
    assert 0.17e9 < 8 * (found.macs - found.macs_conv_linear) < (0.21e9 if name == "p3d" else 0.19e9)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "num_classes", "params", "macs_conv_linear", "macs"),
    [
        # The published 36.3 and 66.1 G count BatchNorm.
        ("slowfast_4x16", 400, "34.5", "36.1", "36.3"),
        ("slowfast_8x8", 400, "34.6", "65.7", "66.1"),
        ("s3d", 174, "8.1", "71.9", "72.3"),
        ("r2plus1d", 400, "31.5", "40.5", "40.6"),
        ("c3d_original", 101, "78.4", "38.5", "38.5"),
    ],
)
def test_a_family_at_its_native_clip_costs_what_is_published(name, num_classes, params, macs_conv_linear, macs):
    found = count(name, {"num_classes": num_classes}, MODELS[name].native)
    assert f"{found.params / 1e6:.1f}" == params
    assert (f"{found.macs_conv_linear / 1e9:.1f}", f"{found.macs / 1e9:.1f}") == (macs_conv_linear, macs)
    assert found.agrees
    assert not found.at_native


@pytest.mark.slow
def test_the_paper_s_eight_and_sixteen_frames_cost_25_34_and_50_68_g_as_fvcore_traces_them():
    eight, sixteen = (count("gte", {}, ClipShape(frames, 224, 224)) for frames in (8, 16))
    assert [f"{found.macs_conv_linear / 1e9:.2f}" for found in (eight, sixteen)] == ["25.34", "50.68"]
    assert eight.agrees
    assert sixteen.agrees


def test_operators_that_fvcore_does_not_count_are_named(counted):
    for item in [item for name, item in counted.items() if isinstance(MODELS[name], ResNetConfig)]:
        assert not [kind for kind in item.uncounted if kind.startswith(("aten::", "prim::"))]
        assert item.uncounted["max_pool2d"] == 1
        assert item.uncounted["add_"] >= 8  # a shortcut in each of eight blocks


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_of_the_table_is_counted_at_the_chosen_clip_or_at_its_native_one_with_a_mark(name):
    found = tiny_count(name)
    config = MODELS[name]
    assert found.at_native == (not SMALL.covers(config.smallest))
    assert found.clip == (config.native if found.at_native else SMALL)
    assert found.macs >= found.macs_conv_linear > found.macs_temporal >= 0
    assert found.uncounted


def macs_by_path(item: Complexity) -> dict[str, int]:
    return {layer.path: layer.macs for layer in item.layers}


def test_counts_of_single_layers_equal_those_worked_out_by_hand(counted):
    by_path = macs_by_path(counted["gte"])
    # 4 frames of 16 x 16 positions, 16 outputs of 3 x 7 x 7.
    assert by_path["conv1"] == 4 * 16 * 16 * 16 * (3 * 7 * 7)
    # t = 1/4 of 16 channels from half of them: 4 outputs of 8 inputs and 3 taps, at 8 x 8.
    assert by_path["layer1.0.conv2.temporal.shift"] == 4 * 8 * 8 * 4 * (8 * 3)
    # The first block of a stage has its shift at the resolution of its input, 8 x 8, and 8 outputs of 16 inputs.
    assert by_path["layer2.0.conv2.temporal.shift"] == 4 * 8 * 8 * 8 * (16 * 3)
    # 512 features to 5 classes, per frame.
    assert by_path["fc"] == 4 * 512 * 5


def test_temporal_part_is_the_learnable_shifts_of_gte_and_the_3x3x3_of_c3d_and_gst(counted):
    shifts = [macs for path, macs in macs_by_path(counted["gte"]).items() if path.endswith(".shift")]
    assert counted["gte"].macs_temporal == sum(shifts)
    for name, ending in {"c3d": ".conv2", "gst": ".conv2.temporal"}.items():
        parts = macs_by_path(counted[name]).items()
        assert counted[name].macs_temporal == sum(macs for path, macs in parts if path.endswith(ending)) > 0
    # A hard shift moves memory and multiplies nothing.
    assert counted["tsm"].macs_temporal == counted["c2d"].macs_temporal == 0
    assert counted["tsm"].macs_conv_linear == counted["c2d"].macs_conv_linear


@pytest.mark.parametrize("name", ["tsm", "c3d", "gte"])
def test_half_of_the_frames_cost_half_of_the_macs_and_no_parameter_less(name, counted):
    half = count(name, TINY, replace(SMALL, frames=SMALL.frames // 2))
    assert (2 * half.macs_conv_linear, 2 * half.macs) == (counted[name].macs_conv_linear, counted[name].macs)
    assert half.params == counted[name].params


@pytest.mark.parametrize("name", NETWORKS)
def test_torch_s_own_counter_agrees(name):
    found = tiny_count(name)
    with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
        network = build(name, **applicable(name, TINY)).eval()
        network(torch.zeros(1, 3, found.clip.frames, found.clip.height, found.clip.width))
    assert found.macs_torch == counter.get_total_flops() / 2
    assert found.agrees
    assert found.params == sum(parameter.numel() for parameter in network.parameters())


def test_disagreement_of_the_two_counters_is_reported(counted):
    assert not replace(counted["c2d"], macs_torch=counted["c2d"].macs_torch + 1).agrees


def test_counting_logs_nothing(caplog):
    with caplog.at_level(logging.DEBUG):
        count("c2d", TINY, replace(SMALL, frames=1))
    assert not caplog.records


def test_counts_from_several_threads_at_once_equal_those_from_one(counted):
    names = ["gte", "c3d", "tsm"]
    with ThreadPoolExecutor(len(names)) as pool:
        at_once = pool.map(lambda name: count(name, TINY, SMALL), names)
    assert list(at_once) == [counted[name] for name in names]


class Fragile(nn.Module):
    """Runs on the meta device, and fails while it is traced."""

    def __init__(self, watch):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)
        self.watch = watch

    def forward(self, clip):
        self.watch(self)
        out = self.conv(clip[:, :, 0])
        if torch._C._get_tracing_state():
            raise RuntimeError("this cannot be traced\nand a long explanation")
        return out


@pytest.fixture
def fragile(monkeypatch):
    """A table with one network more, which fails; gives what was seen whenever it ran."""
    seen = []

    def watch(model):
        hooks = (module_hooks._global_forward_hooks, module_hooks._global_forward_pre_hooks)
        seen.append({"model": weakref.ref(model), "hooks on every module": sum(map(len, hooks))})

    @dataclass(frozen=True, kw_only=True)
    class FragileConfig(ModelConfig):
        OPTIONS: ClassVar[tuple[str, ...]] = ()

        def build(self):
            return Fragile(watch)

    monkeypatch.setitem(MODELS, "fragile", FragileConfig(label="Fragile", paper="", native=SMALL))
    return seen


def test_a_failed_trace_gives_a_sentence_and_leaves_nothing_behind(fragile):
    with pytest.raises(ValueError, match=r"at 4 x 32 x 32: this cannot be traced$") as caught:
        count("fragile", {}, SMALL)
    del caught
    gc.collect()
    assert len(fragile) == 2
    assert all(run["model"]() is None for run in fragile)
    assert not torch._C._get_tracing_state()
    assert torch.is_grad_enabled()
    # The lock is free again.
    assert count("c2d", TINY, SMALL).agrees


def test_counting_hooks_no_module_but_its_own(fragile):
    list(count_each(["fragile"], {}, SMALL))
    assert [run["hooks on every module"] for run in fragile] == [0, 0]


def test_a_network_that_cannot_be_counted_keeps_its_row_with_the_reason(fragile):
    frame = table(count_each(["c2d", "fragile", "gte"], {**TINY, "temporal_share": 0.3}, SMALL))
    c2d, failed, gte = frame.to_dict("records")
    assert (c2d["name"], failed["name"], gte["name"]) == ("c2d", "fragile", "gte")
    assert [pd.isna(row["macs"]) for row in (c2d, failed, gte)] == [False, True, True]
    assert pd.isna(c2d["reason"])
    assert failed["reason"] == "Fragile cannot be counted at 4 x 32 x 32: this cannot be traced"
    assert gte["reason"].startswith("The temporal share t must leave both paths of every block a whole number")


def test_only_a_clip_that_is_too_small_is_replaced_by_the_native_one():
    options = applicable("c3d_original", TINY)
    assert not count("c3d_original", options, ClipShape(1, 97, 97)).at_native
    replaced, bad_option, bad_clip = (
        next(count_each(["c3d_original"], {**options, **more}, clip))
        for more, clip in [
            ({}, ClipShape(16, 96, 112)),
            ({"num_classes": 0}, ClipShape(16, 96, 112)),
            ({}, ClipShape(0, 112, 112)),
        ]
    )
    assert replaced == replace(count("c3d_original", options, ClipShape(16, 112, 112)), at_native=True)
    assert isinstance(bad_option, Uncountable)
    assert (bad_option.clip, bad_option.reason) == (
        ClipShape(16, 96, 112),
        "num_classes must be a whole number of at least 1; got 0.",
    )
    assert isinstance(bad_clip, Uncountable)
    assert bad_clip.reason == "A clip must have at least one frame of at least one pixel; got 0 x 112 x 112."


def test_the_table_marks_what_was_counted_at_the_native_clip():
    frame = table(count_each(["c2d", "c3d_original", "gte"], {**TINY, "temporal_share": 0.3}, SMALL))
    c2d, c3d_original, gte = frame.to_dict("records")
    assert (c2d["at_native"], c3d_original["at_native"], pd.isna(gte["at_native"])) == (False, True, True)
    clips = [(row["frames"], row["height"], row["width"]) for row in (c2d, c3d_original, gte)]
    assert clips == [(4, 32, 32), (16, 112, 112), (4, 32, 32)]


@pytest.mark.parametrize(
    ("name", "options", "clip", "sentence"),
    [
        ("c3d_original", {}, SMALL, "at least 1 x 97 x 97; got 4 x 32 x 32"),
        ("gte", {"temporal_share": math.nan}, SMALL, "temporal_share must be a finite number; got nan"),
        ("c2d", {"base_width": math.inf}, SMALL, "base_width must be a finite number; got inf"),
        ("c2d", TINY, ClipShape(4, 16, 32), "at least 1 x 32 x 32; got 4 x 16 x 32"),
        ("c2d", TINY, ClipShape(0, 32, 32), "at least one frame of at least one pixel; got 0 x 32 x 32"),
        ("r2d2", {}, SMALL, "The networks are c2d, .*; got r2d2"),
        ("c2d", {"temporal_share": 0.25}, SMALL, "got temporal_share"),
    ],
)
def test_impossible_counts_are_refused_with_the_rule(name, options, clip, sentence):
    with pytest.raises(ValueError, match=sentence):
        count(name, options, clip)


def test_a_clip_for_which_there_is_too_little_memory_is_refused_before_any_is_spent(monkeypatch):
    monkeypatch.setattr(counting, "free_bytes", lambda: 100_000)
    [refused] = count_each(["gte"], TINY, SMALL)
    assert isinstance(refused, Uncountable)
    # The largest are 64 channels at 8 x 8, in four frames; four such tensors are held at once.
    assert refused.reason == (
        "Counting GTE at 4 x 32 x 32 takes about 0.0 GB of memory, and 0.0 GB are free. "
        "Choose fewer frames or a smaller crop."
    )
    # A system that does not tell is trusted.
    monkeypatch.setattr(counting, "free_bytes", lambda: None)
    assert isinstance(next(count_each(["gte"], TINY, SMALL)), Complexity)


def test_the_free_memory_is_what_the_system_tells(tmp_path, monkeypatch):
    monkeypatch.setattr(counting, "MEMINFO", tmp_path / "meminfo")
    assert counting.free_bytes() is None
    counting.MEMINFO.write_text("MemTotal:  9 kB\nMemAvailable:  7 kB\n")
    assert counting.free_bytes() == 7 * 1024


def test_options_apply_to_the_networks_that_have_them():
    options = {**TINY, "temporal_share": 0.5, "shift_division": 4}
    assert applicable("s3d", options) == {"num_classes": 5}
    own = {name: applicable(name, options).keys() - TINY.keys() for name in ("c2d", "tsm", "c3d", "gst", "gte")}
    assert own == {
        "c2d": set(),
        "tsm": {"shift_division"},
        "c3d": set(),
        "gst": {"temporal_share"},
        "gte": {"temporal_share"},
    }


def test_each_network_is_counted_only_when_it_is_asked_for(counted):
    asked = []

    def counter(name, options, clip):
        asked.append(name)
        return counted[name]

    rows = count_each(["gte", "c2d"], TINY, SMALL, counter)
    assert asked == []
    next(rows)
    assert asked == ["gte"]
