"""Attribution methods: contracts over the whole table, and numbers worked out by hand on toy networks."""

import pytest
import torch
from torch import nn

from analysis.attribution.evidence import NotNumbersError
from analysis.attribution.hooks import reporting, score_of
from analysis.attribution.integrated_gradients import MAX_CELLS, integrated_gradients, sum_in_cells
from analysis.attribution.layercam import layer_cam
from analysis.attribution.methods import METHODS, WEIGHTINGS, compare_weightings, find_evidence
from analysis.attribution.occlusion import refuse_equal_frames, temporal_occlusion
from analysis.attribution.randomcam import random_cam, weigh_randomly
from gte.models import build, to_channels_last
from tests.analysis.attribution.toys import CLIP, TINY, TOY_CLIP, Toy, assert_unchanged, state_of

NETWORKS = ("gte", "i3d")
"""One whose frames are folded into the batch, and one with kernels over time in its 1x1."""


@pytest.fixture(scope="module")
def networks():
    torch.manual_seed(0)
    return {name: to_channels_last(build(name, **TINY).eval()) for name in NETWORKS}


@pytest.fixture
def clip():
    return torch.rand(1, 3, CLIP.frames, CLIP.height, CLIP.width)


@pytest.mark.parametrize("contrast", [None, 3])
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("method", METHODS)
def test_every_method_gives_finite_evidence_and_leaves_network_and_clip_unchanged(
    method, network, contrast, networks, clip
):
    model, entry = networks[network], METHODS[method]
    before, pixels = state_of(model), clip.clone()
    found = find_evidence(method, model, clip, 0, "layer2.0", contrast=contrast)
    assert_unchanged(model, before)
    assert torch.equal(clip, pixels)
    assert not clip.requires_grad
    assert not found.map.requires_grad
    assert found.map.isfinite().all()
    assert found.map.min() >= 0
    steps, height, width = found.map.shape
    assert (steps, found.num_frames) == (CLIP.frames, CLIP.frames)
    assert (height > 1 and width > 1) == entry.says_where
    assert (found.target, found.contrast) == (0, contrast)
    assert found.layer == (entry.works_on or "layer2.0")
    assert (found.method, found.label) == (method, entry.label)


@pytest.mark.parametrize("method", METHODS)
def test_no_method_leaves_anything_behind_when_it_fails(method, networks, clip):
    model = networks["gte"]
    before = state_of(model)
    with pytest.raises(ValueError, match="The classes are numbered 0 to 4; got 5"):
        find_evidence(method, model, clip, 5, "layer2.0")
    with pytest.raises(ValueError, match="contrasted with another one; got 1 for both"):
        find_evidence(method, model, clip, 1, "layer2.0", contrast=1)
    with pytest.raises(ValueError, match="at least 1 x 32 x 32"):
        find_evidence(method, model, clip[..., :16], 0, "layer2.0")
    with pytest.raises(NotNumbersError, match="is not a number"):
        find_evidence(method, model, clip * float("nan"), 0, "layer2.0")
    assert_unchanged(model, before)
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("method", METHODS)
def test_every_method_takes_as_many_forward_passes_as_its_entry_says(method, networks, clip):
    reports = []
    entry = METHODS[method]
    expected = entry.passes(CLIP.frames)
    with reporting(networks["gte"], lambda part, text: reports.append((part, text)), expected):
        find_evidence(method, networks["gte"], clip, 0, "layer2.0")
    assert len(reports) == expected
    assert reports[0] == (0.0, f"pass 1 of {expected}")
    assert (expected > 2) == (entry.speed == "slow")


def test_a_method_that_is_cancelled_half_way_leaves_nothing_behind(networks, clip):
    class Enough(Exception):
        pass

    def cancel(part, text):
        if part > 0.3:
            raise Enough

    before = state_of(networks["gte"])
    with (
        pytest.raises(Enough),
        reporting(networks["gte"], cancel, METHODS["integrated_gradients"].passes(CLIP.frames)),
    ):
        integrated_gradients(networks["gte"], clip, 0)
    assert_unchanged(networks["gte"], before)


def test_layer_cam_is_every_cell_times_its_own_positive_gradient():
    toy = Toy().eval()
    # Gradients of channel 1: (1, 3), (2, 2); of channel 2: (-2, -2), (-1, 1). Only the last counts of channel 2.
    assert layer_cam(toy, TOY_CLIP, 1, "layer").tolist() == [[[1, 6]], [[6, 13]]]
    assert layer_cam(toy, TOY_CLIP, 0, "layer").tolist() == [[[0, 0]], [[0, 0]]]


def test_a_contrast_changes_the_gradients_by_those_of_the_other_class():
    toy = Toy().eval()
    # Class 0 has no gradient, so against it class 1 is as it is; class 0 against 1 has the negative ones.
    against = layer_cam(toy, TOY_CLIP, 0, "layer", contrast=1)
    assert layer_cam(toy, TOY_CLIP, 1, "layer", contrast=0).tolist() == [[[1, 6]], [[6, 13]]]
    assert against.tolist() == [[[6, 0]], [[1, 0]]]


def test_a_random_map_is_weighed_by_its_seed_alone(networks, clip):
    first, again, other = (random_cam(networks["gte"], clip, 0, "layer2.0", seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    channel = torch.ones(1, 1, 1, 1, 1)
    weights = [float(weigh_randomly(channel, seed)) for seed in range(40)]
    assert 0.3 < sum(weight > 0 for weight in weights) / 40 < 0.7
    assert max(weights) <= 1


class Product(nn.Module):
    """Score of class 0: the product of the mean brightness of both frames; of class 1 its negative."""

    def forward(self, clip):
        first, second = clip.mean(dim=(1, 3, 4)).unbind(dim=1)
        return torch.stack([first * second, -first * second], dim=1)


def two_frames(first, second):
    return torch.cat([torch.full((1, 3, 1, 4, 4), value) for value in (first, second)], dim=2)


def test_integrated_gradients_of_a_product_give_each_factor_half_of_it():
    found = find_evidence("integrated_gradients", Product().eval(), two_frames(0.5, 0.8), 0)
    assert found.map.sum(dim=(1, 2)).tolist() == pytest.approx([0.2, 0.2], rel=1e-4)
    assert found.note.startswith(
        "The attributions add up to 0.4; from a black clip to this one the score changes by 0.4 "
    )
    assert "0 % of the attribution is negative" in found.note
    assert found.convention == "32 steps from a black clip, summed over 4 x 4 cells per frame"
    nothing = find_evidence("integrated_gradients", Product().eval(), two_frames(0.5, 0.8), 1)
    assert nothing.is_empty
    assert nothing.finding().startswith("Integrated Gradients finds no evidence for this class in the pixels;")
    assert "100 % of the attribution is negative" in nothing.note


def test_integrated_gradients_add_up_to_the_change_of_the_score(networks, clip):
    model = networks["gte"]
    attributions = integrated_gradients(model, clip, 2, steps=100)
    with torch.no_grad():
        change = float(score_of(model(clip), 2, None) - score_of(model(torch.zeros_like(clip)), 2, None))
    assert float(attributions.sum()) == pytest.approx(change, rel=0.03)


@pytest.mark.parametrize("side", [5, MAX_CELLS, 56, 97])
def test_every_pixel_is_added_to_one_cell(side):
    pixels = torch.rand(2, side, side + 3, dtype=torch.float64)
    cells = sum_in_cells(pixels)
    assert cells.shape == (2, min(side, MAX_CELLS), min(side + 3, MAX_CELLS))
    torch.testing.assert_close(cells.sum(dim=(1, 2)), pixels.sum(dim=(1, 2)))


def test_occlusion_is_what_the_score_loses_with_the_average_in_place_of_a_frame():
    drops = temporal_occlusion(Product().eval(), two_frames(0.2, 0.6), 0)
    # The average is 0.4. Without the first: 0.4 x 0.6, which is more than 0.12; without the second: 0.2 x 0.4.
    assert drops.flatten().tolist() == pytest.approx([-0.12, 0.04], abs=1e-6)
    found = find_evidence("occlusion", Product().eval(), two_frames(0.2, 0.6), 0)
    assert found.map.flatten().tolist() == pytest.approx([0, 0.04], abs=1e-6)
    assert found.note == "Frame 1 counts against the class: without it the score rises by 0.12."
    still = find_evidence("occlusion", Product().eval(), two_frames(0.5, 0.5), 0)
    assert still.is_empty
    assert still.finding().startswith("All frames of this clip are the same, so temporal occlusion compares it with")
    alone = refuse_equal_frames(two_frames(0.5, 0.8)[:, :, :1])
    assert alone == "The clip has one frame, so temporal occlusion compares it with itself and cannot say anything."


def test_card_names_the_contrast_and_the_note_of_the_method():
    found = find_evidence("occlusion", Product().eval(), two_frames(0.2, 0.6), 0, contrast=1)
    card = found.card("net", ("moves left", "moves right"))
    assert card["class"] == "moves left rather than moves right"
    assert card["note"].startswith("Frame 1 counts against the class")


def test_both_weightings_of_grad_cam_are_one_map_where_only_averages_follow(networks, clip):
    model = networks["gte"]
    maps = {
        layer: [find_evidence(name, model, clip, 2, layer) for name in WEIGHTINGS] for layer in ("layer3.1", "layer4.1")
    }
    assert compare_weightings(*maps["layer4.1"]).startswith("In layer4.1 both weightings of Grad-CAM give one map")
    assert compare_weightings(*maps["layer3.1"]) == ""
