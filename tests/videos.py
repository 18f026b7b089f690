"""Small videos whose frames tell their number, by OpenCV's own encoders."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream
from jaxtyping import UInt8

from gte.data.opencv import cv2


def numbered(count: int, height: int = 48, width: int = 64) -> UInt8[np.ndarray, "t h w 3"]:
    """Frames that tell their number: a grey that rises by eight, with a red left and a blue right edge."""
    frames = np.empty((count, height, width, 3), np.uint8)
    frames[:] = (np.arange(count, dtype=np.uint8) * 8 + 4)[:, None, None, None]
    frames[:, :, : width // 4] = (255, 0, 0)
    frames[:, :, -(width // 4) :] = (0, 0, 255)
    return frames


def numbers_in(frames: UInt8[np.ndarray, "t h w 3"]) -> list[int]:
    """The numbers that the frames tell, from their middle."""
    _, height, width, _ = frames.shape
    middle = frames[:, height // 2 - 4 : height // 2 + 4, width // 2 - 4 : width // 2 + 4]
    return np.round((middle.astype(float).mean(axis=(1, 2, 3)) - 4) / 8).astype(int).tolist()


def encode(path: Path, frames: UInt8[np.ndarray, "t h w 3"], codec: str, fps: float = 10.0) -> Path:
    size = (frames.shape[2], frames.shape[1])
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec), fps, size)
    assert writer.isOpened()
    for frame in frames:
        writer.write(np.ascontiguousarray(frame[..., ::-1]))
    writer.release()
    return path


BITS = 12


def coded(number: int) -> UInt8[np.ndarray, "48 64 3"]:
    """A frame that tells its number in twelve black and white squares."""
    frame = np.zeros((48, 64, 3), np.uint8)
    for bit in range(BITS):
        row, column = divmod(bit, 4)
        frame[16 * row : 16 * row + 16, 16 * column : 16 * column + 16] = 220 if number >> bit & 1 else 30
    return frame


def number_in(frame: UInt8[np.ndarray, "h w 3"]) -> int:
    squares = [divmod(bit, 4) for bit in range(BITS)]
    lit = [
        frame[16 * row + 4 : 16 * row + 12, 16 * column + 4 : 16 * column + 12].mean() > 125 for row, column in squares
    ]
    return sum(1 << bit for bit in range(BITS) if lit[bit])


def write_coded(path: Path, codec: str, count: int) -> Path:
    """Write coded frames at ten a second, by an encoder of OpenCV (four letters) or of PyAV."""
    if codec.startswith("lib"):
        return encode_at(path, codec, np.stack([coded(number) for number in range(count)]), range(count))
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec), 10.0, (64, 48))
    assert writer.isOpened()
    for number in range(count):
        writer.write(coded(number))
    writer.release()
    return path


def zero(path: Path, first: float, last: float) -> Path:
    """Write zeros over a part of a file, from one share of its length to another."""
    content = bytearray(path.read_bytes())
    start, end = int(first * len(content)), int(last * len(content))
    content[start:end] = bytes(end - start)
    path.write_bytes(content)
    return path


def encode_at(
    path: Path,
    codec: str,
    frames: UInt8[np.ndarray, "t h w 3"],
    tenths: Sequence[int],
    *,
    rate: int = 10,
    last: int = 1,
    aspect: Fraction | None = None,
    pixels: str = "yuv420p",
    options: dict[str, str] | None = None,
) -> Path:
    """Write frames by FFmpeg at times in parts of `rate` to a second, with pixels of some aspect and kind."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        assert isinstance(stream, VideoStream)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], pixels
        stream.codec_context.time_base = Fraction(1, rate)
        stream.codec_context.options = {"g": "12", **(options or {})}
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        packets: list[av.Packet] = []
        for image, tenth in zip(frames, tenths, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame.pts, frame.time_base = tenth, Fraction(1, rate)
            packets += stream.encode(frame)
        for packet in [*packets, *stream.encode()]:
            if packet.pts == tenths[-1]:
                packet.duration = last
            container.mux(packet)
    return path
