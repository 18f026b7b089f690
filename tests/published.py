"""Reference networks in their publishers' layouts, written here anew from what the publishers say of them.

They name and shape their parameters as the publishers do; nothing of them comes from the code that is tested.
"""

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.resnet import Bottleneck as TorchvisionBottleneck
from torchvision.models.resnet import ResNet

Network = TypeVar("Network", bound=nn.Module)


def frames_of(clip: Tensor) -> Tensor:
    """Every frame of (n, 3, t, h, w) as a picture: (n·t, 3, h, w)."""
    return clip.transpose(1, 2).flatten(0, 1)


WIDTH, BLOCKS, CLASSES = 16, (2, 2, 2, 2), 5
DEEP = (3, 4, 23, 3)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Shifted(nn.Module):
    """What TSM's repository and mmaction2 wrap around a convolution: `net` behind a shift by one frame."""

    def __init__(self, net: nn.Module, num_frames: int, division: int = 8) -> None:
        super().__init__()
        self.net = net
        self.num_frames = num_frames
        self.division = division

    def forward(self, x: Tensor) -> Tensor:
        clips = x.unflatten(0, (-1, self.num_frames))  # (n, t, c, h, w)
        part = x.shape[1] // self.division
        padded = functional.pad(clips, (0, 0, 0, 0, 0, 0, 1, 1))
        ahead, now, back = padded[:, 2:], padded[:, 1:-1], padded[:, :-2]
        mixed = torch.cat([ahead[:, :, :part], back[:, :, part : 2 * part], now[:, :, 2 * part :]], dim=2)
        return self.net(mixed.flatten(0, 1))


class Consensus(nn.Module):
    """Frames (n, 3, t, h, w), already normalised, one by one through `base_model` and a classifier; their mean."""

    def __init__(self, base_model: nn.Module, features: int) -> None:
        super().__init__()
        self.base_model = base_model
        self.new_fc = nn.Linear(features, CLASSES)

    def forward(self, clip: Tensor) -> Tensor:
        return self.new_fc(self.base_model(frames_of(clip))).unflatten(0, (clip.shape[0], -1)).mean(1)


def flat_resnet(blocks: tuple[int, ...], width: int = WIDTH) -> ResNet:
    """torchvision's ResNet of another width."""

    class Narrow(ResNet):
        def _make_layer(self, block, planes, *arguments, **named):
            if planes == 64:
                self.inplanes = width
                self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
                self.bn1 = nn.BatchNorm2d(width)
            return super()._make_layer(block, planes * width // 64, *arguments, **named)

    network = Narrow(TorchvisionBottleneck, list(blocks))
    network.fc = nn.Linear(32 * width, CLASSES)
    return network


def tsm_repository(blocks: tuple[int, ...], num_frames: int, shifts: bool = True, division: int = 8) -> nn.Module:
    """A ResNet of TSM's repository; in deep ones every second block alone is shifted."""
    flat = flat_resnet(blocks)
    flat.add_module("fc", nn.Identity())  # dropout stands there, and the classifier outside
    if shifts:
        every = 2 if blocks[2] >= 23 else 1
        for stage in (flat.layer1, flat.layer2, flat.layer3, flat.layer4):
            for block in list(stage)[::every]:
                block.add_module("conv1", Shifted(block.get_submodule("conv1"), num_frames, division))
    return Consensus(flat, 32 * WIDTH)


class GstBlock(nn.Module):
    """A bottleneck of GST's repository on (n, c, t, h, w): 1 of alpha outputs is temporal, 1 of beta inputs is read."""

    def __init__(self, inputs: int, width: int, stride: int, alpha: int, beta: int) -> None:
        super().__init__()
        temporal = width // alpha
        step = (1, stride, stride)
        self.beta = beta
        self.conv1 = nn.Conv3d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm3d(width)
        self.conv2 = nn.Conv3d(width // beta, width - temporal, (1, 3, 3), step, (0, 1, 1), bias=False)
        self.Tconv = nn.Conv3d(width // beta, temporal, 3, step, 1, bias=False)
        self.bn2 = nn.BatchNorm3d(width)
        self.conv3 = nn.Conv3d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm3d(4 * width)
        self.downsample = None
        if stride > 1 or inputs != 4 * width:
            self.downsample = nn.Sequential(
                nn.Conv3d(inputs, 4 * width, 1, step, bias=False), nn.BatchNorm3d(4 * width)
            )

    def forward(self, x: Tensor) -> Tensor:
        out = functional.relu(self.bn1(self.conv1(x)))
        halves = out.chunk(2, dim=1) if self.beta == 2 else (out, out)
        out = torch.cat([self.conv2(halves[0]), self.Tconv(halves[1])], dim=1)
        out = self.bn3(self.conv3(functional.relu(self.bn2(out))))
        return functional.relu(out + (x if self.downsample is None else self.downsample(x)))


class GstBase(nn.Module):
    """The 3D network of GST's repository up to its features, (n, 3, t, h, w) to (n, t, features)."""

    def __init__(self, alpha: int, beta: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(3, WIDTH, (1, 7, 7), (1, 2, 2), (0, 3, 3), bias=False)
        self.bn1 = nn.BatchNorm3d(WIDTH)
        inputs = WIDTH
        for stage, blocks in enumerate(BLOCKS):
            width = WIDTH * 2**stage
            made = []
            for block in range(blocks):
                made.append(GstBlock(inputs, width, 2 if stage and not block else 1, alpha, beta))
                inputs = 4 * width
            self.add_module(f"layer{stage + 1}", nn.Sequential(*made))

    def forward(self, clip: Tensor) -> Tensor:
        x = functional.relu(self.bn1(self.conv1(clip)))
        x = functional.max_pool3d(x, (1, 3, 3), (1, 2, 2), (0, 1, 1))
        for stage in range(1, 5):
            x = self.get_submodule(f"layer{stage}")(x)
        return x.mean((3, 4)).transpose(1, 2)


class Gst(nn.Module):
    """GST as its repository saves it."""

    def __init__(self, alpha: int, beta: int = 2) -> None:
        super().__init__()
        self.base_model = GstBase(alpha, beta)
        self.new_fc = nn.Linear(32 * WIDTH, CLASSES)

    def forward(self, clip: Tensor) -> Tensor:
        return self.new_fc(self.base_model(clip)).mean(1)


class ConvModule(nn.Module):
    """mmcv's convolution, BatchNorm and perhaps ReLU."""

    def __init__(self, conv: nn.Module, channels: int, activates: bool = True) -> None:
        super().__init__()
        self.conv = conv
        self.bn = nn.BatchNorm2d(channels)
        self.activates = activates

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn(self.conv(x))
        return functional.relu(out) if self.activates else out


class MmactionBlock(nn.Module):
    """mmaction2's bottleneck in the style that it calls pytorch: the stride sits on the 3x3."""

    def __init__(self, inputs: int, width: int, stride: int, num_frames: int | None) -> None:
        super().__init__()
        entrance = nn.Conv2d(inputs, width, 1, bias=False)
        self.conv1 = ConvModule(Shifted(entrance, num_frames) if num_frames else entrance, width)
        self.conv2 = ConvModule(nn.Conv2d(width, width, 3, stride, 1, bias=False), width)
        self.conv3 = ConvModule(nn.Conv2d(width, 4 * width, 1, bias=False), 4 * width, activates=False)
        self.downsample = None
        if stride > 1 or inputs != 4 * width:
            shortcut = nn.Conv2d(inputs, 4 * width, 1, stride, bias=False)
            self.downsample = ConvModule(shortcut, 4 * width, activates=False)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv3(self.conv2(self.conv1(x)))
        return functional.relu(out + (x if self.downsample is None else self.downsample(x)))


class Mmaction(nn.Module):
    """mmaction2's Recognizer2D with a TSN or TSM backbone and head; `num_frames` where it is shifted."""

    def __init__(self, num_frames: int | None) -> None:
        super().__init__()
        backbone = nn.Module()
        backbone.conv1 = ConvModule(nn.Conv2d(3, WIDTH, 7, 2, 3, bias=False), WIDTH)
        inputs = WIDTH
        for stage, blocks in enumerate(BLOCKS):
            width = WIDTH * 2**stage
            made = []
            for block in range(blocks):
                made.append(MmactionBlock(inputs, width, 2 if stage and not block else 1, num_frames))
                inputs = 4 * width
            backbone.add_module(f"layer{stage + 1}", nn.Sequential(*made))
        self.backbone = backbone
        self.cls_head = nn.Module()
        self.cls_head.fc_cls = nn.Linear(32 * WIDTH, CLASSES)

    def forward(self, clip: Tensor) -> Tensor:
        x = functional.max_pool2d(self.backbone.get_submodule("conv1")(frames_of(clip)), 3, 2, 1)
        for stage in range(1, 5):
            x = self.backbone.get_submodule(f"layer{stage}")(x)
        logits = self.cls_head.get_submodule("fc_cls")(x.mean((2, 3)))
        return logits.unflatten(0, (clip.shape[0], -1)).mean(1)


def randomised(network: Network) -> Network:
    """Random statistics for every BatchNorm, so that exchanging two of them shows; in eval mode."""
    state = network.state_dict()
    for path, module in network.named_modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            for name in ("weight", "running_var"):
                nn.init.uniform_(state[f"{path}.{name}"], 0.5, 1.5)
            for name in ("bias", "running_mean"):
                nn.init.normal_(state[f"{path}.{name}"], std=0.2)
    network.eval()
    return network


def normalised(clip: Tensor, mean: tuple[float, ...] = MEAN, std: tuple[float, ...] = STD) -> Tensor:
    """A clip in [0, 1] as the publishers' networks take it."""
    return (clip - torch.tensor(mean).view(3, 1, 1, 1)) / torch.tensor(std).view(3, 1, 1, 1)
