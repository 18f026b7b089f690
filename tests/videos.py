"""Small videos whose frames tell their number, by OpenCV's own encoders."""

from pathlib import Path

import numpy as np
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
