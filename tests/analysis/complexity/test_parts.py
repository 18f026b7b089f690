"""Where a cost sits, Table 1 against real operators, and the sweep over t."""

import json
import re
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.modules import module as module_hooks

from analysis.complexity import counting, figures, formulas, published, sweep, tables
from analysis.complexity.formulas import Numbers
from analysis.formatting import large_count
from gte.models import MODELS, ModelConfig, applicable, configure, on_meta_device
from gte.models.resnet import ResNetConfig
from tests.analysis.tiny_counts import SMALL, TINY, tiny_count

LARGE = ("s3d", "r2plus1d", "slowfast_8x8")
"""Networks whose trace takes seconds."""

RESNETS = [name for name, config in MODELS.items() if isinstance(config, ResNetConfig)]


@pytest.fixture(scope="module")
def gte() -> counting.Complexity:
    return tiny_count("gte")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in LARGE else ()) for name in MODELS]
)
def test_the_parts_of_every_network_add_up_to_the_whole_exactly(name):
    item = tiny_count(name)
    for level in ("stage", "block", "path"):
        frame = tables.parts(item, level)
        assert (frame["macs"].sum(), frame["params"].sum()) == (item.macs, item.params)
    whole = tables.parts(item)
    by_kind: Counter[str] = Counter()
    for kind, macs in zip(whole["kind"].tolist(), whole["macs"].tolist(), strict=True):
        by_kind[kind] += macs
    assert by_kind["temporal"] == item.macs_temporal
    assert by_kind.total() - by_kind["norm"] == item.macs_conv_linear
    for stage in tables.stages(item):
        inside = tables.parts(item, "block", of=stage)
        assert sum(inside["macs"]) == sum(whole.loc[whole["part"] == stage, "macs"])
        assert set(inside["part"]) == set(tables.blocks(item, stage))


def test_a_block_s_table_has_its_layers_with_channels_kernels_and_resolution(gte):
    frame = tables.block_table(gte, "layer2.0").set_index("layer")
    shift = frame.loc["conv2.temporal.shift"]
    # t = 1/4 of 32 channels from half of them, at the resolution of the input; the stride is the convolution's.
    assert (shift["C_i"], shift["C_o"], shift["kernel"], shift["role"]) == (16, 8, "3x1x1", "temporal")
    assert (shift["input_size"], shift["params"], shift["macs"]) == ("4 x 8 x 8", 384, 384 * 4 * 8 * 8)
    assert frame.loc["conv2.temporal.conv", "output_size"] == "4 x 4 x 4"
    assert frame.loc["downsample.0", "role"] == "1x1"
    sentence = f"Together {frame['params'].sum() / 1e3:.2f} k parameters and {frame['macs'].sum() / 1e6:.2f} M MACs, "
    assert tables.block_finding(gte, "layer2.0").startswith(sentence)
    with pytest.raises(ValueError, match=r"The blocks of GTE are stem, layer1\.0.*; got layer9\.9"):
        tables.block_table(gte, "layer9.9")
    with pytest.raises(ValueError, match=r"The stages of GTE are stem, layer1.*; got layer9"):
        tables.parts(gte, of="layer9")


def test_a_kernel_of_3x3x3_is_recognised_in_both_memory_layouts():
    assert tables.block_table(tiny_count("c3d"), "layer1.0").set_index("layer").loc["conv2", "kernel"] == "3x3x3"
    assert tables.block_table(tiny_count("c3d_original"), "conv3a")["kernel"].tolist() == ["3x3x3"]


def test_views_multiply_macs_and_the_classifier_can_be_left_out(gte):
    seen = counting.per_video(gte, views=6, with_head=False)
    head = 4 * 512 * 5
    assert seen.macs_conv_linear == 6 * (gte.macs_conv_linear - head)
    assert seen.params == gte.params - (512 * 5 + 5)
    assert seen.macs_temporal == 6 * gte.macs_temporal
    assert seen.agrees
    assert sum(layer.macs for layer in seen.layers) == seen.macs
    assert counting.per_video(gte) == gte
    with pytest.raises(ValueError, match="views must be at least 1; got 0"):
        counting.per_video(gte, views=0)


@pytest.mark.parametrize("name", RESNETS)
def test_twice_the_frames_cost_twice_the_macs_and_no_parameter_in_every_resnet(name):
    options = applicable(name, TINY)
    one, two = (counting.count_by_torch(name, options, replace(SMALL, frames=frames)) for frames in (4, 8))
    assert (two.params, two.macs_conv_linear) == (one.params, 2 * one.macs_conv_linear)


def test_the_quick_count_equals_the_traced_one(gte):
    quick = counting.count_by_torch("gte", TINY, SMALL)
    assert (quick.params, quick.macs_conv_linear) == (gte.params, gte.macs_conv_linear)


@pytest.mark.parametrize("name", [name for name in MODELS if name not in LARGE])
def test_views_and_classifier_mean_the_same_in_the_quick_count_of_every_network(name):
    item = tiny_count(name)
    quick = counting.count_by_torch(name, item.options, item.clip)
    for views, with_head in ((1, True), (6, True), (1, False), (6, False)):
        seen = quick.per_video(views=views, with_head=with_head)
        expected = counting.per_video(item, views=views, with_head=with_head)
        assert (seen.params, seen.macs_conv_linear) == (expected.params, expected.macs_conv_linear)
    assert quick.head_params > 0
    with pytest.raises(ValueError, match="views must be at least 1; got 0"):
        quick.per_video(views=0)


class OneConvolution(nn.Module):
    """As small as a network can be, so that many threads are inside the counting at once."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv3d(3, 2, 1, bias=False)
        self.bn = nn.BatchNorm3d(2)

    def forward(self, clip):
        return self.bn(self.conv(clip)).mean((2, 3, 4))


@dataclass(frozen=True, kw_only=True)
class OneConvolutionConfig(ModelConfig):
    OPTIONS: ClassVar[tuple[str, ...]] = ()

    def build(self):
        return OneConvolution()


def test_sixteen_threads_get_equal_results_and_leave_nothing_behind(monkeypatch):
    monkeypatch.setitem(MODELS, "one", OneConvolutionConfig(label="One", paper="", native=SMALL))
    barrier = threading.Barrier(16)

    def count(_):
        barrier.wait()
        item = counting.count("one", {}, SMALL)
        return item, torch.is_grad_enabled()

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(count, range(16)))
    first = found[0][0]
    assert (first.macs_conv_linear, first.params) == (4 * 32 * 32 * 3 * 2, 3 * 2 + 2 * 2)
    assert all(item == first and grad for item, grad in found)
    assert not module_hooks._global_forward_hooks
    assert not module_hooks._global_forward_pre_hooks
    assert not torch._C._get_tracing_state()


shares = st.integers(1, 15).map(lambda step: Fraction(step, 16))
numbers = st.builds(
    Numbers,
    in_channels=st.integers(1, 40).map(lambda half: 2 * half),
    out_channels=st.integers(1, 4).map(lambda times: 32 * times),
    kernel=st.sampled_from((1, 3, 5, 7)),
    taps=st.sampled_from((1, 3, 5)),
    share=shares,
)


@settings(deadline=None, max_examples=40)
@given(numbers)
def test_every_formula_gives_the_parameters_of_the_operator_as_built_but_the_paper_s_for_gte(these):
    frame = formulas.formula_table(these).set_index("name")
    assert set(frame["difference"].drop("gte").tolist()) == {0}
    assert frame.loc["gte", "built"] == frame.loc["gte_as_built", "built"]
    agree = these.share == Fraction(these.in_channels, 2 * these.out_channels)
    assert (frame.loc["gte", "difference"] == 0) == agree
    sentence = formulas.gte_explanation(these)
    assert ("agree:" in sentence) == agree
    assert ("They agree at no t" in sentence) == (these.in_channels >= 2 * these.out_channels)


@settings(deadline=None, max_examples=40)
@given(numbers)
def test_a_formula_as_it_is_written_gives_its_value_when_the_numbers_are_put_in(these):
    for name, operator in formulas.OPERATORS.items():
        written = formulas.put_in(operator.formula, these).replace("·", "*")
        exact = re.sub(r"\d+", r"Fraction(\g<0>)", written).replace("²", "**2")
        assert eval(exact, {"Fraction": Fraction}) == operator.count(these), name


def test_the_sentence_compares_the_formulas_with_c2d_s_for_the_chosen_numbers():
    sentence = formulas.formulas_finding(formulas.formula_table(Numbers()))
    # k_T = 3 times; (1 - 1/4 + 3/4) / 2; ((1 - 1/4) · 9 + 3/4) / 18 + 1/16.
    assert sentence == (
        "For the 3x3 convolution C2D and TSM have 589,824 parameters; C3D has 3 times as many, GST has 0.75 times as "
        "many and GTE as built has 0.479 times as many."
    )


def test_a_formula_with_its_numbers_says_what_is_multiplied():
    gte = formulas.OPERATORS["gte_as_built"].formula
    worked = formulas.put_in(gte, Numbers())
    assert worked == "((1 - 1/4) · 3² + 1/4 · 3) · 256 · 256 / 2 + 3² · (1/4)² · 256²"


@settings(deadline=None, max_examples=15)
@given(st.integers(1, 4).map(lambda times: 32 * times), shares)
def test_the_operators_compared_are_those_of_the_networks(width, share):
    these = Numbers(in_channels=width, out_channels=width, share=share)
    for name in ("c2d", "c3d", "gst", "gte", "gte_fixed_shift", "gte_shared", "gte_depthwise", "gte_no_conv2d", "p3d"):
        design = configure(name, **applicable(name, {"temporal_share": float(share)}))
        assert isinstance(design, ResNetConfig)
        with on_meta_device():
            conv2 = design.temporal.build_conv2(width, 1)
        here = formulas.built(formulas.OPERATORS[name], these).params
        assert here == sum(parameter.numel() for parameter in conv2.parameters()), name


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"in_channels": 7}, "C_i must be even and at least 2, to be split in halves; got 7"),
        ({"kernel": 4}, "k must be odd and at least 1, so that an output has a middle; got 4"),
        ({"taps": 0}, "k_T must be odd and at least 1"),
        ({"share": Fraction(1, 3)}, "must be an even number of channels, at least two and not all; got 1/3 x 256"),
        ({"share": Fraction(1)}, "not all; got 1 x 256"),
    ],
)
def test_impossible_numbers_of_an_operator_are_refused_with_the_rule(wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        Numbers(**wrong)


def test_the_sweep_goes_over_every_t_that_the_blocks_can_take():
    frame = sweep.sweep(TINY, SMALL)
    # 16 channels: GST gives whole ones, GTE an even number of them.
    assert frame[frame["name"] == "gst"]["t"].tolist() == [str(Fraction(step, 16)) for step in range(1, 16)]
    assert frame[frame["name"] == "gte"]["t"].tolist() == [str(Fraction(step, 8)) for step in range(1, 8)]
    quarter = frame[(frame["name"] == "gte") & (frame["t"] == "1/4")].iloc[0]
    counted = counting.count_by_torch("gte", {**TINY, "temporal_share": 1 / 4}, SMALL)
    assert (quarter["params"], quarter["macs"]) == (counted.params, counted.macs_conv_linear)
    assert "GTE has the fewest parameters" in sweep.sweep_finding(frame)
    assert "no t leaves GTE" in sweep.sweep_finding(frame.loc[frame["name"] == "gst"])
    with pytest.raises(ValueError, match="C2D has no temporal share t; choose one of gst, gte"):
        sweep.valid_shares("c2d", {})


def test_the_sweep_follows_views_and_classifier(gte):
    frame = sweep.sweep(TINY, SMALL, ["gte"], views=6, with_head=False)
    quarter = frame[frame["t"] == "1/4"].iloc[0]
    seen = counting.per_video(gte, views=6, with_head=False)
    assert (quarter["params"], quarter["macs"]) == (seen.params, seen.macs_conv_linear)
    assert figures.share_curves(frame).to_plotly_json()["layout"]["yaxis2"]["title"]["text"] == "MACs of all 6 views"
    sentence = sweep.sweep_finding(frame, (), sweep.why_not_compared(TINY, False), flops_per_mac=2)
    most = large_count(2 * max(frame["macs"].tolist()))
    assert f" FLOPs at t = 1/8 to {most} at t = 7/8 for all 6 views of a video." in sentence
    assert sentence.endswith(
        "They are compared with depth 50, width 64 and 174 classes, the classifier counted, and not with depth 26, "
        "width 16, 5 classes and a network without its classifier."
    )


def test_the_paper_s_range_over_t_is_compared_with_its_own_network_alone():
    assert sweep.reported_range({"temporal_share": 1 / 2}) == published.GTE_RANGE
    assert sweep.why_not_compared({"depth": 50, "num_classes": 174}) == ""
    assert sweep.reported_range({}, with_head=False) == sweep.reported_range({"depth": 26}) == ()
    assert sweep.why_not_compared({}, with_head=False).endswith("not with a network without its classifier.")


@pytest.mark.parametrize("part", ["where", "layers", "formulas", "sweep", "check", "accuracy"])
def test_the_command_prints_every_part_in_every_form(part, capsys):
    from analysis.complexity.__main__ import main

    options = {"models": ("gte",), "depth": 26, "base_width": 16, "num_classes": 5, "size": 32, "show": (part,)}
    main(**options, json=True)
    rows = json.loads(capsys.readouterr().out)
    main(**options, csv=True)
    assert len(capsys.readouterr().out.splitlines()) == len(rows) + 1
    main(**options, markdown=True)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert len(lines) == len(rows) + 2
    assert len({line.replace("\\|", "").count("|") for line in lines}) == 1
    main(**options)
    assert len(capsys.readouterr().out.splitlines()) >= len(rows) + 2


def test_the_command_s_sweep_follows_views_and_classifier(capsys):
    from analysis.complexity.__main__ import main

    def swept(views: int = 1, no_head: bool = False) -> dict[str, int]:
        main(
            depth=26,
            base_width=16,
            num_classes=5,
            size=32,
            frames=4,
            show=("sweep",),
            json=True,
            views=views,
            no_head=no_head,
        )
        rows = json.loads(capsys.readouterr().out)
        return next(row for row in rows if row["name"] == "gte" and row["t"] == "1/4")

    whole, seen = swept(), swept(views=3, no_head=True)
    # 512 features and a bias for each of 5 classes, on every frame.
    assert whole["params"] - seen["params"] == 513 * 5
    assert seen["macs"] == 3 * (whole["macs"] - 4 * 512 * 5)
