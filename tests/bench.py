"""What the networks cost on the clock and in memory, as ratios to a 2D ResNet on the same frames: `make bench`.

All that is compared takes turns in one process, and each ratio is taken within one round, so that a machine that is
busy or slows down changes the milliseconds and not the ratios.
"""

import copy
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.models.resnet import Bottleneck, ResNet
from tqdm import tqdm

from analysis.complexity import counting
from analysis.timing.stopwatch import Jobs, forward, measure, measures_memory, memory_of_step, training_step
from gte.cli import run_command, say
from gte.models import COMPARED, ClipShape, applicable, build, configure, fuse, to_channels_last
from gte.models.config import NUM_CLASSES
from gte.models.resnet import STAGE_DEPTHS, check_depth
from gte.models.shift import LearnableTemporalShift, fold, unfold
from tests import bench_loader, bench_startup, bench_video

BASELINE = "2D"
FUSED = " fused"
COUNTED = " counted"

Part = Literal[
    "inference", "training", "shift", "memory", "profile", "gradcam", "counting", "video", "loader", "startup"
]


def main(
    *,
    parts: tuple[Part, ...] = (
        *("inference", "training", "shift", "memory", "profile", "gradcam", "counting", "video", "loader"),
    ),
    models: tuple[str, ...] = COMPARED,
    rounds: int = 11,
    frames: int = 8,
    size: int = 224,
    depth: int = 50,
    threads: int = 2,
) -> None:
    """Time the networks on the CPU, batch 1, channels-last memory, against torchvision's 2D ResNet of the same depth.

    The 2D network has the frames of the clip as its batch. `fused` is `gte.models.fuse`; the 2D network is fused by
    torch's own function.

    Args:
        parts: inference: one forward pass, plain and fused; training: forward and backward; shift: LTS alone against
            nn.Conv3d with the same kernel; memory: the most that a training step needs; profile: where the time of the
            fused networks goes; gradcam: one Grad-CAM of gte against a pass each way, and against pytorch-grad-cam;
            counting: `analysis.complexity` against one plain forward pass of what it counts;
            video: sampling a clip from a file against decoding all of it and against OpenCV, and against torchcodec
            and decord where they are installed;
            loader: training steps on clips that are rendered or read from files, against the same on clips in memory,
            and whether a training of many epochs needs more and more memory;
            startup: the app until its first page is painted in Chromium, against an empty Streamlit app and
            TensorBoard; it runs only when it is asked for.
        models: Names in the table of networks.
        rounds: How often everything runs; the median is printed, between the quartiles.
        frames: Frames of the clip.
        size: Height and width of a frame in pixels.
        depth: Layers of the ResNets: 26, 50 or 101.
        threads: Processor cores to use.
    """
    for option, value in {"rounds": rounds, "frames": frames, "size": size, "threads": threads}.items():
        if value < 1:
            raise ValueError(f"--{option} must be at least 1; got {value}.")
    check_depth(depth)
    torch.set_num_threads(threads)
    clip = ClipShape(frames, size, size)
    names = takes(models, clip)
    print(f"ResNet-{depth}, batch 1, {clip}, {rounds} rounds, {threads} threads, torch {torch.__version__}")
    say("Measuring; anything else that runs now blurs the result.")
    if "inference" in parts:
        print_times("Inference, eval mode", measure_in_rounds(inference(names, clip, depth), rounds))
    if "training" in parts:
        print_times("Training step, forward and backward", measure_in_rounds(training(names, clip, depth), rounds))
    if "shift" in parts:
        print_shift(clip, rounds)
    if "memory" in parts:
        print_memory(names, clip, depth, threads)
    if "profile" in parts:
        print_profile(names, clip, depth, rounds)
    if "gradcam" in parts:
        # pytorch-grad-cam brings scikit-learn and matplotlib, which the processes that measure memory need not load.
        from tests import bench_gradcam

        large = bench_gradcam.Setting(name="gte", clip=clip, options={"depth": depth})
        for setting in (bench_gradcam.SMALL, large):
            layer, timed = bench_gradcam.jobs(setting)
            bench_gradcam.print_ratios(setting, layer, measure_in_rounds(timed, rounds))
    if "counting" in parts:
        print_counting(names, clip, depth, rounds)
    if "video" in parts:
        for recording in bench_video.RECORDINGS:
            with bench_video.recorded(recording) as path:
                bench_video.print_video(recording, measure_in_rounds(bench_video.jobs(path, recording), rounds))
    if "loader" in parts:
        with bench_loader.data_sets() as data_sets:
            for name, (dataset, augment, options) in data_sets.items():
                timed = bench_loader.jobs(dataset, augment)
                bench_loader.print_loader(name, measure_in_rounds(timed, rounds))
                bench_loader.print_memory(options)
    if "startup" in parts:
        bench_startup.print_startup(bench_startup.measure_startup(rounds))


def print_counting(names: Sequence[str], clip: ClipShape, depth: int, rounds: int) -> None:
    """How long the networks take to be counted, nothing of it from a cache, and how long they take to run once."""
    jobs: dict[str, Callable[[], object]] = {}
    for name in names:
        options = applicable(name, {"depth": depth})
        jobs[name] = forward(network_of(name, depth).eval(), input_of(name, clip))
        jobs[name + COUNTED] = partial(counting.count, name, options, clip)
    seconds = measure_in_rounds(jobs, rounds)
    print("\nCounting, against one plain forward pass")
    print(f"{'network':<16} {'forward':>9} {'counting':>9} {'ratio':>7}   middle half of the rounds")
    plain = {name: seconds[name] for name in names}
    counted = {name: seconds[name + COUNTED] for name in names}
    if len(names) > 1:
        plain["all of them"] = np.sum(list(plain.values()), axis=0)
        counted["all of them"] = np.sum(list(counted.values()), axis=0)
    for name, times in plain.items():
        low, middle, high = np.percentile(counted[name] / times, [25, 50, 75])
        runs, counts = (1000 * np.median(both) for both in (times, counted[name]))
        print(f"{name:<16} {runs:>6.0f} ms {counts:>6.0f} ms {middle:>7.2f}   {low:.2f} to {high:.2f}", flush=True)


def takes(models: Sequence[str], clip: ClipShape) -> list[str]:
    """Those networks that take the clip; says which do not. Raises ValueError for an unknown one."""
    taken = []
    for name in models:
        config = configure(name)
        try:
            config.check_takes(clip)
        except ValueError as error:
            say(f"{name} is left out: {error}")
        else:
            taken.append(name)
    return taken


def network_of(name: str, depth: int) -> nn.Module:
    """A network of the table, of this depth where it has a choice, or torchvision's 2D ResNet."""
    torch.manual_seed(0)
    if name == BASELINE:
        flat = ResNet(Bottleneck, list(STAGE_DEPTHS[depth]), num_classes=NUM_CLASSES)
        return flat.to(memory_format=torch.channels_last)
    options = {"depth": depth} if "depth" in configure(name).options() else {}
    return to_channels_last(build(name, **options))


def input_of(name: str, clip: ClipShape) -> Tensor:
    """A clip (1, 3, T, H, W), or its frames (T, 3, H, W) for the 2D network."""
    pixels = torch.rand(1, 3, clip.frames, clip.height, clip.width)
    return fold(pixels).contiguous(memory_format=torch.channels_last) if name == BASELINE else pixels


def inference(names: Sequence[str], clip: ClipShape, depth: int) -> Jobs:
    """A forward pass of each network, plain and fused."""
    jobs: dict[str, Callable[[], object]] = {}
    for name in (BASELINE, *names):
        network = network_of(name, depth).eval()
        pixels = input_of(name, clip)
        jobs[name] = forward(network, pixels)
        jobs[name + FUSED] = forward(fuse_flat(network) if name == BASELINE else fuse(network), pixels)
    return jobs


def fuse_flat(network: nn.Module) -> nn.Module:
    """torchvision's ResNet with its BatchNorms folded by torch's own function."""
    fused = copy.deepcopy(network)
    for module in fused.modules():
        for (first, conv), (second, norm) in pairwise(list(module.named_children())):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(module, first, fuse_conv_bn_eval(conv, norm))
                setattr(module, second, nn.Identity())
    return fused


def training(names: Sequence[str], clip: ClipShape, depth: int) -> Jobs:
    """Forward and backward of each network."""
    return {name: training_step(network_of(name, depth).train(), input_of(name, clip)) for name in (BASELINE, *names)}


def print_shift(clip: ClipShape, rounds: int) -> None:
    """LTS (t = 1/4) of each stage of GTE against nn.Conv3d with the same kernel on the same tensor."""
    for part in ("forward", "forward and backward"):
        print(f"\nLTS alone against nn.Conv3d of (3, 1, 1), {part}")
        print(f"{'stage':<24} {'LTS':>9} {'Conv3d':>9} {'ratio':>7}   middle half of the rounds")
        for stage in range(4):
            channels, side = 32 * 2**stage, max(clip.height // 2 ** (stage + 2), 1)
            x = torch.rand(1, channels, clip.frames, side, side).contiguous(memory_format=torch.channels_last_3d)
            seconds = measure_in_rounds(shift_and_conv3d(x, channels // 2, backward=part != "forward"), rounds)
            low, middle, high = np.percentile(seconds["LTS"] / seconds["Conv3d"], [25, 50, 75])
            lts, conv3d = (1000 * np.median(seconds[name]) for name in ("LTS", "Conv3d"))
            what = f"{stage + 1}, {channels} to {channels // 2} at {side} x {side}"
            print(f"{what:<24} {lts:>6.2f} ms {conv3d:>6.2f} ms {middle:>7.2f}   {low:.2f} to {high:.2f}")


def shift_layers_to_compare(inputs: int, outputs: int) -> dict[str, Callable[[Tensor], Tensor]]:
    """LTS and Conv3d with the same kernel, both from clip (N, C, T, H, W) to clip."""
    shift = LearnableTemporalShift(inputs, outputs)
    conv3d = nn.Conv3d(inputs, outputs, (3, 1, 1), padding=(1, 0, 0), bias=False)
    conv3d.weight.data = shift.weight[..., None].detach().contiguous(memory_format=torch.channels_last_3d)
    return {"LTS": lambda clip: unfold(shift(fold(clip), clip.shape[2]), clip.shape[2]), "Conv3d": conv3d}


def shift_and_conv3d(x: Tensor, outputs: int, *, backward: bool) -> Jobs:
    """Both on a clip (1, C, T, H, W) in channels-last memory, which neither has to copy."""

    def job(layer: Callable[[Tensor], Tensor]) -> Callable[[], object]:
        def run() -> None:
            if backward:
                leaf = x.detach().requires_grad_()
                out = layer(leaf)
                out.backward(torch.ones_like(out))
            else:
                with torch.inference_mode():
                    layer(x)

        return run

    return {name: job(layer) for name, layer in shift_layers_to_compare(x.shape[1], outputs).items()}


def print_memory(names: Sequence[str], clip: ClipShape, depth: int, threads: int) -> None:
    """The most memory that one training step of each network needs: weights, gradients and what is kept for them."""
    if not measures_memory():
        say("Memory is measured on Linux alone.")
        return
    print("\nMost memory in a training step, with the weights")
    print(f"{'network':<16} {'memory':>9} {'ratio':>7}")
    needed: dict[str, int] = {}
    for name in (BASELINE, *names):
        needed[name] = in_a_process_of_its_own(name, clip, depth, threads)
        ratio = needed[name] / needed[BASELINE]
        print(f"{name:<16} {needed[name] / 1e6:>6.0f} MB {ratio:>7.2f}", flush=True)


def in_a_process_of_its_own(name: str, clip: ClipShape, depth: int, threads: int) -> int:
    """`memory_of` where nothing else was ever in memory."""
    call = f"memory_of({name!r}, ClipShape{astuple(clip)}, {depth}, {threads})"
    code = f"from tests.bench import ClipShape, memory_of; print({call})"
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, stdout=subprocess.PIPE, check=True)
    return int(done.stdout)


def memory_of(name: str, clip: ClipShape, depth: int, threads: int) -> int:
    """Bytes of a training step, if this process has done nothing yet."""
    return memory_of_step(lambda: network_of(name, depth), lambda: input_of(name, clip), threads)


REST = "the rest"
"""ReLUs, additions, concatenations, pooling, the classifier."""


def print_profile(names: Sequence[str], clip: ClipShape, depth: int, rounds: int) -> None:
    """Milliseconds, multiply-accumulates and their rate in each kind of layer of the fused networks."""
    print("\nWhere the time of the fused networks goes")
    print(f"{'network':<16} {'layers':<16} {'median':>9} {'part':>6} {'GMACs':>7} {'GMAC/s':>7}")
    for name in (BASELINE, *names):
        network = network_of(name, depth).eval()
        layers = Stopwatches(fuse_flat(network) if name == BASELINE else fuse(network))
        seconds = measure_in_rounds({name: forward(layers.network, input_of(name, clip))}, rounds)[name]
        # One round more, at the beginning, did not count.
        spent = {kind: np.median(times[1:]) for kind, times in layers.seconds().items()}
        spent[REST] = np.median(seconds) - sum(spent.values())
        for kind, time_spent in spent.items():
            macs = layers.macs.get(kind, 0) / (rounds + 1)
            rate = f"{macs / 1e9:>7.2f} {macs / 1e9 / time_spent:>7.0f}" if macs else ""
            part = f"{time_spent / np.median(seconds):>6.0%}"
            print(f"{name:<16} {kind:<16} {1000 * time_spent:>6.1f} ms {part} {rate}".rstrip(), flush=True)


class Stopwatches:
    """Adds up the time that a network's convolutions take, by kind, over many forward passes."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.macs: dict[str, int] = {}
        self._passes: list[dict[str, float]] = []
        self._began = 0.0
        network.register_forward_pre_hook(lambda *_: self._passes.append({}))
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Conv3d | LearnableTemporalShift):
                module.register_forward_pre_hook(self._start)
                module.register_forward_hook(self._stop)

    def seconds(self) -> dict[str, list[float]]:
        """By kind, the seconds of each pass."""
        return {kind: [one[kind] for one in self._passes] for kind in self._passes[0]}

    def _start(self, *_: object) -> None:
        self._began = time.perf_counter()

    def _stop(self, module: nn.Module, inputs: object, out: Tensor) -> None:
        spent = time.perf_counter() - self._began
        assert isinstance(module.weight, Tensor)
        shift = isinstance(module, LearnableTemporalShift)
        kind = "LTS" if shift else "x".join(map(str, module.weight.shape[2:]))
        self._passes[-1][kind] = self._passes[-1].get(kind, 0.0) + spent
        # Every output number, per channel, takes the weights of one output.
        self.macs[kind] = self.macs.get(kind, 0) + out[:, 0].numel() * module.weight.numel()


def measure_in_rounds(jobs: Jobs, rounds: int) -> dict[str, np.ndarray]:
    """`measure` with a bar that tells the round."""
    with tqdm(total=rounds + 1, desc="rounds", leave=False, disable=None) as bar:

        def tell(number: int, name: str) -> None:
            bar.update(number - bar.n)

        return measure(jobs, rounds, report=tell)


def print_times(title: str, seconds: Mapping[str, np.ndarray]) -> None:
    """A table of medians, with the ratio to the 2D network and, for what is fused, to the 2D network fused."""
    fused = BASELINE + FUSED in seconds
    print(f"\n{title}")
    print(f"{'network':<22} {'median':>9} {'ratio':>7}   {'middle half':<12}{'  to 2D fused' if fused else ''}")
    for name, times in seconds.items():
        low, middle, high = np.percentile(times / seconds[BASELINE], [25, 50, 75])
        row = f"{name:<22} {1000 * np.median(times):>6.0f} ms {middle:>7.2f}   {low:.2f} to {high:.2f}"
        if name.endswith(FUSED):
            row += f"{np.median(times / seconds[BASELINE + FUSED]):>13.2f}"
        print(row, flush=True)


if __name__ == "__main__":
    run_command(main, prog="python -m tests.bench")
