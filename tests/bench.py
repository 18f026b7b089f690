"""How long the networks take, as ratios to a 2D ResNet on the same frames: `make bench`.

All networks take turns in one process, and each ratio is taken within one round, so that a machine that is busy or
slows down changes the milliseconds and not the ratios.
"""

import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck, ResNet
from tqdm import tqdm

from gte.cli import run_command, say
from gte.models import MODELS, build, to_channels_last
from gte.models.config import NUM_CLASSES
from gte.models.resnet import STAGE_DEPTHS

BASELINE = "2D"


def main(rounds: int = 11, frames: int = 8, size: int = 224, depth: int = 50, threads: int = 2) -> None:
    """Time one forward pass of every network of the table on the CPU, batch 1, eval mode, channels-last memory.

    The measure is torchvision's 2D ResNet of the same depth with the frames as its batch.

    Args:
        rounds: How often each network runs; the median is printed, between the quartiles.
        frames: Frames of the clip.
        size: Height and width of a frame in pixels.
        depth: Layers of the networks: 26, 50 or 101.
        threads: Processor cores to use.
    """
    for option, value in {"rounds": rounds, "frames": frames, "size": size, "threads": threads}.items():
        if value < 1:
            raise ValueError(f"--{option} must be at least 1; got {value}.")
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    forwards = prepare(frames, size, depth)
    say("Measuring; anything else that runs now blurs the result.")
    seconds = measure(forwards, rounds)
    clip = f"{frames} frames of {size} x {size}"
    print(f"ResNet-{depth}, {clip}, {rounds} rounds, {threads} threads, torch {torch.__version__}")
    print(f"{'network':<8} {'median':>9} {'ratio':>7}   middle half of the rounds")
    for name, times in seconds.items():
        low, middle, high = np.percentile(times / seconds[BASELINE], [25, 50, 75])
        print(f"{name:<8} {1000 * np.median(times):>6.0f} ms {middle:>7.2f}   {low:.2f} to {high:.2f}")


def prepare(frames: int, size: int, depth: int) -> dict[str, Callable[[], Tensor]]:
    """One forward pass for each network, by name, the 2D one first. Raises ValueError for a depth without a network."""
    networks = {name: to_channels_last(build(name, depth=depth).eval()) for name in MODELS}
    flat = ResNet(Bottleneck, list(STAGE_DEPTHS[depth]), num_classes=NUM_CLASSES).eval()
    clip = torch.rand(1, 3, frames, size, size)
    # (1, 3, t, h, w) -> (t, 3, h, w): the frames are the batch
    images = clip[0].transpose(0, 1).contiguous(memory_format=torch.channels_last)
    forwards = {BASELINE: bind(flat.to(memory_format=torch.channels_last), images)}
    return forwards | {name: bind(network, clip) for name, network in networks.items()}


def bind(network: nn.Module, batch: Tensor) -> Callable[[], Tensor]:
    return lambda: network(batch)


def measure(forwards: dict[str, Callable[[], Tensor]], rounds: int) -> dict[str, np.ndarray]:
    """Seconds of each forward pass in each round, after one round that does not count.

    Every round begins with another network, so that none always follows the same neighbour's heat.
    """
    names = list(forwards)
    seconds = {name: np.empty(rounds) for name in names}
    with torch.inference_mode():
        for forward in forwards.values():
            forward()
        for turn in tqdm(range(rounds), desc="rounds", leave=False):
            start = turn % len(names)
            for name in names[start:] + names[:start]:
                began = time.perf_counter()
                forwards[name]()
                seconds[name][turn] = time.perf_counter() - began
    return seconds


if __name__ == "__main__":
    run_command(main, prog="python -m tests.bench")
