"""Sanity checks of evidence: each on maps that must pass and on maps that must not, and its arithmetic."""

from functools import partial

import pandas as pd
import pytest
import torch
from torch import nn

from analysis.attribution.evidence import Evidence, rank_correlation
from analysis.attribution.methods import METHODS, find_evidence
from analysis.attribution.sanity_checks import figures
from analysis.attribution.sanity_checks.deletion_insertion import EVIDENCE, DeletionInsertion, delete_and_insert
from analysis.attribution.sanity_checks.frame_order import FrameOrder, Version, change_frame_order
from analysis.attribution.sanity_checks.localization import Localization, localize, share_inside
from analysis.attribution.sanity_checks.weight_randomization import (
    Randomisation,
    parts_from_the_classifier_down,
    randomise,
)
from gte.models import build, to_channels_last
from gte.models.outputs import BlockOutput
from tests.analysis.attribution.test_gradcam import CLIP, TINY, assert_unchanged, evidence, state_of
from tests.plots import traces

GRAD_CAM = partial(find_evidence, "gradcam", target=0, layer="layer2.0")


@pytest.fixture(scope="module")
def networks():
    torch.manual_seed(0)
    return {name: to_channels_last(build(name, **TINY).eval()) for name in ("gte", "c2d")}


@pytest.fixture
def clip():
    return torch.rand(1, 3, CLIP.frames, CLIP.height, CLIP.width)


def brightness(model, clip):
    """A method that ignores the network."""
    return evidence(clip[0].mean(dim=0).tolist())


def test_rank_correlation_sees_order_alone_and_calls_a_flat_map_unlike_any():
    first = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    assert rank_correlation(first, first**3) == pytest.approx(1)
    assert rank_correlation(first, -first) == pytest.approx(-1)
    # Ranks 1 2 3 4 and 2 1 4 3: 1 - 6·4 / (4·15).
    assert rank_correlation(first, torch.tensor([[[2.0, 1.0], [4.0, 3.0]]])) == pytest.approx(0.6)
    assert rank_correlation(first, torch.zeros(1, 2, 2)) == 0


def test_weights_go_from_the_classifier_down_and_each_goes_once(networks, clip):
    parts = parts_from_the_classifier_down(networks["gte"], clip)
    assert list(parts)[:3] == ["fc", "layer4.1", "layer4.0"]
    assert list(parts)[-1] == "conv1"
    named = [name for names in parts.values() for name in names]
    assert sorted(named) == sorted(name for name, _ in networks["gte"].named_parameters())


def test_a_map_that_looks_at_no_network_does_not_pass_and_the_network_stays_as_it_is(networks, clip):
    before = state_of(networks["gte"])
    found = randomise(networks["gte"], clip, brightness, seeds=1)
    assert_unchanged(networks["gte"], before)
    assert found.final == pytest.approx(1)
    assert found.verdict().startswith("Not passed")


def test_grad_cam_changes_with_the_weights_the_same_for_each_run(networks, clip):
    before = state_of(networks["gte"])
    first, again = (randomise(networks["gte"], clip, GRAD_CAM, seeds=2) for _ in range(2))
    assert_unchanged(networks["gte"], before)
    pd.testing.assert_frame_equal(first.table, again.table)
    stages = first.by_stage()
    assert (stages["part"].iloc[0], stages["mean"].iloc[0]) == ("original", 1)
    assert first.final < 0.9
    assert len(traces(figures.randomisation_curve(stages))[0]["x"]) == len(stages)


@pytest.mark.parametrize(("last", "word"), [(0.1, "Passed"), (0.5, "Partly passed"), (0.9, "Not passed")])
def test_verdict_on_destroyed_weights_follows_the_last_correlation(last, word):
    rows = [
        {"stage": stage, "part": part, "seed": 0, "correlation": value}
        for stage, (part, value) in enumerate({"original": 1.0, "fc": 0.5, "conv1": last}.items())
    ]
    verdict = Randomisation(table=pd.DataFrame(rows), num_seeds=1).verdict()
    assert verdict.startswith(word)
    assert ("once conv1 is randomised" in verdict) == (word == "Passed")


class Spot(nn.Module):
    """The first class is likely while four pixels in the middle are much brighter than the rest."""

    def __init__(self):
        super().__init__()
        self.output = BlockOutput()

    def forward(self, clip):
        seen = self.output(clip)
        score = 40 * (seen[..., 7:9, 7:9].mean(dim=(1, 2, 3, 4)) - seen.mean(dim=(1, 2, 3, 4)))
        return torch.stack([score, torch.full_like(score, 20)], dim=1)


@pytest.fixture
def spot_clip():
    clip = 0.1 + 0.05 * torch.rand(1, 3, 2, 16, 16)
    clip[..., 7:9, 7:9] += 0.7
    return clip


def spot_map(inside, outside):
    found = torch.full((2, 16, 16), float(outside))
    found[:, 7:9, 7:9] = inside
    return Evidence(map=found, target=0, layer="", method="spot", label="Spot", convention="", num_frames=2)


def test_the_pixels_that_the_network_looks_at_fall_and_rise_fastest(spot_clip):
    model = Spot().eval()
    right = delete_and_insert(model, spot_clip, spot_map(1, 0), "output", seeds=2)
    wrong = delete_and_insert(model, spot_clip, spot_map(0, 1), "output", seeds=2)
    assert right.areas("deletion")[0] < wrong.areas("deletion")[0] - 0.3
    assert right.areas("insertion")[0] > wrong.areas("insertion")[0] + 0.3
    deleted = right.table[right.table["way"] == "deletion"]
    assert all(deleted[deleted["share"] == 0]["probability"] > 0.99)
    assert all(deleted[deleted["share"] == 1]["probability"] < 0.01)
    assert len(traces(figures.deletion_insertion_curves(right.table, "Spot"))) == 2 * 3


def test_no_evidence_gives_no_order_to_delete_in(spot_clip):
    with pytest.raises(ValueError, match="no order in which to delete"):
        delete_and_insert(Spot().eval(), spot_clip, spot_map(0, 0), "output")


@pytest.mark.parametrize(
    ("deletion", "insertion", "word"),
    [(0.1, 0.9, "Passed"), (0.1, 0.5, "Partly passed"), (0.5, 0.9, "Partly passed"), (0.5, 0.5, "Not passed")],
)
def test_verdict_on_removal_compares_the_areas_with_every_rival(deletion, insertion, word):
    areas = {EVIDENCE: (deletion, insertion), "RandomCAM, seed 0": (0.3, 0.7), "RandomCAM, seed 1": (0.4, 0.6)}
    rows = [
        {"order": order, "way": way, "share": share, "probability": area}
        for order, pair in areas.items()
        for way, area in zip(("deletion", "insertion"), pair, strict=True)
        for share in (0.0, 1.0)
    ]
    result = DeletionInsertion(table=pd.DataFrame(rows), method="Grad-CAM")
    assert result.areas("deletion") == (pytest.approx(deletion), pytest.approx([0.3, 0.4]))
    assert result.verdict().startswith(word)
    assert f"deletion curve {deletion:g} against 0.3 to 0.4" in result.verdict()


def test_removal_judges_nothing_where_it_hardly_matters_which_pixels_go():
    areas = {EVIDENCE: (0.111, 0.1152), "RandomCAM, seed 0": (0.112, 0.1151), "RandomCAM, seed 1": (0.119, 0.1150)}
    rows = [
        {"order": order, "way": way, "share": share, "probability": area}
        for order, pair in areas.items()
        for way, area in zip(("deletion", "insertion"), pair, strict=True)
        for share in (0.0, 1.0)
    ]
    assert DeletionInsertion(table=pd.DataFrame(rows), method="Grad-CAM").verdict().startswith("Undecided")


@pytest.mark.parametrize(
    ("probability", "correlation", "words"),
    [
        (0.1, 0.2, "both depend on the order."),
        (0.1, 0.9, "the answer depends on the order, the position of the evidence hardly does."),
        (0.899, 0.2, "the position of the evidence depends on the order, the answer hardly does."),
        (0.899, 0.9, "neither depends much on the order."),
    ],
)
def test_verdict_on_the_order_names_what_moved_by_so_much_that_it_is_seen(probability, correlation, words):
    def version(name, probability, correlation):
        return Version(
            name=name,
            frames=(1, 0),
            probability=probability,
            evidence=spot_map(0, 0),
            correlation=correlation,
            moved_exactly=False,
        )

    found = FrameOrder(
        original=version("original", 0.9, 1.0),
        shuffled=version("shuffled", probability, correlation),
        frozen=version("frozen", 0.5, 0.5),
    )
    assert words in found.verdict()


def test_the_map_of_c2d_moves_with_the_frames_exactly_and_that_of_gte_does_not(networks, clip):
    explain = partial(find_evidence, "gradcam", target=1, layer="layer2.1")
    moved = {name: change_frame_order(model, clip, explain) for name, model in networks.items()}
    assert moved["c2d"].shuffled.moved_exactly
    assert moved["c2d"].shuffled.correlation == pytest.approx(1, abs=1e-3)
    assert "processes each frame separately" in moved["c2d"].verdict()
    assert not moved["gte"].shuffled.moved_exactly
    assert "processes each frame separately" not in moved["gte"].verdict()
    assert sorted(moved["gte"].shuffled.frames) == [0, 1, 2, 3] != list(moved["gte"].shuffled.frames)
    assert moved["gte"].frozen.frames == (2, 2, 2, 2)
    with pytest.raises(ValueError, match="one frame has no order"):
        change_frame_order(networks["c2d"], clip[:, :, :1], explain)
    with pytest.raises(ValueError, match="All frames of this clip are the same"):
        change_frame_order(networks["gte"], clip[:, :, [2, 2, 2, 2]], explain)


def test_the_share_inside_a_mask_is_that_of_the_evidence_on_the_clip_s_grid():
    found = torch.tensor([[[1.0, 3.0], [0.0, 0.0]]])
    mask = torch.tensor([[[False, True], [True, True]]])
    assert share_inside(found, mask) == pytest.approx(0.75)
    assert share_inside(torch.zeros(1, 2, 2), mask) is None


def test_every_method_that_says_where_is_held_against_the_masks(networks, clip):
    before = state_of(networks["gte"])
    masks = [torch.rand(clip.shape[2:]) < share for share in (0.25, 0.5)]
    reports = []
    found = localize(
        networks["gte"],
        [clip[0], 1 - clip[0]],
        masks,
        [2, None],
        "layer2.0",
        report=lambda part, text: reports.append(part),
    )
    assert_unchanged(networks["gte"], before)
    summary = found.summary()
    assert summary["method"].tolist() == [method.label for method in METHODS.values() if method.says_where]
    assert found.chance == pytest.approx(sum(float(mask.float().mean()) for mask in masks) / 2)
    assert summary["share"].between(0, 1).all()
    assert reports == sorted(reports)
    assert max(reports) < 1
    assert traces(figures.localization_bars(summary, found.chance, figures.axis_maximum({"gte": summary})))


@pytest.mark.parametrize(
    ("share", "random", "sentence"),
    [
        (
            0.4,
            0.2,
            "Grad-CAM finds the moving object best: 40 % of its evidence is on the moving object, which covers 10 % ",
        ),
        (0.2, 0.4, "No method finds the moving object better than random weights"),
        (0.1, 0.0, "No method finds the moving object better than chance"),
    ],
)
def test_verdict_on_the_moving_object_compares_with_chance_and_with_random_weights(share, random, sentence):
    rows = [
        {"method": method, "clip": clip, "share": value, "area": 0.1}
        for method, values in {"Grad-CAM": (share, None), "RandomCAM": (random, random)}.items()
        for clip, value in enumerate(values)
    ]
    found = Localization(table=pd.DataFrame(rows))
    assert found.verdict().startswith(sentence)
    assert found.summary()["without evidence"].tolist() == [1, 0]
