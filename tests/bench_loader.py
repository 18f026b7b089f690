"""How fast a network trains on clips that are rendered or read from files, as a part of the rate on clips in memory.

A part of `make bench`. Both take turns in one process, with the same steps, and each ratio is taken within one round.
Then a training of many short epochs shows whether it needs more and more memory.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import numpy as np
import torch

from analysis.timing.stopwatch import measures_memory, resident
from gte.data import ClipDataset, DataOptions, DataReference, open_dataset
from gte.data.augmentation import Augmentation
from gte.data.loading import Batch, EpochBatches, TrainingClips, batches_of, load, to_clips
from gte.models import build, to_channels_last
from tests.bench_video import Recording, recorded

RECORDING = Recording("320x240, 4 s", 320, 240, 100, 25)
NUM_FILES = 48
FRAMES, SIZE, BATCH = 8, 112, 8
STEPS = 24
"""Many more than the batches that wait ready when they begin."""
MEMORY = "clips in memory"
LOADED = "clips that are loaded"
EPOCHS, CLIPS_PER_EPOCH = 20, 96
"""Of the training whose memory is measured: twice as many clips as there are files, so that each is known early."""


@contextmanager
def data_sets() -> Iterator[dict[str, tuple[ClipDataset, Augmentation, tuple[str, ...]]]]:
    """Yield the rendered data set and one of H.264 files, with the changes in training and the options of gte.train."""
    with tempfile.TemporaryDirectory() as folder, recorded(RECORDING) as source:
        root = Path(folder) / "videos"
        content = source.read_bytes()
        for split in ("train", "val", "test"):
            for number in range(NUM_FILES):
                path = root / split / f"class {number % 2}" / f"{number}.mp4"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        reference = DataReference("folder", root.name, DataOptions(flip=("same",)))
        files = open_dataset(str(reference), "train", SIZE, root=root)
        options = ("small", "--dataset", "folder", "--data-root", str(root), "--flip", "same")
        yield {
            "MotionPairs": (open_dataset("motionpairs", "train", SIZE), "flip", ("tiny",)),
            f"H.264, {RECORDING.name}": (files, "multi-scale", options),
        }


def jobs(dataset: ClipDataset, augment: Augmentation) -> dict[str, Callable[[], object]]:
    """What is timed: some training steps of a small GTE, on loaded clips and on the same ones in memory."""
    torch.manual_seed(0)
    network = to_channels_last(build("gte", depth=26, base_width=16, num_classes=len(dataset.classes))).train()
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)
    clips = TrainingClips(dataset, FRAMES, 0, augment, SIZE)
    order = EpochBatches(len(clips), clips_per_epoch=BATCH * STEPS, batch_size=BATCH, num_epochs=10**6)
    loader = batches_of(load(clips, batches=order, num_workers=1))
    kept = cycle([next(loader) for _ in range(STEPS)])

    def steps(batches: Iterator[Batch]) -> None:
        for _ in range(STEPS):
            batch = next(batches)
            loss = torch.nn.functional.cross_entropy(network(to_clips(batch.frames)), batch.labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return {MEMORY: lambda: steps(kept), LOADED: lambda: steps(loader)}


def print_loader(name: str, seconds: Mapping[str, np.ndarray]) -> None:
    """Print the clips per second of each, and the rate on loaded clips as a part of that on clips in memory."""
    low, middle, high = np.percentile(seconds[MEMORY] / seconds[LOADED], [25, 50, 75])
    print(f"\nTraining steps of a small GTE, {BATCH} clips of {FRAMES} x {SIZE} x {SIZE}, one worker: {name}")
    for label, times in seconds.items():
        print(f"{label:<28} {BATCH * STEPS / np.median(times):>6.1f} clips/s")
    print(f"{'ratio':<28} {middle:>6.2f}   {low:.2f} to {high:.2f}", flush=True)


def memory_by_epoch(options: Sequence[str], epochs: int = EPOCHS) -> list[int]:
    """Bytes in memory after each epoch of `python -m gte.train OPTIONS`, of its process and its workers together."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        sizes = {"size": 32, "num-frames": 4, "batch-size": 8, "clips-per-epoch": CLIPS_PER_EPOCH}
        # One more epoch, so that the process is there when the last one is measured.
        settings = [f"--{name}={value}" for name, value in {**sizes, "epochs": epochs + 1}.items()]
        command = [sys.executable, "-m", "gte.train", *options, "--out", str(out), *settings]
        memory: list[int] = []
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as training:
            assert training.stderr is not None
            for line in training.stderr:
                # Validation and its workers are over by then, and the files are written.
                if " in validation; " in line and len(memory) < epochs:
                    children = Path(f"/proc/{training.pid}/task/{training.pid}/children").read_text().split()
                    memory.append(sum(resident("VmRSS", process) for process in (training.pid, *children)))
        if len(memory) < epochs:
            raise RuntimeError(f"A training has ended with status {training.returncode} after {len(memory)} epochs.")
    return memory


def print_memory(options: Sequence[str]) -> None:
    """Print the memory of a training after its second and its last epoch; Linux alone has it."""
    if measures_memory():
        memory = [size / 1e6 for size in memory_by_epoch(options)]
        print(f"{'memory, workers included':<28} {memory[1]:>6.0f} MB after 2 epochs, {memory[-1]:.0f} after {EPOCHS}")
