"""The curves and correlations of the tests of evidence, worked out a second time by plain loops over pixels."""

import copy
import itertools
import math
from functools import partial

import numpy as np
import pytest
import torch

from analysis.attribution.gradcam import grad_cam
from analysis.attribution.methods import find_evidence
from analysis.attribution.randomcam import weigh_randomly
from analysis.attribution.sanity_checks.clips import CheckClips
from analysis.attribution.sanity_checks.deletion_insertion import WAYS, delete_and_insert
from analysis.attribution.sanity_checks.weight_randomization import randomise
from gte.models import build, to_channels_last
from gte.models.outputs import block_outputs, recording

FRAMES, SIDE, TARGET, LAYER = 3, 32, 1, "layer1.0"
SHARES = (0.0, 0.1, 0.4, 1.0)


@pytest.fixture(scope="module")
def network():
    """A network whose answer does depend on its clip, and whose block has a map as fine as can be."""
    torch.manual_seed(0)
    model = build("gte", depth=26, base_width=16, num_classes=3)
    with torch.no_grad():
        model.get_parameter("fc.weight").mul_(20)
    return to_channels_last(model.eval())


@pytest.fixture
def clip():
    return torch.rand(1, 3, FRAMES, SIDE, SIDE)


def pixels_in_order(values):
    """Places (frame, row, column), the largest value first; where nothing was found, in an order drawn from seed 0."""
    places = [(t, y, x) for t in range(FRAMES) for y in range(SIDE) for x in range(SIDE)]
    drawn = torch.randperm(len(places), generator=torch.Generator().manual_seed(0)).tolist()
    return sorted((places[number] for number in drawn), key=lambda place: -values[place])


def enlarged(found):
    """A map on the grid of the clip, linear between its cells, of which cell i is on pixel i times the stride."""
    for axis, size in enumerate((FRAMES, SIDE, SIDE)):
        cells = found.shape[axis]
        lines = []
        for pixel in range(size):
            middle = pixel * cells / size
            low = min(max(math.floor(middle), 0), cells - 1)
            high = min(low + 1, cells - 1)
            part = min(max(middle - low, 0.0), 1.0)
            lines.append((1 - part) * np.take(found, low, axis) + part * np.take(found, high, axis))
        found = np.stack(lines, axis)
    return found


def blurred(frames):
    """A Gaussian of two pixels' deviation over rows and columns, six pixels far, mirrored at the edges."""
    deviation, reach = SIDE / 16, 6
    weights = [math.exp(-(step**2) / (2 * deviation**2)) for step in range(-reach, reach + 1)]

    def mirror(place):
        return -place if place < 0 else 2 * (SIDE - 1) - place if place >= SIDE else place

    for axis in (2, 3):
        out = np.zeros_like(frames)
        for place in range(SIDE):
            line = sum(
                weight * np.take(frames, mirror(place + step), axis)
                for step, weight in zip(range(-reach, reach + 1), weights, strict=True)
            )
            out[(slice(None),) * axis + (place,)] = line / sum(weights)
        frames = out
    return frames


def probability(model, frames):
    with torch.no_grad():
        logits = model(torch.from_numpy(frames.astype(np.float32))[None])[0].tolist()
    powers = [math.exp(logit - max(logits)) for logit in logits]
    return powers[TARGET] / sum(powers)


def curve(model, values, start, end):
    """The probability while pixels of `start` become those of `end`, the strongest evidence first."""
    places, found = pixels_in_order(values), []
    for share in SHARES:
        frames = start.copy()
        for number, (t, y, x) in enumerate(places):
            if number < share * len(places):
                frames[:, t, y, x] = end[:, t, y, x]
        found.append(probability(model, frames))
    return found


def area(heights):
    return sum(
        (left + right) / 2 * (later - earlier)
        for (left, right), (earlier, later) in zip(itertools.pairwise(heights), itertools.pairwise(SHARES), strict=True)
    )


def motion(frames):
    """The change of each pixel to the frames before and after, the mean over colours."""
    found = np.zeros((FRAMES, SIDE, SIDE))
    for t in range(FRAMES):
        for other in (t - 1, t + 1):
            if 0 <= other < FRAMES:
                found[t] += abs(frames[:, t] - frames[:, other]).mean(axis=0)
    return found


def test_deletion_and_insertion_are_what_a_plain_loop_over_pixels_finds(network, clip):
    explain = partial(find_evidence, "gradcam", layer=LAYER)
    clips = CheckClips(pixels=clip, targets=(TARGET,), rivals=(0,))
    result = delete_and_insert(network, clips, explain, LAYER, random_maps=1, shares=SHARES)
    with recording(block_outputs(network)) as outputs, torch.no_grad():
        network(clip)
    frames = clip[0].double().numpy()
    maps = [
        explain(network, clip, TARGET).map,
        explain(network, clip, 0).map,
        outputs[LAYER][0].mean(dim=0),
        torch.from_numpy(motion(frames)),
        weigh_randomly(outputs[LAYER], 0),
    ]
    average = np.broadcast_to(frames.mean(axis=(1, 2, 3), keepdims=True), frames.shape)
    areas = result.areas()[0]
    for order, raw in enumerate(maps):
        values = enlarged(raw.double().numpy())
        for way in WAYS:
            start, end = {"deletion": (frames, average), "insertion": (blurred(frames), frames)}[way]
            mine = curve(network, values, start, end)
            place = WAYS.index(way)
            assert result.probabilities[0, order, place].tolist() == pytest.approx(mine, abs=1e-3)
            assert areas[order, place] == pytest.approx(area(mine), abs=1e-3)
            assert max(mine) - min(mine) > 0.05


def ranks(values):
    """Places in order, from 1; what is equal shares the mean of its places."""
    return [(sum(other < one for other in values) + sum(other <= one for other in values) + 1) / 2 for one in values]


def correlation(first, second):
    one, other = (np.array(ranks(found.flatten().tolist())) for found in (first, second))
    one, other = one - one.mean(), other - other.mean()
    return float((one * other).sum() / math.sqrt((one**2).sum() * (other**2).sum()))


def test_each_stage_of_destroyed_weights_correlates_as_ranks_counted_one_by_one_do(network, clip):
    """From the classifier down, each part besides those before it; the maps are compared by their ranks alone."""

    def evidence(model):
        return grad_cam(model, clip, TARGET, "layer3.0")

    explain = partial(find_evidence, "gradcam", layer="layer3.0")
    clips = CheckClips(pixels=clip, targets=(TARGET,), rivals=(0,))
    result = randomise(network, clips, explain, "layer3.0", seeds=1, num_stages=11)
    stages = [("fc", ["fc"])]
    stages += [(f"layer{stage}.{block}", [f"layer{stage}.{block}"]) for stage in (4, 3, 2, 1) for block in (1, 0)]
    stages += [("bn1", ["bn1"]), ("conv1", ["conv1"])]
    assert result.parts == ("original", *(name for name, _ in stages))
    assert result.parts[result.decisive] == "layer3.1"
    intact, correlations = evidence(network), [1.0]
    broken, chance = copy.deepcopy(network), torch.Generator().manual_seed(0)
    modules = dict(broken.named_modules())
    weighted = {
        name: module for name, module in modules.items() if next(module.parameters(recurse=False), None) is not None
    }
    with torch.no_grad(), recording(weighted) as ran:
        broken(clip)
    for _, prefixes in stages:
        for name in ran:
            if any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes):
                for parameter in modules[name].parameters(recurse=False):
                    drawn = torch.randperm(parameter.numel(), generator=chance)
                    parameter.data = parameter.data.flatten()[drawn].reshape(parameter.shape)
        correlations.append(abs(correlation(intact, evidence(broken))))
    assert result.correlations[0, 0].tolist() == pytest.approx(correlations, abs=1e-6)
    assert min(correlations) < 0.7
