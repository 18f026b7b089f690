"""Whether evidence can be believed: each test on maps that must pass and on maps that must not, and its arithmetic."""

import pandas as pd
import pytest
import torch
from torch import nn

from analysis import figures
from analysis.attribution import METHODS, Evidence
from analysis.attribution.likeness import rank_correlation
from analysis.attribution.sanity_checks.deletion_insertion import ITSELF, Removal, remove
from analysis.attribution.sanity_checks.frame_order import Reordering, Version, reorder
from analysis.attribution.sanity_checks.localization import Hits, hits, share_inside
from analysis.attribution.sanity_checks.weight_randomization import (
    Randomisation,
    parts_from_the_classifier_down,
    randomise,
)
from gte.models import build, to_channels_last
from gte.models.outputs import BlockOutput
from tests.analysis.attribution.test_gradcam import CLIP, TINY, assert_unchanged, evidence, state_of
from tests.plots import traces

GRAD_CAM = METHODS["gradcam"].attribute


@pytest.fixture(scope="module")
def networks():
    torch.manual_seed(0)
    return {name: to_channels_last(build(name, **TINY).eval()) for name in ("gte", "c2d")}


@pytest.fixture
def clip():
    return torch.rand(1, 3, CLIP.frames, CLIP.height, CLIP.width)


def brightness(model, clip, target, layer, *, contrast=None):
    """A method that looks at no network at all."""
    return Evidence(
        map=clip[0].mean(dim=0),
        target=target,
        layer=layer,
        method="Brightness",
        convention="",
        num_frames=clip.shape[2],
    )


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
    found = randomise(networks["gte"], clip, 0, "layer2.0", brightness, seeds=1)
    assert_unchanged(networks["gte"], before)
    assert found.left == pytest.approx(1)
    assert found.verdict().startswith("Do not believe it")


def test_grad_cam_changes_with_the_weights_the_same_for_each_run(networks, clip):
    before = state_of(networks["gte"])
    first, again = (randomise(networks["gte"], clip, 0, "layer2.0", GRAD_CAM, seeds=2) for _ in range(2))
    assert_unchanged(networks["gte"], before)
    pd.testing.assert_frame_equal(first.table, again.table)
    stages = first.by_stage()
    assert (stages["destroyed"].iloc[0], stages["mean"].iloc[0]) == ("intact", 1)
    assert first.left < 0.9
    assert len(traces(figures.randomisation_curve(stages))[0]["x"]) == len(stages)


@pytest.mark.parametrize(("last", "word"), [(0.1, "Passed"), (0.5, "Half a yes"), (0.9, "Do not believe it")])
def test_verdict_on_destroyed_weights_follows_the_last_correlation(last, word):
    rows = [
        {"stage": stage, "destroyed": part, "seed": 0, "correlation": value}
        for stage, (part, value) in enumerate({"intact": 1.0, "fc": 0.5, "conv1": last}.items())
    ]
    verdict = Randomisation(table=pd.DataFrame(rows), num_seeds=1).verdict()
    assert verdict.startswith(word)
    assert ("reaches conv1" in verdict) == (word == "Passed")


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
    return Evidence(map=found, target=0, layer="", method="Spot", convention="", num_frames=2)


def test_the_pixels_that_the_network_looks_at_fall_and_rise_fastest(spot_clip):
    model = Spot().eval()
    right = remove(model, spot_clip, spot_map(1, 0), "output", seeds=2)
    wrong = remove(model, spot_clip, spot_map(0, 1), "output", seeds=2)
    assert right.areas("deletion")[0] < wrong.areas("deletion")[0] - 0.3
    assert right.areas("insertion")[0] > wrong.areas("insertion")[0] + 0.3
    deleted = right.table[right.table["way"] == "deletion"]
    assert all(deleted[deleted["share"] == 0]["probability"] > 0.99)
    assert all(deleted[deleted["share"] == 1]["probability"] < 0.01)
    assert len(traces(figures.removal_curves(right.table, "Spot"))) == 2 * 3


def test_no_evidence_gives_no_order_to_delete_in(spot_clip):
    with pytest.raises(ValueError, match="no order in which pixels could be deleted"):
        remove(Spot().eval(), spot_clip, spot_map(0, 0), "output")


@pytest.mark.parametrize(
    ("deletion", "insertion", "word"),
    [(0.1, 0.9, "Passed"), (0.1, 0.5, "Half a yes"), (0.5, 0.9, "Half a yes"), (0.5, 0.5, "Not passed")],
)
def test_verdict_on_removal_compares_the_areas_with_every_rival(deletion, insertion, word):
    areas = {ITSELF: (deletion, insertion), "RandomCAM, seed 0": (0.3, 0.7), "RandomCAM, seed 1": (0.4, 0.6)}
    rows = [
        {"order": order, "way": way, "share": share, "probability": area}
        for order, pair in areas.items()
        for way, area in zip(("deletion", "insertion"), pair, strict=True)
        for share in (0.0, 1.0)
    ]
    removal = Removal(table=pd.DataFrame(rows), method="Grad-CAM")
    assert removal.areas("deletion") == (pytest.approx(deletion), pytest.approx([0.3, 0.4]))
    assert removal.verdict().startswith(word)
    assert f"deletion {deletion:g} against 0.3 to 0.4" in removal.verdict()


def test_removal_judges_nothing_where_it_hardly_matters_which_pixels_go():
    areas = {ITSELF: (0.111, 0.1152), "RandomCAM, seed 0": (0.112, 0.1151), "RandomCAM, seed 1": (0.119, 0.1150)}
    rows = [
        {"order": order, "way": way, "share": share, "probability": area}
        for order, pair in areas.items()
        for way, area in zip(("deletion", "insertion"), pair, strict=True)
        for share in (0.0, 1.0)
    ]
    assert Removal(table=pd.DataFrame(rows), method="Grad-CAM").verdict().startswith("Cannot be told")


@pytest.mark.parametrize(
    ("probability", "likeness", "told"),
    [
        (0.1, 0.2, "both depend on the order."),
        (0.1, 0.9, "the answer depends on the order, the places of the evidence hardly do."),
        (0.899, 0.2, "the places of the evidence depend on the order, the answer hardly does."),
        (0.899, 0.9, "neither depends on the order by much."),
    ],
)
def test_verdict_on_the_order_names_what_moved_by_so_much_that_it_is_seen(probability, likeness, told):
    def version(name, probability, likeness):
        return Version(
            name=name,
            frames=(1, 0),
            probability=probability,
            evidence=spot_map(0, 0),
            likeness=likeness,
            moved_exactly=False,
        )

    found = Reordering(
        original=version("as it is", 0.9, 1.0),
        shuffled=version("shuffled", probability, likeness),
        frozen=version("frozen", 0.5, 0.5),
    )
    assert told in found.verdict()


def test_the_map_of_c2d_moves_with_the_frames_exactly_and_that_of_gte_does_not(networks, clip):
    moved = {name: reorder(model, clip, 1, "layer2.1", GRAD_CAM) for name, model in networks.items()}
    assert moved["c2d"].shuffled.moved_exactly
    assert moved["c2d"].shuffled.likeness == pytest.approx(1, abs=1e-3)
    assert "takes each frame by itself" in moved["c2d"].verdict()
    assert not moved["gte"].shuffled.moved_exactly
    assert "takes each frame by itself" not in moved["gte"].verdict()
    assert sorted(moved["gte"].shuffled.frames) == [0, 1, 2, 3] != list(moved["gte"].shuffled.frames)
    assert moved["gte"].frozen.frames == (2, 2, 2, 2)
    with pytest.raises(ValueError, match="one frame has no order"):
        reorder(networks["c2d"], clip[:, :, :1], 1, "layer2.1", GRAD_CAM)
    with pytest.raises(ValueError, match="All frames of this clip are the same"):
        reorder(networks["gte"], clip[:, :, [2, 2, 2, 2]], 1, "layer2.1", GRAD_CAM)


def test_the_share_inside_a_mask_is_that_of_the_evidence_on_the_clip_s_grid():
    found = evidence([[[1.0, 3.0], [0.0, 0.0]]])
    mask = torch.tensor([[[False, True], [True, True]]])
    assert share_inside(found, mask) == pytest.approx(0.75)
    assert share_inside(evidence([[[0.0, 0.0], [0.0, 0.0]]]), mask) is None


def test_every_method_that_says_where_is_held_against_the_masks(networks, clip):
    before = state_of(networks["gte"])
    masks = [torch.rand(clip.shape[2:]) < share for share in (0.25, 0.5)]
    told = []
    found = hits(
        networks["gte"],
        [clip[0], 1 - clip[0]],
        masks,
        [2, None],
        "layer2.0",
        report=lambda part, text: told.append(part),
    )
    assert_unchanged(networks["gte"], before)
    summary = found.summary()
    assert summary["method"].tolist() == [method.label for method in METHODS.values() if method.says_where]
    assert found.chance == pytest.approx(sum(float(mask.float().mean()) for mask in masks) / 2)
    assert summary["share"].between(0, 1).all()
    assert told == sorted(told)
    assert max(told) < 1
    assert traces(figures.hit_bars(summary, found.chance, figures.axis_end({"gte": summary})))


@pytest.mark.parametrize(
    ("share", "random", "sentence"),
    [
        (0.4, 0.2, "Grad-CAM finds the mover best: 40 % of it lies on the mover, which covers 10 % of the frames (4 "),
        (0.2, 0.4, "No method finds the mover better than weights drawn by chance"),
        (0.1, 0.0, "No method finds the mover better than chance"),
    ],
)
def test_verdict_on_the_mover_compares_with_chance_and_with_random_weights(share, random, sentence):
    rows = [
        {"method": method, "clip": clip, "share": value, "area": 0.1}
        for method, values in {"Grad-CAM": (share, None), "RandomCAM": (random, random)}.items()
        for clip, value in enumerate(values)
    ]
    found = Hits(table=pd.DataFrame(rows))
    assert found.verdict().startswith(sentence)
    assert found.summary()["without evidence"].tolist() == [1, 0]
