"""Weights of a 2D ResNet in the video ResNets: the 2D network's answer to a still clip, slices, and what is refused."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck as TorchvisionBottleneck
from torchvision.models.resnet import ResNet

from gte.checkpoint import load_histories
from gte.checkpoint_header import read_header
from gte.errors import WeightsError
from gte.models import MODELS, configure, recording, temporal_layers
from gte.models.resnet import STAGE_DEPTHS, ResNetConfig, VideoResNet
from gte.models.shift import fold, shift_layers
from gte.models.temporal import SpatioTemporalConv, TemporalConv
from gte.train import Run, train
from gte.train_config import PRESETS, TrainConfig
from gte.weights.inflation import check_pretrained, inflate, initialise
from tests.published import CLASSES, WIDTH, flat_resnet, normalised, randomised
from tests.tiny import tiny_training

SIZES = {"depth": 26, "base_width": WIDTH, "num_classes": CLASSES}
RESNETS = [name for name, row in MODELS.items() if isinstance(row, ResNetConfig)]
WHOLE = ["c3d", "i3d", "p3d", "gst_large"]
"""The networks that see all of a still clip through all of the 2D weights."""


def full_network(depth: int, num_classes: int = CLASSES) -> ResNet:
    """torchvision's own ResNet with random weights."""
    torch.manual_seed(0)
    return randomised(ResNet(TorchvisionBottleneck, list(STAGE_DEPTHS[depth]), num_classes=num_classes))


@pytest.fixture(scope="module")
def flat() -> ResNet:
    """torchvision's ResNet, a quarter as wide and half as deep."""
    torch.manual_seed(0)
    return randomised(flat_resnet(STAGE_DEPTHS[26]))


def filled(name: str, flat: ResNet, **options: float) -> tuple[VideoResNet, tuple[str, ...]]:
    """A network of the table with the weights of a 2D one, and what of it stays random."""
    depth = {sum(blocks): depth for depth, blocks in STAGE_DEPTHS.items()}[
        sum(isinstance(module, TorchvisionBottleneck) for module in flat.modules())
    ]
    sizes = {"depth": depth, "base_width": flat.conv1.out_channels, "num_classes": CLASSES}
    config = configure(name, **sizes | options)
    assert isinstance(config, ResNetConfig)
    network = config.build()
    random = inflate(network, config, flat.state_dict())
    return network.eval(), random


def frame_logits(network: VideoResNet, clip: Tensor) -> Tensor:
    """The logits of every frame of one clip, before the consensus: (t, classes)."""
    with torch.no_grad(), recording({"fc": network.fc}) as outputs:
        network(clip)
    return outputs["fc"]


def assert_close(ours: Tensor, theirs: Tensor, scale: float = 1e-5) -> None:
    """Equal to a hundred thousandth of the largest number."""
    torch.testing.assert_close(ours, theirs, rtol=0, atol=scale * theirs.abs().max().item())


def test_c2d_answers_every_frame_as_torchvision(flat):
    network, random = filled("c2d", flat)
    clip = torch.rand(1, 3, 4, 64, 48)
    with torch.no_grad():
        assert_close(frame_logits(network, clip), flat(fold(normalised(clip))))
    assert random == ()


@pytest.mark.slow
@pytest.mark.parametrize("depth", [50, 101])
def test_c2d_answers_as_torchvision_at_full_depth(depth):
    flat = full_network(depth)
    network, _ = filled("c2d", flat)
    clip = torch.rand(1, 3, 2, 224, 224)
    with torch.no_grad():
        assert_close(frame_logits(network, clip), flat(fold(normalised(clip))))


def still_clip(num_frames: int) -> Tensor:
    return torch.rand(1, 3, 1, 64, 64).expand(-1, -1, num_frames, -1, -1)


def check_middle_frames(name: str, flat: ResNet, scale: float) -> None:
    network, _ = filled(name, flat)
    layers = len(temporal_layers(network))
    clip = still_clip(2 * layers + 3)
    logits = frame_logits(network, clip)
    with torch.no_grad():
        expected = flat(normalised(clip)[:, :, 0])
    assert_close(logits[layers : layers + 3], expected.expand(3, -1), scale)
    # The frames that zero padding reaches answer otherwise: the middle is not right by chance.
    assert (logits[0] - expected[0]).abs().max() > 1e-2 * expected.abs().max()


@pytest.mark.parametrize("name", WHOLE)
def test_the_middle_frames_of_a_still_clip_get_the_2d_network_s_answer(flat, name):
    check_middle_frames(name, flat, 1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", WHOLE)
def test_the_middle_frames_of_a_still_clip_get_the_2d_network_s_answer_at_depth_50(name):
    check_middle_frames(name, full_network(50), 1e-5)


def test_no_frame_of_a_still_clip_of_eight_is_clean(flat):
    network, _ = filled("c3d", flat)
    clip = still_clip(8)
    with torch.no_grad():
        expected = flat(normalised(clip)[:, :, 0])
    errors = (frame_logits(network, clip) - expected).abs().amax(1)
    assert (errors > 1e-3 * expected.abs().max()).all()


def weight_of(flat: ResNet, key: str) -> Tensor:
    return flat.state_dict()[key]


def middle(operator: Callable[[Tensor, int], Tensor], frame: Tensor) -> Tensor:
    """What an operator gives for the middle one of five equal frames."""
    with torch.no_grad():
        return operator(frame.expand(5, -1, -1, -1), 5)[2]


@pytest.mark.parametrize("stage", [1, 2])
def test_every_operator_gives_a_still_frame_the_answer_of_its_slice_of_the_2d_weight(flat, stage):
    """Stage 1 keeps the resolution, stage 2 halves it."""
    weight = weight_of(flat, f"layer{stage}.0.conv2.weight")
    width = weight.shape[0]
    half, stride = width // 2, stage
    frame = torch.rand(1, width, 9, 9)

    def answer(kernel: Tensor, inputs: Tensor) -> Tensor:
        return nn.functional.conv2d(inputs, kernel, stride=stride, padding=1)[0]

    def conv2(name: str) -> nn.Module:
        network, _ = filled(name, flat)
        return network.get_submodule(f"layer{stage}.0.conv2")

    temporal = width // 4
    kept = width - temporal
    still, moving = frame[:, :half], frame[:, half:]
    assert_close(middle(conv2("c3d"), frame), answer(weight, frame))
    assert_close(middle(conv2("gst_large"), frame), answer(weight, frame))
    assert_close(middle(conv2("p3d").get_submodule("spatial"), frame), answer(weight, frame))
    gst = torch.cat([answer(weight[:kept, :half], still), answer(weight[kept:, half:], moving)])
    assert_close(middle(conv2("gst"), frame), gst)
    # LTS starts by passing on inputs 0 to tC - 1 of its half, each once: tC is half of its inputs here.
    gte = torch.cat([gst[:kept], answer(weight[kept:, half : half + temporal], moving[:, :temporal])])
    assert_close(middle(conv2("gte"), frame), gte)


def test_the_entrances_of_i3d_give_a_still_frame_the_2d_answer(flat):
    network, _ = filled("i3d", flat)
    weight = weight_of(flat, "layer2.1.conv1.weight")
    frame = torch.rand(1, weight.shape[1], 4, 4)
    with torch.no_grad():
        assert_close(middle(network.get_submodule("layer2.1.conv1"), frame), nn.functional.conv2d(frame, weight)[0])


def test_where_lts_has_more_outputs_than_inputs_the_convolution_after_it_reads_each_input_again(flat):
    network, _ = filled("gte", flat, temporal_share=3 / 4)
    weight = weight_of(flat, "layer1.0.conv2.weight")
    after = network.state_dict()["layer1.0.conv2.temporal.conv.weight"]
    assert after.shape == (12, 12, 3, 3)
    for output in range(12):
        assert torch.equal(after[:, output], weight[4:, 8 + output % 8])


@pytest.mark.parametrize("name", RESNETS)
def test_every_resnet_takes_the_weights_and_only_another_classifier_stays_random(flat, name):
    network, random = filled(name, flat, num_classes=CLASSES + 1)
    assert random == ("fc.weight", "fc.bias")
    state = network.state_dict()
    for key, tensor in flat.state_dict().items():
        if key in state and state[key].shape == tensor.shape and not key.startswith("fc.") and ".bn2." not in key:
            if isinstance(network.get_submodule(key.rpartition(".")[0]), TemporalConv | SpatioTemporalConv):
                continue
            assert torch.equal(state[key], tensor), key
    assert filled(name, flat)[1] == ()


@pytest.mark.parametrize("name", RESNETS)
def test_nothing_but_the_classifier_depends_on_the_random_start(flat, name):
    states = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        config = configure(name, **SIZES | {"num_classes": CLASSES + 1})
        assert isinstance(config, ResNetConfig)
        network = config.build()
        inflate(network, config, flat.state_dict())
        states.append(network.state_dict())
    assert [key for key in states[0] if not torch.equal(states[0][key], states[1][key])] == ["fc.weight", "fc.bias"]


@pytest.mark.parametrize("name", [name for name in RESNETS if name.startswith("gte")])
def test_lts_stays_the_temporal_shift(flat, name):
    fresh = configure(name, **SIZES).build()
    network, _ = filled(name, flat)
    for layer, module in shift_layers(network).items():
        assert torch.equal(module.weight, fresh.state_dict()[f"{layer}.weight"])


def test_p3d_takes_the_batchnorm_between_its_convolutions_and_the_one_behind_is_the_identity(flat):
    network, _ = filled("p3d", flat)
    between = network.state_dict()["layer3.1.conv2.bn.running_var"]
    assert torch.equal(between, weight_of(flat, "layer3.1.bn2.running_var"))
    frames = torch.randn(2, 4 * WIDTH, 3, 3)
    assert torch.equal(network.get_submodule("layer3.1.bn2")(frames), frames)


@pytest.mark.parametrize("name", sorted(MODELS.keys() - set(RESNETS)))
def test_a_network_that_is_no_such_resnet_is_refused_with_those_that_are(name):
    with pytest.raises(ValueError, match=r"fit the ResNets of the table, c2d, tsm, .*; got "):
        check_pretrained(MODELS[name], "imagenet")


@pytest.mark.parametrize("options", [{"depth": 26}, {"base_width": 32}])
def test_imagenet_weights_of_other_sizes_do_not_exist(options):
    with pytest.raises(ValueError, match="exist for depth 50 and 101 with base_width 64; got depth"):
        check_pretrained(configure("gte", **options), "imagenet")


def test_weights_of_another_network_are_refused_with_what_is_missing_left_over_or_unlike(flat):
    state = flat.state_dict()
    config = configure("gte", **SIZES)
    assert isinstance(config, ResNetConfig)
    state["layer9.weight"] = state.pop("layer1.0.bn3.bias")
    state["layer2.0.conv2.weight"] = state["layer2.0.conv2.weight"][:, :4]
    message = (
        r"it lacks layer1\.0\.bn3\.bias; left over is layer9\.weight; of another shape is layer2\.0\.conv2\.weight "
        r"\(32 x 4 x 3 x 3 and not 32 x 32 x 3 x 3\)"
    )
    with pytest.raises(WeightsError, match=message):
        inflate(config.build(), config, state)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_network_starts_from_a_local_file_and_says_which(flat, tmp_path: Path, suffix, opened_here):
    path = tmp_path / f"r26{suffix}"
    if suffix == ".pth":
        torch.save(flat.state_dict(), path)
    else:
        save_file(flat.state_dict(), path)
    config = configure("gst", **SIZES | {"num_classes": 3})
    network = config.build()
    sentence = initialise(network, config, str(path))
    assert torch.equal(network.state_dict()["conv1.weight"], flat.conv1.weight)
    assert sentence.startswith(f"Started from {path.name} (SHA-256 ")
    assert sentence.endswith("); at random are fc.weight, fc.bias.")


def test_a_file_of_something_else_is_no_start(tmp_path: Path, opened_here):
    path = tmp_path / "linear.pth"
    torch.save({"weight": torch.zeros(2, 2)}, path)
    config = configure("c2d", **SIZES)
    with pytest.raises(WeightsError, match=r"linear\.pth holds no weights of torchvision's ResNet: .* weight"):
        initialise(config.build(), config, str(path))


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"epoch": 3}, r"no complete ResNet of torchvision's: left over is epoch \(no tensor\);"),
        (
            {"fc.bias": torch.full((CLASSES,), float("nan"))},
            r"no complete ResNet of torchvision's: NaN .* in fc\.bias;",
        ),
    ],
)
def test_a_file_that_holds_something_else_or_no_numbers_is_no_start(flat, tmp_path: Path, extra, message, opened_here):
    torch.save(flat.state_dict() | extra, tmp_path / "r26.pth")
    with pytest.raises(WeightsError, match=message):
        initialise(configure("c2d", **SIZES).build(), configure("c2d", **SIZES), str(tmp_path / "r26.pth"))


def test_a_file_of_another_size_is_said_to_be_one_without_a_list_of_its_keys(flat, tmp_path: Path, opened_here):
    torch.save(flat.state_dict(), tmp_path / "r26.pth")
    config = configure("gte", **SIZES | {"depth": 50, "base_width": 32})
    message = (
        r"r26\.pth has depth 26 and base_width 16, and GTE needs 50 and 32; give weights of its size, or "
        r"--model-options depth=26 base_width=16\.$"
    )
    with pytest.raises(WeightsError, match=message):
        initialise(config.build(), config, str(tmp_path / "r26.pth"))


def test_without_a_network_the_way_out_is_a_local_file(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    # A port where nobody listens.
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    config = configure("c2d", num_classes=2)
    with pytest.raises(WeightsError, match=r"resnet50-\w+\.pth is not on this machine .* give its path"):
        initialise(config.build(), config, "imagenet")


def test_imagenet_weights_that_were_downloaded_before_are_used(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    flat = full_network(50, num_classes=1000)
    path = folder / "resnet50-0676ba61.pth"
    torch.save(flat.state_dict(), path)
    config = configure("gte")
    network = config.build()
    sentence = initialise(network, config, "imagenet")
    assert "at random are fc.weight, fc.bias, and LTS is the temporal shift" in sentence
    assert torch.equal(network.state_dict()["layer4.2.conv3.weight"], flat.state_dict()["layer4.2.conv3.weight"])
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(WeightsError, match=r"is damaged, or was damaged on the way; delete it"):
        initialise(network, config, "imagenet")


@pytest.fixture
def config(flat, tmp_path: Path, monkeypatch, opened_here) -> TrainConfig:
    """A short training of c3d from a file of 2D weights."""
    monkeypatch.setattr("gte.data.motionpairs.dataset.SPLITS", {"train": 64, "val": 14, "test": 28})
    weights = tmp_path / "r26.safetensors"
    save_file(flat.state_dict(), weights)
    return tiny_training(
        tmp_path / "run",
        model="c3d",
        model_options=("depth=26", f"base_width={WIDTH}"),
        pretrained=str(weights),
        clips_per_epoch=4,
        epochs=1,
    )


def test_a_training_starts_from_the_weights_and_its_checkpoint_says_which(flat, config):
    path = train(config)
    header = read_header(path)
    assert header.training["pretrained"] == config.pretrained
    digest = hashlib.sha256(Path(config.pretrained).read_bytes()).hexdigest()
    assert header.environment["start"] == (
        f"Started from r26.safetensors (SHA-256 {digest}); at random are fc.weight, fc.bias."
    )
    first = load_histories(path)[0]
    assert first.initial is not None
    inflated = weight_of(flat, "layer1.0.conv2.weight").sum((2, 3)) / 3
    np.testing.assert_allclose(first.initial, inflated[:, :, None, None].expand(-1, -1, 3, -1), atol=1e-6)
    assert not np.array_equal(first.weights[-1], first.initial)


def test_a_resumed_training_does_not_need_the_file_again_and_still_says_where_it_started(config):
    path = train(config)
    start = read_header(path).environment["start"]
    Path(config.pretrained).unlink()
    train(replace(config, resume=True))
    assert read_header(path).environment["start"] == start


def test_a_training_whose_weights_are_missing_writes_nothing(config):
    missing = replace(config, pretrained="gone.pth")
    with pytest.raises(WeightsError, match=r"There is no file gone\.pth"):
        train(missing)
    assert not config.out.exists()


def test_a_configuration_that_no_such_weights_fit_states_the_rule(config):
    for changes, message in [
        ({"pretrained": "imagenet"}, "exist for depth 50 and 101 with base_width 64; got depth 26"),
        (
            {"pretrained": "r50.pth", "model": "slowfast_4x16", "model_options": ()},
            "fit the ResNets of the table, .*; got SlowFast 4x16",
        ),
    ]:
        with pytest.raises(ValueError, match=message):
            replace(config, **changes)


def test_a_training_without_them_is_what_it_was_before_they_could_be_given(config):
    scratch = replace(config, pretrained="")
    torch.manual_seed(scratch.seed)
    network = configure("c3d", **SIZES | {"num_classes": 14}).build()
    state = Run(scratch).model.state_dict()
    assert all(torch.equal(state[key], tensor) for key, tensor in network.state_dict().items())
    facts = scratch.facts()
    del facts["pretrained"]
    assert scratch.differences(facts) == []
    assert config.differences(facts) == ["pretrained"]


@pytest.mark.parametrize("name", ["paper-something", "paper-diving48", "tsn", "tsm"])
def test_the_published_recipes_start_from_imagenet(name):
    assert PRESETS[name][1].pretrained == "imagenet"
