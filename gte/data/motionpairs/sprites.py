"""Sprites of moving objects: a shape, a texture and a light, as small images with transparency.

Everything is measured in the object's radius: a sprite covers [-EXTENT, EXTENT] x [-EXTENT, EXTENT], y downwards.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, UInt8

from gte.data.opencv import cv2

EXTENT = 1.08
Colour = tuple[int, int, int]

_OVERSAMPLING = 3
_TIERS = (32, 48, 64, 96, 128, 192, 256, 384, 512, 768)
_SHADOW_EXTENT = 1.6
_SHADOW_OFFSET = 0.20
"""In radii, to the right and downwards: the light comes from the upper left."""
_SHADOW_STRENGTH = 0.42
# Columns: towards the light, on the viewer's upper left; half-way between the light and the viewer, for the glint.
_LIGHTS = np.array([[-0.48, -0.265], [-0.60, -0.331], [0.64, 0.906]], np.float32)


def _circle(radius: float, x: float = 0.0, y: float = 0.0) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    return np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1)


def _regular(corners: int, radius: float) -> np.ndarray:
    angle = -np.pi / 2 + 2 * np.pi * np.arange(corners) / corners
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _star(points: int, outer: float, inner: float) -> np.ndarray:
    corners = _regular(2 * points, 1.0)
    corners[0::2] *= outer
    corners[1::2] *= inner
    return corners


def _capsule() -> np.ndarray:
    right = np.linspace(-np.pi / 2, np.pi / 2, 60)
    end = 0.52 * np.stack([np.cos(right), np.sin(right)], axis=1) + [0.5, 0.0]
    return np.concatenate([end, -end])


def _cross(arm: float) -> np.ndarray:
    quarter = np.array([[arm, -1], [arm, -arm], [1, -arm]])
    turns = [quarter]
    for _ in range(3):
        turns.append(turns[-1] @ [[0, 1], [-1, 0]])
    return np.concatenate(turns)


def _heart() -> np.ndarray:
    t = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return np.stack([np.sin(t) ** 3, -(y + 2.5) / 16.5], axis=1)


def _drop() -> np.ndarray:
    angle = np.linspace(-0.15 * np.pi, 1.15 * np.pi, 80)
    round_end = np.stack([0.66 * np.cos(angle), 0.30 + 0.66 * np.sin(angle)], axis=1)
    return np.concatenate([round_end, [[0.0, -1.0]]])


def _crescent() -> np.ndarray:
    outer = np.linspace(0.22 * np.pi, 1.78 * np.pi, 90)
    inner = np.linspace(1.63 * np.pi, 0.37 * np.pi, 90)
    return np.concatenate(
        [
            0.96 * np.stack([np.cos(outer), np.sin(outer)], axis=1),
            0.70 * np.stack([np.cos(inner), np.sin(inner)], axis=1) + [0.38, 0.0],
        ]
    )


@dataclass(frozen=True)
class Shape:
    """An outline, given as polygons that cut holes into each other."""

    outlines: tuple[np.ndarray, ...]
    rounding: float
    """Radius of the rounded corners."""
    bevel: float
    """Width of the rounded edge; inside of it the top is flat."""


SHAPES: dict[str, Shape] = {
    "ball": Shape((_circle(0.95),), rounding=0.0, bevel=0.95),
    "box": Shape((np.array([[-0.8, -0.8], [0.8, -0.8], [0.8, 0.8], [-0.8, 0.8]]),), rounding=0.22, bevel=0.34),
    "star": Shape((_star(5, 1.06, 0.54),), rounding=0.10, bevel=0.34),
    "ring": Shape((_circle(0.96), _circle(0.42)), rounding=0.0, bevel=0.27),
    "triangle": Shape((_regular(3, 1.14),), rounding=0.18, bevel=0.34),
    "hexagon": Shape((_regular(6, 1.0),), rounding=0.12, bevel=0.32),
    "capsule": Shape((_capsule(),), rounding=0.0, bevel=0.52),
    "cross": Shape((_cross(0.36),), rounding=0.14, bevel=0.28),
    "heart": Shape((_heart(),), rounding=0.06, bevel=0.40),
    "drop": Shape((_drop(),), rounding=0.06, bevel=0.55),
    "crescent": Shape((_crescent(),), rounding=0.06, bevel=0.26),
    "arrow": Shape(
        (np.array([[0, -1.05], [0.95, -0.02], [0.38, -0.02], [0.38, 1], [-0.38, 1], [-0.38, -0.02], [-0.95, -0.02]]),),
        rounding=0.10,
        bevel=0.28,
    ),
    "bracket": Shape(
        (np.array([[-0.85, -0.95], [-0.15, -0.95], [-0.15, 0.2], [0.9, 0.2], [0.9, 0.9], [-0.85, 0.9]]),),
        rounding=0.14,
        bevel=0.30,
    ),
}


@dataclass(frozen=True)
class _Form:
    """A shape at one resolution: `alpha` (s, s) in [0, 1], unit `normals` (3, s * s) and a soft `shadow` (s, s)."""

    alpha: Float[np.ndarray, "s s"]
    normals: Float[np.ndarray, "3 p"]
    shadow: UInt8[np.ndarray, "r r"]


@lru_cache(maxsize=160)
def _form(name: str, side: int) -> _Form:
    shape = SHAPES[name]
    fine = side * _OVERSAMPLING
    per_radius = fine / (2 * EXTENT)
    mask = np.zeros((fine, fine), np.uint8)
    outlines = [np.round((outline + EXTENT) * per_radius * 16).astype(np.int32) for outline in shape.outlines]
    cv2.fillPoly(mask, outlines, 255, shift=4)
    if shape.rounding:
        blurred = cv2.GaussianBlur(mask, (0, 0), shape.rounding * per_radius * 0.6)
        mask = ((blurred > 127) * 255).astype(np.uint8)
    depth = cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) / per_radius
    flank = np.clip(1 - depth / shape.bevel, 0, 1)
    height = shape.bevel * np.sqrt(1 - flank**2)
    # The ridges where two flanks meet would glitter.
    height = cv2.GaussianBlur(height, (0, 0), 0.05 * per_radius)
    slope_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=per_radius / 8)
    slope_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=per_radius / 8)
    normals = np.stack([-slope_x, -slope_y, np.ones_like(height)], axis=2)
    normals = cv2.resize(normals, (side, side), interpolation=cv2.INTER_AREA)
    normals /= np.linalg.norm(normals, axis=2, keepdims=True)
    alpha = cv2.resize(mask.astype(np.float32) / 255, (side, side), interpolation=cv2.INTER_AREA)
    return _Form(alpha, np.ascontiguousarray(normals.reshape(-1, 3).T), _shadow(mask, side))


def _shadow(mask: UInt8[np.ndarray, "f f"], side: int) -> UInt8[np.ndarray, "r r"]:
    """Return the shadow of the shape, at half the resolution, because it is soft."""
    border = round(mask.shape[0] * (_SHADOW_EXTENT / EXTENT - 1) / 2)
    wide = cv2.copyMakeBorder(mask, border, border, border, border, cv2.BORDER_CONSTANT, value=0)
    per_radius = side / (2 * EXTENT) / 2
    small_side = round(2 * per_radius * _SHADOW_EXTENT)
    small = cv2.resize(wide, (small_side, small_side), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), 0.16 * per_radius)
    return (_SHADOW_STRENGTH * soft).astype(np.uint8)


def _step(x: np.ndarray, softness: float) -> np.ndarray:
    return np.clip(x / softness + 0.5, 0, 1)


@lru_cache(maxsize=160)
def _texture(name: str, side: int) -> Float[np.ndarray, " p"]:
    """Return the share of the second colour in [0, 1] at each pixel."""
    axis = ((np.arange(side) + 0.5) / side * 2 - 1) * EXTENT
    x, y = np.meshgrid(axis, axis)
    soft = 2.5 * EXTENT / side
    if name == "plain":
        share = np.zeros_like(x)
    elif name == "split":
        share = _step(x, soft)
    elif name == "stripes":
        share = _step(np.cos(x * 2 * np.pi / 0.72), soft * 8)
    elif name == "band":
        share = _step(0.24 - np.abs(y), soft)
    elif name == "spots":
        across, down = (x + 0.3) % 0.6 - 0.3, (y + 0.3) % 0.6 - 0.3
        share = _step(0.16 - np.hypot(across, down), soft)
    elif name == "rings":
        share = _step(np.cos(np.hypot(x, y) * 2 * np.pi / 0.64), soft * 8)
    elif name == "spot":
        share = _step(0.27 - np.hypot(x, y + 0.52), soft)
    else:
        raise ValueError(f"unknown texture {name!r}")
    return share.astype(np.float32).reshape(-1)


class Sprite:
    """A shape in two colours that can be lit at any angle; the light stays where it is while the shape turns."""

    def __init__(self, shape: str, texture: str, colours: tuple[Colour, Colour], diameter: float) -> None:
        """Prepare for drawing at up to `diameter` pixels across; smaller is drawn from the same image."""
        needed = diameter * EXTENT
        self.side = next((side for side in _TIERS if side >= needed), _TIERS[-1])
        self._form = _form(shape, self.side)
        first, second = (np.array(colour, np.float32)[:, None] for colour in colours)
        self._albedo = first + _texture(texture, self.side) * (second - first)

    @property
    def extent(self) -> float:
        """What `paint` covers: [-extent, extent] in both directions, in radii."""
        return EXTENT * (self.side + 2 * self._border) / self.side

    @property
    def opacity(self) -> UInt8[np.ndarray, "s s"]:
        """How opaque the shape is, over [-EXTENT, EXTENT] in both directions."""
        return (self._form.alpha * 255).astype(np.uint8)

    def paint(self, angle: float) -> UInt8[np.ndarray, "p p 4"]:
        """Return premultiplied RGB and opacity, unturned, lit as it will look when drawn turned by `angle` radians.

        The shape's soft shadow is part of the image.
        """
        cosine, sine = math.cos(angle), math.sin(angle)
        # The lights as seen from the shape: turned the other way.
        turn = np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1]], np.float32)
        diffuse, glint = np.maximum((turn @ _LIGHTS).T @ self._form.normals, 0)
        for _ in range(5):
            glint *= glint
        glint *= 120
        diffuse *= 0.72
        diffuse += 0.46
        colour = self._albedo * diffuse
        colour += glint
        np.minimum(colour, 255, out=colour)
        colour *= self._form.alpha.reshape(-1)
        border, inner = self._border, slice(self._border, self._border + self.side)
        side = self.side + 2 * border
        shadow = self._cast_shadow(cosine, sine, side)
        opacity = self._form.alpha * (255 - shadow[inner, inner])
        planes = colour.astype(np.uint8).reshape(3, self.side, self.side)
        image = np.zeros((side, side, 4), np.uint8)
        image[..., 3] = shadow
        shadow[inner, inner] += opacity.astype(np.uint8)
        image[inner, inner] = cv2.merge([*planes, shadow[inner, inner]])
        return image

    @property
    def _border(self) -> int:
        return round(self.side * (_SHADOW_EXTENT / EXTENT - 1) / 2)

    def _cast_shadow(self, cosine: float, sine: float, side: int) -> UInt8[np.ndarray, "p p"]:
        """Return the shadow, which falls to the lower right of the screen, as it lies in the unturned image."""
        per_radius = self.side / (2 * EXTENT)
        right = _SHADOW_OFFSET * (cosine + sine) * per_radius
        down = _SHADOW_OFFSET * (cosine - sine) * per_radius
        # From the image's pixels to those of the shadow, which has half the resolution.
        middle, half = side / 2 - 0.5, self._form.shadow.shape[0] / 2 - 0.5
        back = np.array([[0.5, 0, half - (middle + right) / 2], [0, 0.5, half - (middle + down) / 2]])
        return cv2.warpAffine(self._form.shadow, back, (side, side), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
