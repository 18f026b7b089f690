"""Writing of video files with PyAV (FFmpeg): WebM and MP4, which browsers and slides play."""

import math
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import numpy as np
from av.video.reformatter import Colorspace
from jaxtyping import UInt8

from gte.files import atomic_write

ENCODERS: dict[str, tuple[Literal["libvpx", "libx264"], dict[str, str], dict[str, str]]] = {
    ".webm": ("libvpx", {"crf": "6", "b": "8M", "quality": "good", "cpu-used": "2"}, {}),
    ".mp4": ("libx264", {"crf": "16", "preset": "medium"}, {"movflags": "faststart"}),
}
"""By ending: FFmpeg's name of the encoder, its options, and those of the container."""


def write_video(path: str | Path, frames: UInt8[np.ndarray, "t h w 3"], fps: float, comment: str = "") -> None:
    """Write RGB frames as VP8 (.webm) or H.264 (.mp4); an interrupted write leaves no file of that name.

    Both have half as many colour values as brightness values each way (yuv420p), which every player takes, and which
    wants even sides: an odd one is lengthened by repeating its last pixels. `comment` is kept in the file's metadata.
    Raises ValueError for another ending, an empty clip or an fps that is not positive, OSError where nothing can be
    written.
    """
    path = Path(path)
    if path.suffix.lower() not in ENCODERS:
        raise ValueError(f"A video is written as {' or '.join(ENCODERS)}; got {path.name}.")
    if frames.ndim != 4 or frames.shape[3] != 3 or frames.dtype != np.uint8 or frames.size == 0:
        raise ValueError(f"A video needs uint8 frames (t, h, w, 3); got {frames.dtype} {frames.shape}.")
    if not (math.isfinite(fps) and fps > 0):
        raise ValueError(f"Frames per second must be positive; got {fps}.")
    encoder, options, container_options = ENCODERS[path.suffix.lower()]
    even = np.pad(frames, ((0, 0), (0, frames.shape[1] % 2), (0, frames.shape[2] % 2), (0, 0)), mode="edge")
    with (
        atomic_write(path, suffix=path.suffix.lower()) as temporary,
        av.open(f"file:{temporary.resolve()}", "w", container_options=container_options) as container,
    ):
        if comment:
            container.metadata["comment"] = comment
        stream = container.add_stream(encoder, rate=Fraction(fps).limit_denominator(60_000))
        stream.codec_context.options = options
        stream.height, stream.width = even.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for image in even:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            container.mux(stream.encode(frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU601)))
        container.mux(stream.encode())
