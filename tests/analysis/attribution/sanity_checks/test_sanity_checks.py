"""Sanity checks of evidence: each passes maps that must pass and fails its negative controls, and its arithmetic."""

import json
import zlib
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from analysis.attribution.evidence import rank_correlation
from analysis.attribution.methods import METHODS, find_evidence
from analysis.attribution.placement import place
from analysis.attribution.sanity_checks.checks import CHECKS, Subject, cards, code, facts, keep, stored
from analysis.attribution.sanity_checks.clips import CheckClips, check_clips, rival_of
from analysis.attribution.sanity_checks.deletion_insertion import (
    EVIDENCE,
    RANDOM,
    RIVALS,
    WAYS,
    DeletionInsertion,
    delete_and_insert,
    pixel_motion,
)
from analysis.attribution.sanity_checks.figures import deletion_curves
from analysis.attribution.sanity_checks.frame_order import FrameOrder, change_frame_order, reorder_clips
from analysis.attribution.sanity_checks.localization import Localization, localize, share_inside
from analysis.attribution.sanity_checks.verdict import MIN_CLIPS, RHO, from_lists, to_lists
from analysis.attribution.sanity_checks.weight_randomization import (
    Randomisation,
    choose_stages,
    parts_from_the_classifier_down,
    randomise,
)
from gte.checkpoint import load_model
from gte.checkpoint_header import read_header
from gte.models import build, to_channels_last
from gte.models.cell_grids import even_grid
from gte.models.outputs import BlockOutput
from tests.analysis.attribution.toys import CLIP, TINY, assert_unchanged, evidence, state_of
from tests.analysis.snippets import last_value
from tests.plots import traces
from tests.tiny import save_tiny

ROOT = Path(__file__).parents[4]

LAYER = "layer2.0"
NUM_CLIPS = MIN_CLIPS + 1
NUM_SEEDS = 20


@pytest.fixture(scope="module")
def networks():
    torch.manual_seed(0)
    return {name: to_channels_last(build(name, **TINY).eval()) for name in ("gte", "c2d")}


@pytest.fixture
def clips():
    return clip_set(torch.rand(NUM_CLIPS, 3, CLIP.frames, CLIP.height, CLIP.width))


def clip_set(pixels):
    return CheckClips(pixels=pixels, targets=(0,) * len(pixels), rivals=(1,) * len(pixels))


def explain(method, layer=LAYER):
    return partial(find_evidence, method, layer=layer)


def brightness(model, clip, target):
    """A method that ignores the network."""
    return evidence(clip[0].mean(dim=0).tolist())


def test_rank_correlation_sees_order_alone_and_calls_a_flat_map_unlike_any():
    first = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    assert rank_correlation(first, first**3) == pytest.approx(1)
    assert rank_correlation(first, -first) == pytest.approx(-1)
    # Ranks 1 2 3 4 and 2 1 4 3: 1 - 6·4 / (4·15).
    assert rank_correlation(first, torch.tensor([[[2.0, 1.0], [4.0, 3.0]]])) == pytest.approx(0.6)
    assert rank_correlation(first, torch.zeros(1, 2, 2)) == 0


def test_the_rival_class_is_the_reversed_one_or_else_the_most_probable_other_one():
    assert rival_of([0, 2, 1], 0, (1, 0, -1)) == 1
    assert rival_of([2, 0, 1], 2, (1, 0, -1)) == 0
    assert rival_of([0, 2, 1], 0, ()) == 2
    assert rival_of([0], 0, (-1,)) == 0


# Randomisation


def test_weights_go_from_the_classifier_down_and_those_after_the_block_are_known(networks, clips):
    parts, after = parts_from_the_classifier_down(networks["gte"], clips.pixels[:1], LAYER)
    assert list(parts)[:3] == ["fc", "layer4.1", "layer4.0"]
    assert list(parts)[-1] == "conv1"
    named = [name for names in parts.values() for name in names]
    assert sorted(named) == sorted(name for name, _ in networks["gte"].named_parameters())
    assert list(parts)[after - 1 : after + 1] == ["layer2.1", "layer2.0"]
    assert parts_from_the_classifier_down(networks["gte"], clips.pixels[:1])[1] == len(parts)


def test_stages_hold_the_last_one_after_the_block_and_the_first_one_of_it():
    assert choose_stages(11, 3) == [1, 3, 4, 5, 7, 9, 11]
    assert choose_stages(11, 11) == [1, 3, 5, 7, 9, 11]
    assert choose_stages(11, 4, 0) == [4, 11]


@pytest.mark.parametrize("control", [explain("randomcam"), brightness], ids=["RandomCAM", "brightness"])
def test_a_map_that_ignores_what_comes_after_the_block_fails_randomisation(networks, clips, control):
    """RandomCAM changes once the block itself is destroyed, which must not count."""
    before = state_of(networks["gte"])
    result = randomise(networks["gte"], clips, control, LAYER, seeds=2)
    assert_unchanged(networks["gte"], before)
    np.testing.assert_allclose(result.by_clip(result.decisive), 1)
    assert result.verdict.state == "not passed"
    assert "1 [1, 1]" in result.verdict.numbers
    if control is not brightness:
        assert result.by_clip(len(result.parts) - 1).mean() < 0.9


def test_grad_cam_changes_with_the_weights_after_its_block_the_same_for_each_run(networks, clips):
    first, again = (randomise(networks["gte"], clips, explain("gradcam"), LAYER, seeds=1) for _ in range(2))
    np.testing.assert_array_equal(first.correlations, again.correlations)
    assert (first.parts[0], first.parts[first.decisive]) == ("original", "layer2.1")
    assert np.nanmean(first.correlations[:, :, first.decisive]) < 0.9


def randomisation(values, seeds=1):
    """A result with these |ρ| at the stage that decides, one for each clip; NaN for an empty map."""
    decisive = np.repeat(np.array(values, dtype=float)[:, None], seeds, axis=1)
    correlations = np.stack([np.ones_like(decisive), decisive], axis=2)
    return Randomisation(parts=("original", "fc"), decisive=1, layer="layer3.1", correlations=correlations)


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ([0.1, 0.2] * 4, "passed"),
        ([0.9, 0.8] * 4, "not passed"),
        ([0.2, 0.8] * 4, "cannot tell"),
        ([0.1, 0.2, np.nan, np.nan] * 4, "passed"),
        ([0.1, 0.2, np.nan, np.nan, np.nan] * 4, "cannot tell"),
        ([0.1] * (MIN_CLIPS - 1), "cannot tell"),
        ([np.nan] * 8, "cannot tell"),
    ],
)
def test_verdict_on_randomisation_needs_an_interval_below_the_limit_and_counts_empty_maps_apart(values, state):
    result = randomisation(values)
    assert result.verdict.state == state
    assert result.empty_share(1) == pytest.approx(np.isnan(values).mean())


def test_the_verdict_on_randomisation_says_its_numbers():
    numbers = randomisation([0.1, 0.2, np.nan] * 4).verdict.numbers
    # Student's interval of eight values, four of 0.1 and four of 0.2.
    assert numbers == (
        f"With every weight after layer3.1 randomised, {RHO} with the original map is 0.15 [0.105, 0.195] (8 clips, 1 "
        "seed each). 33.3 % of the maps are empty and not counted."
    )


# Deletion and insertion


class Shadow(nn.Module):
    """The first class is likely while four pixels in the middle are much darker than the rest, the second if not."""

    def __init__(self):
        super().__init__()
        self.output = BlockOutput()

    def forward(self, clip):
        seen = self.output(clip)
        score = 40 * (seen.mean(dim=(1, 2, 3, 4)) - seen[..., 7:9, 7:9].mean(dim=(1, 2, 3, 4)))
        return torch.stack([score, torch.full_like(score, 20)], dim=1)


@pytest.fixture
def shadows():
    pixels = 0.8 + 0.05 * torch.rand(NUM_CLIPS, 3, 2, 16, 16)
    pixels[..., 7:9, 7:9] -= 0.7
    return clip_set(pixels)


def spot(model, clip, target):
    """The map of the network above: the shadow for the first class, all other pixels for the second."""
    values = torch.full((2, 16, 16), float(target))
    values[:, 7:9, 7:9] = 1 - target
    return evidence(values.tolist())


def motion(model, clip, target):
    return evidence(pixel_motion(clip).tolist())


def reversed_class(model, clip, target):
    return spot(model, clip, 1 - target)


def mean_activation(model, clip, target):
    return evidence(clip[0].mean(dim=0).tolist())


def test_the_pixels_that_the_network_looks_at_pass_against_every_rival(shadows):
    result = delete_and_insert(Shadow().eval(), shadows, spot, "output")
    assert list(result.differences()) == [*RIVALS, RANDOM]
    assert all(mean > 0.2 for ways in result.differences().values() for mean, _ in ways.values())
    assert result.verdict.state == "passed"
    wins = result.wins()
    assert (wins[EVIDENCE], wins["reversed class"], wins["mean activation"]) == (NUM_CLIPS, 0, 0)
    assert wins["pixel motion"] < NUM_CLIPS
    deletion = result.probabilities[:, :, WAYS.index("deletion")]
    assert np.nanmin(deletion[..., 0]) > 0.99
    assert np.nanmax(deletion[..., -1]) < 0.01
    single = delete_and_insert(Shadow().eval(), clip_set(shadows.pixels[:1]), spot, "output")
    assert single.verdict.state == "cannot tell"
    assert len(traces(deletion_curves(single, "Spot"))) == 2 * 5


@pytest.mark.parametrize("control", [reversed_class, mean_activation, motion])
def test_the_rivals_themselves_do_not_pass_deletion_and_insertion(shadows, control):
    assert delete_and_insert(Shadow().eval(), shadows, control, "output").verdict.state == "not passed"


def test_random_weights_do_not_pass_deletion_and_insertion(shadows):
    assert (
        delete_and_insert(Shadow().eval(), shadows, explain("randomcam", "output"), "output").verdict.state != "passed"
    )


class Constant(Shadow):
    """A network whose answer does not depend on its clip."""

    def forward(self, clip):
        return 0 * super().forward(clip)


def test_deletion_judges_nothing_without_evidence_or_where_order_hardly_matters(shadows):
    def empty(model, clip, target):
        return evidence(torch.zeros(2, 16, 16).tolist())

    none = delete_and_insert(Shadow().eval(), shadows, empty, "output", random_maps=2).verdict
    assert none.state == "cannot tell"
    assert f"0 of {NUM_CLIPS} clips have evidence" in none.numbers
    flat = delete_and_insert(Constant().eval(), shadows, spot, "output", random_maps=2).verdict
    assert (flat.state, "hardly changes the probability" in flat.numbers) == ("cannot tell", True)


def test_pixel_motion_is_the_change_to_the_frames_before_and_after():
    clip = torch.zeros(1, 3, 3, 1, 2)
    clip[0, :, 1, 0, 0] = 1
    assert pixel_motion(clip).tolist() == [[[1, 0]], [[2, 0]], [[1, 0]]]


def areas(own, rivals):
    """A result with curves that are constant, so that areas are known: (deletion, insertion) of each order."""
    values = np.array([own, *rivals, *[(0.4, 0.6)] * 3], dtype=float)
    jitter = 0.01 * np.arange(8)[:, None, None]
    return DeletionInsertion(shares=(0.0, 1.0), probabilities=np.stack(2 * [values + jitter], axis=-1))


@pytest.mark.parametrize(
    ("rivals", "state", "words"),
    [
        ([(0.5, 0.5)] * 3, "passed", "Better than reversed class, mean activation, pixel motion and random weights"),
        ([(0.5, 0.5), (0.5, 0.5), (0.1, 0.9)], "not passed", "not better than pixel motion"),
        ([(0.5, 0.5), (0.5, 0.9), (0.5, 0.5)], "not passed", "not better than mean activation"),
        ([(0.3, 0.7), (0.5, 0.5), (0.5, 0.5)], "not passed", "not better than reversed class"),
    ],
)
def test_verdict_on_deletion_names_the_rivals_that_are_not_beaten_in_both_ways(rivals, state, words):
    verdict = areas((0.3, 0.7), rivals).verdict
    assert verdict.state == state
    assert words in verdict.numbers


@pytest.mark.parametrize(("empty", "state"), [(2, "passed"), (3, "cannot tell")])
def test_a_rival_with_empty_maps_says_its_clips_and_needs_enough_of_them(empty, state):
    result = areas((0.3, 0.7), [(0.5, 0.5)] * 3)
    result.probabilities[:empty, 2] = np.nan
    verdict = result.verdict
    assert verdict.state == state
    assert f"mean activation ({8 - empty} of 8 clips)" in verdict.numbers
    assert ("too few clips with a map of mean activation" in verdict.numbers) == (state == "cannot tell")


# Frame order


@pytest.mark.parametrize("method", ["gradcam", "layercam", "randomcam"])
def test_a_network_that_sees_single_frames_fails_the_frame_order_test(networks, clips, method):
    result = reorder_clips(networks["c2d"], clips, explain(method, "layer2.1"), "layer2.1")
    assert result.exact.all()
    assert result.verdict.state == "not passed"
    assert "processes each frame separately" in result.verdict.numbers


@pytest.mark.parametrize("method", ["gradcam", "gradcam_frame", "layercam"])
def test_an_untrained_network_does_not_pass_the_frame_order_test_though_its_maps_change(networks, clips, method):
    result = reorder_clips(networks["gte"], clips, explain(method, "layer2.1"), "layer2.1")
    assert not result.exact.any()
    assert np.nanmean(result.correlations) < 0.95
    assert result.verdict.state != "passed"


def test_one_clip_is_shuffled_and_frozen_at_its_middle_frame(networks, clips):
    moved = change_frame_order(networks["gte"], clips.pixels[:1], 0, explain("gradcam"))
    assert sorted(moved.shuffled.frames) == [0, 1, 2, 3] != list(moved.shuffled.frames)
    assert moved.frozen.frames == (2, 2, 2, 2)
    assert "Frozen at frame 3" in moved.summary()


def hash_of_the_clip(model, clip, target):
    """Depends on every pixel, and on nothing that they show."""
    generator = torch.Generator().manual_seed(zlib.crc32(clip.numpy().tobytes()))
    return evidence(torch.rand(clip.shape[2], 7, 7, generator=generator).tolist())


def last_frame(model, clip, target):
    """The same map for every clip, which does not move with the frames."""
    return evidence([[[float(frame)] * 7] * 7 for frame in range(clip.shape[2])])


@pytest.fixture(scope="module")
def shipped_clips():
    model, header = load_model(ROOT / "checkpoints" / "gte-tiny.safetensors")
    return model, check_clips(model, header, header.dataset, NUM_CLIPS)


@pytest.mark.slow
@pytest.mark.parametrize(
    "control", [None, hash_of_the_clip, last_frame, brightness], ids=["RandomCAM", "hash", "last frame", "brightness"]
)
def test_maps_that_know_nothing_of_motion_fail_the_frame_order_test_on_a_network_that_uses_it(shipped_clips, control):
    model, clips = shipped_clips
    assert reorder_clips(model, clips, control, "layer2.1").verdict.state != "passed"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_the_shipped_network_before_training_fails_the_frame_order_test(shipped_clips, seed):
    header = read_header(ROOT / "checkpoints" / "gte-tiny.safetensors")
    torch.manual_seed(seed)
    untrained = build(header.model, **header.options).eval()
    verdict = reorder_clips(untrained, shipped_clips[1], explain("gradcam_frame", "layer3.1"), "layer3.1").verdict
    assert verdict.state == "not passed"
    assert "hardly uses the order" in verdict.numbers


@pytest.mark.slow
def test_evidence_for_a_direction_passes_the_frame_order_test(shipped_clips):
    model, clips = shipped_clips
    verdict = reorder_clips(model, clips, explain("gradcam_frame", "layer2.1"), "layer2.1").verdict
    assert verdict.state == "passed"
    assert "less than noise in the same order" in verdict.numbers


def frame_order(own, noise, random, shuffled=(0.2, 0.1) * 4, noisy=(0.9, 0.8) * 4):
    return FrameOrder(
        correlations=np.array(own),
        noise=np.array(noise),
        random=np.array(random)[:, None] + [-0.1, 0.1],
        exact=np.zeros(8, np.bool_),
        probabilities=np.stack([np.full(8, 0.9), np.array(shuffled), np.full(8, 0.1), np.array(noisy)], axis=1),
    )


LOW, HIGH, FEW = [0.1, 0.3] * 4, [0.95, 0.85] * 4, [0.9, np.nan] * 4


@pytest.mark.parametrize(
    ("own", "noise", "random", "state", "words"),
    [
        (LOW, HIGH, HIGH, "passed", "less than noise in the same order"),
        (LOW, HIGH, LOW[::-1], "cannot tell", "no clear difference from randomly weighted maps"),
        (LOW, LOW[::-1], HIGH, "cannot tell", "no clear difference from noise in the same order"),
        (HIGH, [1.0] * 8, LOW, "not passed", "not less than randomly weighted maps"),
        (HIGH, LOW, [1.0] * 8, "not passed", "not less than noise in the same order"),
        (LOW, FEW, HIGH, "cannot tell", "noise in the same order (too few clips with a map)"),
        (FEW, HIGH, HIGH, "cannot tell", "4 of 8 clips have maps to compare"),
    ],
)
def test_verdict_on_the_order_needs_a_paired_difference_to_both_rivals(own, noise, random, state, words):
    verdict = frame_order(own, noise, random).verdict
    assert verdict.state == state
    assert words in verdict.numbers


@pytest.mark.parametrize(
    ("shuffled", "state"), [([0.9, 0.88] * 4, "not passed"), ([0.9, 0.7, 0.9, 0.9] * 2, "cannot tell")]
)
def test_a_map_cannot_depend_on_an_order_that_changes_the_answer_no_more_than_noise(shuffled, state):
    assert frame_order(LOW, HIGH, HIGH, shuffled).verdict.state == state


def test_clips_without_an_order_are_refused_in_a_sentence(networks, clips):
    with pytest.raises(ValueError, match="one frame has no order"):
        change_frame_order(networks["c2d"], clips.pixels[:1, :, :1], 0, explain("gradcam"))
    with pytest.raises(ValueError, match="All frames of this clip are the same"):
        change_frame_order(networks["gte"], clips.pixels[:1, :, [2, 2, 2, 2]], 0, explain("gradcam"))


# Localisation


def test_the_share_inside_a_mask_is_that_of_the_placed_evidence():
    """Frames and rows are repeated by the placement; the share is that of the pixels, not of the cells."""
    maps = torch.tensor([[[[1.0, 3.0], [0.0, 0.5]]], [[[0.0, 0.0], [0.0, 0.0]]]])
    grid, mask = even_grid((1, 2, 2), (2, 4, 4)), torch.rand(2, 4, 4) < 0.4
    placed = place(maps[0], grid)
    share, empty = share_inside(maps, grid, mask)
    assert 0 < share < 1
    assert share == pytest.approx(float(placed[mask].sum() / placed.sum()))
    assert np.isnan(empty)


def test_every_method_that_says_where_is_compared_with_the_masks(networks, clips):
    before = state_of(networks["gte"])
    pair = clip_set(clips.pixels[:2])
    masks = torch.stack([torch.rand(clips.pixels.shape[2:]) < share for share in (0.25, 0.5)])
    reports = []
    result = localize(networks["gte"], pair, masks, "gradcam", LAYER, report=lambda part, text: reports.append(part))
    assert_unchanged(networks["gte"], before)
    judged = [m.label for name, m in METHODS.items() if m.says_where and name != "randomcam"]
    assert [row["method"] for row in result.summary()] == [*judged, "RandomCAM, mean", "mean activation"]
    assert result.chance == pytest.approx(float(masks.float().mean()))
    assert reports == sorted(reports)
    assert max(reports) < 1
    assert result.verdict.state == "cannot tell"


EVEN = [0.2, 0.3] * 4
BETTER = [0.5, 0.6, 0.7, 0.6] * 2


def localization(method="gradcam", *, random=EVEN, activation=EVEN, **shares):
    """A result with these shares on the object, one for each clip."""
    values = np.array(list(shares.values()), dtype=float)
    return Localization(
        method=method,
        methods=tuple(shares),
        shares=values,
        rivals=np.array([random, activation], dtype=float),
        areas=np.full(values.shape[1], 0.1),
    )


@pytest.mark.parametrize(
    ("values", "state"),
    [
        (BETTER, "passed"),
        ([0.1, 0.1, 0.1, 0.2] * 2, "not passed"),
        ([0.2, 0.4, 0.3, 0.2] * 2, "cannot tell"),
        ([0.9] * 5 + [np.nan] * 3, "cannot tell"),
    ],
)
def test_verdict_on_the_moving_object_needs_a_paired_difference_to_both_rivals(values, state):
    assert localization(gradcam=values, layercam=EVEN).verdict.state == state


@pytest.mark.parametrize(
    ("activation", "state"),
    [(BETTER, "not passed"), ([0.4, 0.7, 0.6, 0.65] * 2, "cannot tell"), ([0.8, 0.9, 0.7, 0.9] * 2, "not passed")],
)
def test_a_map_that_beats_random_weights_but_not_the_mean_activation_does_not_pass_and_says_so(activation, state):
    verdict = localization(gradcam=BETTER, activation=activation).verdict
    assert verdict.state == state
    assert "That is more than of RandomCAM, but not, beyond chance, than of mean activation" in verdict.numbers


def test_a_rival_that_is_empty_on_most_clips_leaves_localisation_undecided():
    verdict = localization(gradcam=BETTER, activation=[0.1] * 5 + [np.nan] * 3).verdict
    assert verdict.state == "cannot tell"
    assert verdict.numbers.startswith("5 of 8 clips have evidence by Grad-CAM and a map of mean activation")


def test_a_method_without_places_is_not_judged_by_localisation():
    assert localization("occlusion", gradcam=EVEN).verdict.state == "cannot tell"


def test_random_weights_are_better_than_random_weights_no_more_often_than_by_chance(networks):
    """With the same draws for all clips, the test over clips mistakes the choice of draws for a difference."""
    clips = clip_set(torch.rand(2 * NUM_CLIPS, 3, CLIP.frames, CLIP.height, CLIP.width))
    masks = torch.zeros(len(clips.pixels), *clips.pixels.shape[2:], dtype=torch.bool)
    masks[..., : CLIP.height // 2, : CLIP.width // 2] = True
    results = [
        localize(networks["gte"], clips, masks, "randomcam", LAYER, methods=("randomcam",), random_maps=5, seed=seed)
        for seed in range(NUM_SEEDS)
    ]
    assert len({tuple(result.shares[0]) for result in results}) == NUM_SEEDS
    better = [result.differences("RandomCAM")["randomcam"].is_better for result in results]
    # Of 20 runs 2.5 % are half a run; three or more have a probability of 1.3 %.
    assert sum(better) <= 2
    assert sum(result.verdict.state == "passed" for result in results) <= 1


def test_every_clip_has_its_own_random_maps(networks, clips):
    same = clip_set(clips.pixels[:1].repeat(2, 1, 1, 1, 1))
    masks = torch.zeros(2, *clips.pixels.shape[2:], dtype=torch.bool)
    masks[..., : CLIP.width // 2] = True
    result = localize(networks["gte"], same, masks, "gradcam", LAYER, methods=("gradcam",))
    random, activation = result.rivals
    assert random[0] != random[1]
    assert activation[0] == activation[1]


def test_a_difference_that_holds_alone_does_not_hold_among_several_methods():
    """Holm: with two methods the smaller p-value counts twice."""
    values = [0.24, 0.3, 0.26, 0.3, 0.27, 0.3, 0.2, 0.34]
    result = localization(gradcam=values, layercam=EVEN)
    item = result.differences("RandomCAM")["gradcam"]
    differences = np.array(values) - np.array(EVEN)
    t = differences.mean() / (differences.std(ddof=1) / np.sqrt(8))
    assert item.mean == pytest.approx(differences.mean())
    # The two-sided 5 % point of Student's t with 7 degrees of freedom is 2.365, the 2.5 % point 2.841.
    assert 2.365 < t < 2.841
    assert item.interval.low > 0
    assert item.p_value > 0.05
    assert result.verdict.state == "cannot tell"


# Table


def test_missing_numbers_survive_json():
    values = np.array([[0.12345, np.nan], [1.0, 0.0]])
    again = from_lists(json.loads(json.dumps(to_lists(values), allow_nan=False)))
    np.testing.assert_allclose(again, np.round(values, 4))


@pytest.fixture
def small(tmp_path, monkeypatch):
    monkeypatch.setenv("GTE_CACHE", str(tmp_path / "cache"))
    return save_tiny(tmp_path / "tiny.safetensors", "gte")


@pytest.mark.parametrize("name", CHECKS)
def test_every_check_runs_is_kept_and_is_read_again_with_the_same_verdict(small, name):
    model, header = load_model(small)
    subject = Subject(header=header, method="gradcam", layer=LAYER)
    assert stored(name, subject) is None
    before = state_of(model)
    result = CHECKS[name].run(model, subject, 2, lambda part, text: None)
    assert_unchanged(model, before)
    keep(name, subject, result)
    again = stored(name, subject)
    assert again is not None
    assert again.verdict == result.verdict
    assert result.verdict.state == "cannot tell"
    assert traces(CHECKS[name].figure(again))
    assert stored(name, Subject(header=header, method="layercam", layer=LAYER)) is None


def test_the_code_of_a_check_draws_its_figure(small, monkeypatch):
    check = replace(CHECKS["localization"], num_clips=2)
    monkeypatch.setitem(CHECKS, "localization", check)
    model, header = load_model(small)
    subject = Subject(header=header, method="gradcam", layer=LAYER)
    result = check.run(model, subject, check.num_clips, lambda part, text: None)
    assert last_value(code("localization", subject, str(small))) == check.figure(result)


SHIPPED = {
    "gte-tiny": {
        "randomisation": "passed",
        "deletion": "not passed",
        "frame order": "cannot tell",
        "localization": "passed",
    },
    "c2d-tiny": {"randomisation": "passed", "deletion": "not passed", "frame order": "not passed"},
}


@pytest.mark.parametrize("name", SHIPPED)
def test_a_first_visitor_finds_every_verdict_of_the_shipped_networks(name):
    header = read_header(ROOT / "checkpoints" / f"{name}.safetensors")
    results = {check: stored(check, Subject(header=header, method="gradcam", layer="layer3.1")) for check in CHECKS}
    assert all(result is not None for result in results.values())
    states = {check: result.verdict.state for check, result in results.items() if result is not None}
    assert {check: states[check] for check in SHIPPED[name]} == SHIPPED[name]
    card = facts(results)
    assert card["tests"].startswith("Randomised weights: passed, Deletion, insertion: not passed")
    assert len(card["tests in detail"]) == len(CHECKS)
    drawn = cards(Subject(header=header, method="gradcam", layer="layer3.1"), "gte.safetensors")
    assert [item.title for item in drawn] == [check.title for check in CHECKS.values()]
    assert all(item.code.startswith("from pathlib import Path") for item in drawn)


@pytest.mark.slow
def test_random_weights_fail_the_checks_of_what_was_learned_on_the_shipped_network():
    """They change with the network as soon as the block itself is destroyed, and must not pass for that."""
    model, header = load_model(ROOT / "checkpoints" / "gte-tiny.safetensors")
    subject = Subject(header=header, method="randomcam", layer="layer3.1")
    unclear = "not passed", "cannot tell"
    for check, states in (("randomisation", ("not passed",)), ("localization", unclear), ("frame order", unclear)):
        result = CHECKS[check].run(model, subject, MIN_CLIPS, lambda part, text: None)
        assert result.verdict.state in states
