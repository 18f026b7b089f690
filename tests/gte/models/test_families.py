"""The networks that are no ResNet with a plug-in: against torchvision, against a plain chain, and by their design."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models.video import R2Plus1D_18_Weights, S3D_Weights, r2plus1d_18, s3d

from gte.models import MODELS, ClipShape, build
from gte.models.c3d_original import OriginalC3D
from gte.models.outputs import block_outputs, recording
from gte.models.slowfast import SlowFast, SlowFastConfig
from tests.tiny import tiny_clip, tiny_options

SLOWFASTS = [name for name, config in MODELS.items() if isinstance(config, SlowFastConfig)]


def count(name: str, **options: int) -> tuple[float, float]:
    """Parameters in millions, and MACs of convolutions and linear layers at the native clip in thousand millions."""
    clip = MODELS[name].native
    with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
        network = build(name, **options).eval()
        network(torch.zeros(1, 3, clip.frames, clip.height, clip.width))
    return sum(parameter.numel() for parameter in network.parameters()) / 1e6, counter.get_total_flops() / 2e9


@pytest.mark.parametrize(
    ("name", "num_classes", "params", "macs"),
    [
        ("slowfast_4x16", 400, 34.5, 36.3),
        ("slowfast_8x8", 400, 34.6, 66.1),
        ("s3d", 174, 8.09, 71.91),
        ("s3d", 400, 8.320048, 4 * 17.979),  # torchvision counts 16 frames, a quarter
        ("r2plus1d", 400, 31.505325, 40.519),
        ("c3d_original", 101, 78.4, 38.5),
    ],
)
def test_costs_are_within_one_percent_of_the_published_ones(name, num_classes, params, macs):
    assert count(name, num_classes=num_classes) == pytest.approx((params, macs), rel=0.01)


def test_what_the_notes_say_about_costs_is_so():
    assert f"{count('slowfast_4x16', num_classes=400)[1]:.2f} G" in MODELS["slowfast_4x16"].note
    assert f"{count('slowfast_8x8', num_classes=400)[1]:.2f} G" in MODELS["slowfast_8x8"].note
    assert f"{count('c3d_original', num_classes=101)[0]:.1f} M" in MODELS["c3d_original"].note
    assert f"{count('c3d_original', num_classes=487)[0]:.2f} M" in MODELS["c3d_original"].note
    note, (_, macs) = MODELS["s3d"].note, count("s3d")
    assert f"{macs:.2f} G MACs" in note
    assert f"{macs / 66.8 - 1:.0%}".replace("%", " %") in note
    with torch.device("meta"), torch.no_grad():
        entrance = build("s3d").get_submodule("features.0").eval()
        with FlopCounterMode(display=False) as counter:
            entrance(torch.zeros(1, 3, 64, 224, 224))
    assert f"takes {counter.get_total_flops() / 2e9:.2f} G" in note


def slowfast(name: str) -> SlowFast:
    network = build(name, **tiny_options(name)).eval()
    assert isinstance(network, SlowFast)
    return network


def outputs_of(network: nn.Module, clip: Tensor) -> dict[str, Tensor]:
    """Every block's output for a clip."""
    with torch.no_grad(), recording(block_outputs(network)) as outputs:
        network(clip)
    return outputs


@pytest.mark.parametrize(("name", "stride"), [("slowfast_4x16", 8), ("slowfast_8x8", 4)])
def test_the_slow_pathway_sees_the_first_and_then_every_so_many_th_frame(name, stride):
    network, clip = slowfast(name), torch.rand(1, 3, 17, 32, 32)
    seen = []
    network.slow.conv1.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    network(clip)
    assert torch.equal(seen[0], network.normalize(clip[:, :, ::stride]))


@pytest.mark.parametrize("name", SLOWFASTS)
def test_another_frame_reaches_the_slow_pathway_through_the_lateral_connections_alone(name):
    network, clip = slowfast(name), torch.rand(1, 3, 9, 32, 32)
    changed = clip.clone()
    changed[:, :, 1] = 0
    before, after = outputs_of(network, clip), outputs_of(network, changed)
    assert not any(torch.equal(before[block], after[block]) for block in before)
    with torch.no_grad():
        for lateral in network.laterals:
            nn.init.zeros_(lateral.get_parameter("weight"))
    before, after = outputs_of(network, clip), outputs_of(network, changed)
    moved = {block for block in before if not torch.equal(before[block], after[block])}
    assert moved == {block for block in before if block.startswith("fast.")}


@pytest.mark.parametrize("name", SLOWFASTS)
def test_nothing_of_the_slow_pathway_reaches_the_fast_one(name):
    network, clip = slowfast(name), torch.rand(1, 3, 9, 32, 32)
    before = outputs_of(network, clip)
    nn.init.zeros_(network.slow.conv1.weight)
    after = outputs_of(network, clip)
    moved = {block for block in before if not torch.equal(before[block], after[block])}
    assert moved == {block for block in before if block.startswith("slow.")}


@pytest.mark.parametrize("frames", [1, 2, 4, 5, 7, 8, 9, 17])
@pytest.mark.parametrize("name", SLOWFASTS)
def test_lateral_connections_give_as_many_frames_as_the_slow_pathway_sees(name, frames):
    with torch.device("meta"):
        network = slowfast(name)
        maps = outputs_of(network, torch.zeros(1, 3, frames, 32, 32))
    slow_frames = len(range(0, frames, network.slow_stride))
    assert {block.partition(".")[0]: tensor.shape[2] for block, tensor in maps.items()} == {
        "fast": frames,
        "slow": slow_frames,
    }


@pytest.mark.parametrize("name", SLOWFASTS)
def test_pathways_have_the_channels_of_the_publication(name):
    with torch.device("meta"):
        network = build(name)
    shapes = {layer: tuple(tensor.shape) for layer, tensor in network.state_dict().items() if tensor.dim() > 3}
    taps = {"slowfast_4x16": 5, "slowfast_8x8": 7}[name]
    assert shapes["slow.conv1.weight"] == (64, 3, 1, 7, 7)
    assert shapes["fast.conv1.weight"] == (8, 3, 5, 7, 7)
    assert [shapes[f"laterals.{stage}.weight"] for stage in range(4)] == [
        (2 * channels, channels, taps, 1, 1) for channels in (8, 32, 64, 128)
    ]
    # The slow pathway is inflated in its last two stages, the fast one in all.
    assert [shapes[f"slow.layer{stage}.0.conv1.weight"] for stage in (1, 2, 3, 4)] == [
        (64, 64 + 16, 1, 1),
        (128, 256 + 64, 1, 1),
        (256, 512 + 128, 3, 1),
        (512, 1024 + 256, 3, 1),
    ]
    assert [shapes[f"fast.layer{stage}.0.conv1.weight"] for stage in (1, 2, 3, 4)] == [
        (8, 8, 3, 1),
        (16, 32, 3, 1),
        (32, 64, 3, 1),
        (64, 128, 3, 1),
    ]
    assert network.get_parameter("fc.weight").shape == (174, 2048 + 256)


def original_c3d(num_classes: int = 5) -> OriginalC3D:
    network = build("c3d_original", base_width=8, num_classes=num_classes, dropout=0).eval()
    assert isinstance(network, OriginalC3D)
    return network


def plain_c3d(num_classes: int) -> nn.Sequential:
    """The figure of the publication, layer by layer, an eighth as wide."""

    def conv(channels: int, outputs: int) -> list[nn.Module]:
        return [nn.Conv3d(channels, outputs, 3, padding=1), nn.ReLU()]

    def pool(frames: int) -> list[nn.Module]:
        return [nn.MaxPool3d((frames, 2, 2), (frames, 2, 2), ceil_mode=True)]

    return nn.Sequential(
        *conv(3, 8) + pool(1),
        *conv(8, 16) + pool(2),
        *conv(16, 32) + conv(32, 32) + pool(2),
        *conv(32, 64) + conv(64, 64) + pool(2),
        *conv(64, 64) + conv(64, 64) + pool(2),
        nn.Flatten(),
        *(nn.Linear(64 * 4 * 4, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, num_classes)),
    )


def test_the_original_c3d_is_its_layers_one_after_the_other():
    ours, plain = original_c3d(), plain_c3d(5)
    with torch.no_grad():
        for theirs, weights in zip(plain.parameters(), ours.parameters(), strict=True):
            theirs.copy_(weights)
        clip = torch.rand(2, 3, 16, 112, 112)
        torch.testing.assert_close(ours(clip), plain(ours.normalize(clip)), rtol=1e-5, atol=1e-6)


def test_the_first_linear_layer_of_the_original_c3d_reads_four_by_four_cells_averaged_from_larger_clips():
    network, seen = original_c3d(), []
    network.get_submodule("pool5").register_forward_hook(lambda module, inputs, output: seen.append(output))
    network.fc6.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        for shape in (ClipShape(16, 112, 112), ClipShape(1, 97, 97), ClipShape(18, 140, 250)):
            network(torch.rand(1, 3, shape.frames, shape.height, shape.width))
    assert [tuple(maps.shape[2:]) for maps in seen[::2]] == [(1, 4, 4), (1, 4, 4), (2, 5, 8)]
    for maps, cells in zip(seen[::2], seen[1::2], strict=True):
        assert torch.equal(functional.adaptive_avg_pool3d(maps, (1, 4, 4)).flatten(1), cells)


def compare_with_torchvision(ours: nn.Module, theirs: nn.Module, transforms: nn.Module, clip: Tensor) -> None:
    missing = ours.load_state_dict(theirs.state_dict(), strict=False)
    assert (missing.missing_keys, missing.unexpected_keys) == (["normalize.mean", "normalize.std"], [])
    mean, std = (torch.tensor(getattr(transforms, name)).view(3, 1, 1, 1) for name in ("mean", "std"))
    with torch.no_grad():
        expected, of_grey = theirs.eval()((clip - mean) / std), theirs(torch.zeros_like(clip))
        assert (expected - of_grey).abs().max() > 0.01 * expected.abs().max()
        torch.testing.assert_close(ours.eval()(clip), expected, rtol=1e-5, atol=1e-5 * expected.abs().max().item())


def test_r2plus1d_is_torchvision_s_with_its_normalisation_inside():
    transforms = R2Plus1D_18_Weights.KINETICS400_V1.transforms()
    clip = torch.rand(2, 3, 8, 48, 56)
    compare_with_torchvision(build("r2plus1d", num_classes=5), r2plus1d_18(num_classes=5), transforms, clip)


@pytest.mark.slow
def test_s3d_is_torchvision_s_with_its_normalisation_inside():
    shape, theirs = tiny_clip("s3d"), s3d(num_classes=5)
    # Untrained, hardly anything reaches the logits; with the variance that arrives divided away, all of it does.
    for module in theirs.modules():
        if isinstance(module, nn.BatchNorm3d):
            nn.init.constant_(module.running_var, 0.05)  # pyright: ignore[reportArgumentType]
    clip = torch.rand(1, 3, shape.frames, shape.height, shape.width)
    transforms = S3D_Weights.KINETICS400_V1.transforms()
    compare_with_torchvision(build("s3d", num_classes=5), theirs, transforms, clip)


@pytest.mark.parametrize("side", ["frames", "height", "width"])
def test_torchvision_s_s3d_takes_no_smaller_clip_than_its_row_says(side):
    smallest = MODELS["s3d"].smallest
    with torch.device("meta"), torch.no_grad():
        theirs = s3d(num_classes=5).eval()
        sides = {"frames": smallest.frames, "height": smallest.height, "width": smallest.width}
        theirs(torch.zeros(1, 3, *sides.values()))
        sides[side] -= 1
        with pytest.raises(RuntimeError, match="smaller than kernel size"):
            theirs(torch.zeros(1, 3, *sides.values()))


@pytest.mark.parametrize(("name", "num_classes"), [("s3d", 400), ("r2plus1d", 400)])
def test_torchvision_s_networks_have_the_parameters_that_torchvision_states(name, num_classes):
    stated = {"s3d": S3D_Weights, "r2plus1d": R2Plus1D_18_Weights}[name].KINETICS400_V1.meta["num_params"]
    with torch.device("meta"):
        network = build(name, num_classes=num_classes)
    assert sum(parameter.numel() for parameter in network.parameters()) == stated
