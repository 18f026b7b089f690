"""Background of a MotionPairs scene: the ground, and the board that can hide the moving object."""

import numpy as np
from jaxtyping import Float, UInt8

from gte.data.motionpairs.scenes import Cover, Ground
from gte.data.opencv import cv2


def paint_ground(ground: Ground, side: int, size: int) -> UInt8[np.ndarray, "c c 3"]:
    axis = ((np.arange(side, dtype=np.float32) + 0.5) - side / 2) / size
    x, y = axis[None, :], axis[:, None]
    light = 0.5 + ground.slope[0] * x + ground.slope[1] * y
    clouds = cv2.resize(ground.clouds.astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    strength = 0.30 if ground.pattern == "clouds" else 0.06
    light = light + strength * clouds
    frequency = np.float32(2 * np.pi / ground.pattern_period)
    cosine, sine = np.float32(np.cos(ground.pattern_angle)), np.float32(np.sin(ground.pattern_angle))
    phase = np.float32(2 * np.pi * ground.pattern_phase)
    if ground.pattern in ("stripes", "waves"):
        bend = 0.04 * np.sin(frequency * 0.5 * (cosine * y - sine * x)) if ground.pattern == "waves" else 0
        wave = np.sin(frequency * (cosine * x + sine * y + bend) + phase)
        light += 0.09 * np.clip(wave * 3, -1, 1)
    elif ground.pattern in ("dots", "checks"):
        across = np.sin(frequency * (cosine * x + sine * y) + phase)
        down = np.sin(frequency * (cosine * y - sine * x) + phase)
        wave = across * down if ground.pattern == "checks" else across + down - 1.1
        light += 0.09 * np.clip(wave * 4, -1, 1)
    levels = np.clip(light * 255, 0, 255).astype(np.uint8)
    dark, bright = (np.array(colour, np.float32) for colour in ground.colours)
    ramp = dark + np.linspace(0, 1, 256, dtype=np.float32)[:, None] * (bright - dark)
    return cv2.LUT(cv2.merge([levels] * 3), np.round(ramp).astype(np.uint8)[:, None, :])


def depth_in_board(cover: Cover, side: int, origin: float, size: int) -> Float[np.ndarray, "c c"]:
    """Return how far inside the board each pixel of the canvas lies (negative outside), in image sides."""
    pixels = np.arange(side, dtype=np.float32) + 0.5
    x = ((pixels - origin) / size - cover.centre[0]).astype(np.float32)[None, :]
    y = ((pixels - origin) / size - cover.centre[1]).astype(np.float32)[:, None]
    cosine, sine = np.float32(np.cos(cover.angle)), np.float32(np.sin(cover.angle))
    corner = 0.035
    across = np.abs(cosine * x + sine * y) - np.float32(cover.half_size[0] - corner)
    down = np.abs(cosine * y - sine * x) - np.float32(cover.half_size[1] - corner)
    outside = np.hypot(np.maximum(across, 0), np.maximum(down, 0))
    return corner - outside - np.minimum(np.maximum(across, down), 0)


def paint_board(
    canvas: UInt8[np.ndarray, "c c 3"],
    cover: Cover,
    board: UInt8[np.ndarray, "c c"],
    origin: float,
    size: int,
) -> None:
    side = canvas.shape[0]
    depth = depth_in_board(cover, side, origin, size)
    pixels = (np.arange(side, dtype=np.float32) + 0.5 - side / 2) / size
    # Brighter towards the light, with a pale edge.
    shade = 1.05 - 0.22 * (pixels[None, :] + pixels[:, None]) + 0.22 * np.exp(-((depth - 0.012) ** 2) / 0.00008)
    face = np.minimum(shade[..., None] * np.array(cover.colour, np.float32), 255)
    shadow = cv2.GaussianBlur(board, (0, 0), 0.028 * size)
    shift = np.array([[1, 0, 0.025 * size], [0, 1, 0.025 * size]])
    shadow = cv2.warpAffine(shadow, shift, (side, side)).astype(np.float32)[..., None] / 255
    share = board.astype(np.float32)[..., None] / 255
    ground = canvas * (1 - 0.5 * shadow)
    canvas[...] = (ground + share * (face - ground)).astype(np.uint8)
