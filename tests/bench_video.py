"""How long it takes to sample a clip from a video file, as ratios to decoding all of it with PyAV and to OpenCV.

A part of `make bench`. All take turns in one process, and each ratio is taken within one round.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream

from gte.data.opencv import cv2
from gte.data.sampling import segment_indices
from gte.data.video.opening import THREADS
from gte.data.video.sources import sample_clip

NUM_SAMPLED, SIZE = 8, 224
OURS = f"sample_clip, {NUM_SAMPLED} frames"
ALL = "PyAV, all frames decoded"
OPENCV = "OpenCV, from the start"
OPENCV_SEEKS = "OpenCV, by seeking"
TORCHCODEC = "torchcodec"
DECORD = "decord"


@dataclass(frozen=True)
class Recording:
    """A video file to make: noise that moves, in H.264 with the usual settings."""

    name: str
    width: int
    height: int
    num_frames: int
    fps: int = 30


RECORDINGS = (
    Recording("320x240, 10 s", 320, 240, 300),
    Recording("320x240, 2 min", 320, 240, 3600),
    Recording("1920x1080, 5 s", 1920, 1080, 150),
    Recording("1920x1080, 30 s", 1920, 1080, 900),
)


@contextmanager
def recorded(recording: Recording) -> Iterator[Path]:
    """Write a recording for the block."""
    rng = np.random.default_rng(0)
    margin = 64
    canvas = rng.integers(0, 256, (recording.height // 8 + margin, recording.width // 8 + margin, 3), dtype=np.uint8)
    canvas = cv2.resize(canvas, None, fx=8, fy=8, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recording.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=Fraction(recording.fps))
            if not isinstance(stream, VideoStream):
                raise TypeError(f"A stream of video is needed; got {stream.type}.")
            stream.width, stream.height, stream.pix_fmt = recording.width, recording.height, "yuv420p"
            stream.codec_context.options = {"preset": "veryfast"}
            for number in range(recording.num_frames):
                left = number % (8 * margin)
                image = np.ascontiguousarray(canvas[left : left + recording.height, left : left + recording.width])
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            container.mux(stream.encode())
        yield path


def jobs(path: Path, recording: Recording) -> dict[str, Callable[[], object]]:
    """What is timed: the same frames in RGB, their middle squares resized."""
    numbers = segment_indices(recording.num_frames, NUM_SAMPLED).tolist()
    timed = {
        OURS: lambda: sample_clip(path, NUM_SAMPLED, SIZE),
        ALL: lambda: _decode_all(path),
        OPENCV: lambda: _opencv_from_start(path, numbers),
        OPENCV_SEEKS: lambda: _opencv_by_seeking(path, numbers),
    }
    if find_spec("torchcodec"):
        timed[TORCHCODEC] = lambda: _torchcodec(path, numbers)
    if find_spec("decord"):
        timed[DECORD] = lambda: _decord(path, numbers)
    return timed


def print_video(recording: Recording, seconds: Mapping[str, np.ndarray]) -> None:
    """Print the milliseconds of each, and what `sample_clip` takes as a part of it."""
    print(f"\nReading a video of {recording.name}, {recording.num_frames} frames, H.264, {THREADS} threads")
    print(f"{'':<28} {'time':>9} {'ratio':>7}   sample_clip against it, middle half of the rounds")
    for name, times in seconds.items():
        low, middle, high = np.percentile(seconds[OURS] / times, [25, 50, 75])
        print(f"{name:<28} {1000 * np.median(times):>6.0f} ms {middle:>7.2f}   {low:.2f} to {high:.2f}", flush=True)


def _decode_all(path: Path) -> int:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = THREADS
        return sum(1 for _ in container.decode(stream))


def _square(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = image[top : top + side, left : left + side]
    return cv2.cvtColor(cv2.resize(square, (SIZE, SIZE), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)


def _opencv_from_start(path: Path, numbers: list[int]) -> np.ndarray:
    """Count the frames by decoding all, as a container's own count may be wrong."""
    capture, frames, count = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG), [], 0
    while capture.grab():
        if count in numbers:
            frames.append(_square(capture.retrieve()[1]))
        count += 1
    capture.release()
    return np.stack(frames)


def _opencv_by_seeking(path: Path, numbers: list[int]) -> np.ndarray:
    """Trust the container's count and OpenCV's seeks."""
    capture, frames = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG), []
    for number in numbers:
        capture.set(cv2.CAP_PROP_POS_FRAMES, number)
        frames.append(_square(capture.read()[1]))
    capture.release()
    return np.stack(frames)


def _torchcodec(path: Path, numbers: list[int]) -> np.ndarray:
    decoder = import_module("torchcodec.decoders").VideoDecoder(
        str(path), num_ffmpeg_threads=THREADS, dimension_order="NHWC"
    )
    return np.stack([_square(frame[..., ::-1]) for frame in decoder.get_frames_at(numbers).data.numpy()])


def _decord(path: Path, numbers: list[int]) -> np.ndarray:
    frames = import_module("decord").VideoReader(str(path), num_threads=THREADS).get_batch(numbers).asnumpy()
    return np.stack([_square(frame[..., ::-1]) for frame in frames])
