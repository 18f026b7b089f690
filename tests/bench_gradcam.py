"""What one Grad-CAM costs, as ratios to a pass each way of the same network and to pytorch-grad-cam.

A part of `make bench`. All take turns in one process, and each ratio is taken within one round.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

from analysis.attribution.evidence import preselect_layer
from analysis.attribution.gradcam import grad_cam, map_shapes
from analysis.attribution.methods import METHODS, find_evidence
from gte.models import ClipShape, block_outputs, build, recording, to_channels_last

PASSES = "a pass each way"
OURS = "grad_cam"
ON_GRID = "grad_cam, on the clip's grid"
THEIRS = "pytorch-grad-cam"
TARGET = 0


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A network of the table and its clip."""

    name: str
    clip: ClipShape
    options: Mapping[str, int | float]


SMALL = Setting(name="gte", clip=ClipShape(8, 112, 112), options={"depth": 26, "base_width": 16, "num_classes": 14})
"""The size of the checkpoints that ship."""


def jobs(setting: Setting) -> tuple[str, dict[str, Callable[[], object]]]:
    """The block that is read, and what is timed: all with the same network, clip, class and block.

    pytorch-grad-cam always enlarges its map to the clip, by cubic splines; ours does it for comparison by
    `Evidence.upsampled`.
    """
    torch.manual_seed(0)
    network = to_channels_last(build(setting.name, **setting.options).eval())
    pixels = torch.rand(1, 3, setting.clip.frames, setting.clip.height, setting.clip.width)
    layer = preselect_layer(map_shapes(setting.name, dict(setting.options), setting.clip))
    block = block_outputs(network)[layer]

    def on_grid() -> object:
        return find_evidence("gradcam", network, pixels, TARGET, layer).upsampled(*pixels.shape[2:])

    return layer, {
        PASSES: lambda: forward_and_backward(network, block, pixels),
        OURS: lambda: grad_cam(network, pixels, TARGET, layer),
        ON_GRID: on_grid,
        THEIRS: lambda: by_pytorch_grad_cam(network, block, pixels),
        METHODS["layercam"].label: lambda: METHODS["layercam"].attribute(network, pixels, TARGET, layer),
    }


def forward_and_backward(network: nn.Module, block: nn.Module, pixels: Tensor) -> Tensor:
    """The least that any such method must do in the usual way: forwards, and backwards down to the block."""
    with recording({"block": block}) as outputs:
        logits = network(pixels)
    return torch.autograd.grad(logits[0, TARGET], outputs["block"])[0]


def by_pytorch_grad_cam(network: nn.Module, block: nn.Module, pixels: Tensor) -> np.ndarray:
    """Its map, on the grid of the clip; the gradients that it leaves in the weights are taken away again."""
    # Its signature asks for modules as targets, its own targets are none.
    targets: list[Any] = [ClassifierOutputTarget(TARGET)]
    with GradCAM(model=network, target_layers=[block]) as cam:
        found = cam(input_tensor=pixels, targets=targets)
    network.zero_grad()
    return found


def ratios(seconds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """For each round Grad-CAM's time over a pass each way, and on the clip's grid over pytorch-grad-cam's."""
    return {
        f"{OURS} / {PASSES}": seconds[OURS] / seconds[PASSES],
        f"{ON_GRID} / {THEIRS}": seconds[ON_GRID] / seconds[THEIRS],
    }


def print_ratios(setting: Setting, layer: str, seconds: Mapping[str, np.ndarray]) -> None:
    """The medians, and the ratios between their quartiles."""
    shape = ", ".join(f"{option} {value:g}" for option, value in setting.options.items())
    print(f"\nGrad-CAM of {setting.name} ({shape}) at {layer}, {setting.clip}")
    for name, times in seconds.items():
        print(f"{name:<44} {1000 * np.median(times):>8.1f} ms")
    for name, values in ratios(seconds).items():
        low, middle, high = np.percentile(values, [25, 50, 75])
        print(f"{name:<48} {middle:>7.2f}   {low:.2f} to {high:.2f}", flush=True)
