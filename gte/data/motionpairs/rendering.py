"""Rendering of a MotionPairs scene: any frame, at any size, independently of the others."""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from jaxtyping import Bool, UInt8

from gte.data.motionpairs.backgrounds import depth_in_board, paint_board, paint_ground
from gte.data.motionpairs.scenes import PAN_LIMIT, Actor, Scene
from gte.data.motionpairs.sprites import EXTENT, Sprite
from gte.data.opencv import cv2

Point = tuple[float, float]
OpenView = UInt8[np.ndarray, "h w"]

_NOISE_BANK_SD = 28.0


class Renderer:
    """Draws the frames of a scene; their common parts are drawn once."""

    def __init__(self, scene: Scene, size: int) -> None:
        self._scene = scene
        self._size = size
        self._bystanders = [_Figure(actor, size) for actor in scene.bystanders]
        self._movers = [_Figure(actor, size) for actor in scene.movers]
        self._figures = [figure for figure in self._bystanders if not figure.stands_still] + self._movers
        # The ground extends beyond the image by as much as the camera can move, and a little more.
        margin = max(PAN_LIMIT, float(np.abs(scene.pan).max())) + 0.01
        self._canvas_side = math.ceil(size * (1 + 2 * margin))
        # Position of the scene's upper left corner on the canvas, in pixels, in x and in y.
        self._canvas_origin = (self._canvas_side - size) / 2

    def frame(self, number: int) -> UInt8[np.ndarray, "h w 3"]:
        """Return frame `number` in RGB."""
        view = self._look(self._canvas, number)
        origin, open_view = self._origin(number), self._open_view(number)
        for figure in self._figures:
            figure.draw(view, number, origin, open_view)
        return self._add_noise(view, number)

    def mask(self, number: int) -> Bool[np.ndarray, "h w"]:
        """Return the pixels of frame `number` of which more than half belongs to the moving object."""
        opacity = np.zeros((self._size, self._size), np.uint8)
        for figure in self._movers:
            figure.add_opacity(opacity, number, self._origin(number), self._open_view(number))
        return opacity > 127

    def _origin(self, number: int) -> Point:
        """Return the upper left corner of the scene's unit square in the view, in pixels."""
        x, y = self._scene.pan[number].tolist()
        return -x * self._size, -y * self._size

    def _look(self, canvas: np.ndarray, number: int) -> np.ndarray:
        """Return the part of the canvas that the camera sees."""
        x, y = self._scene.pan[number].tolist()
        middle = self._canvas_origin + (self._size - 1) / 2
        return cv2.getRectSubPix(canvas, (self._size, self._size), (middle + x * self._size, middle + y * self._size))

    @cached_property
    def _canvas(self) -> UInt8[np.ndarray, "c c 3"]:
        canvas = paint_ground(self._scene.ground, self._canvas_side, self._size)
        origin = (self._canvas_origin, self._canvas_origin)
        for figure in self._bystanders:
            if figure.stands_still:
                figure.draw(canvas, 0, origin, None)
        if self._scene.cover is not None and self._board is not None:
            paint_board(canvas, self._scene.cover, self._board, self._canvas_origin, self._size)
        return canvas

    @cached_property
    def _board(self) -> UInt8[np.ndarray, "c c"] | None:
        """Return the opacity of the cover at each pixel of the canvas."""
        if self._scene.cover is None:
            return None
        depth = depth_in_board(self._scene.cover, self._canvas_side, self._canvas_origin, self._size)
        return np.clip((depth * self._size + 0.5) * 255, 0, 255).astype(np.uint8)

    def _open_view(self, number: int) -> OpenView | None:
        """Return the transparency of the cover at each pixel of the view; None without a cover."""
        return None if self._board is None else cv2.bitwise_not(self._look(self._board, number))

    def _add_noise(self, view: UInt8[np.ndarray, "h w 3"], number: int) -> UInt8[np.ndarray, "h w 3"]:
        bank = _noise_bank(2 * self._size)
        x, y = (self._scene.noise_origin[number] % (self._size + 1)).tolist()
        share = self._scene.noise / _NOISE_BANK_SD
        return cv2.addWeighted(view, 1.0, bank[y : y + self._size, x : x + self._size], share, -128 * share)


class _Figure:
    """An actor at one image size."""

    def __init__(self, actor: Actor, size: int) -> None:
        self._sprite = Sprite(actor.shape, actor.texture, actor.colours, 2 * size * float(actor.radius.max()))
        # Plain numbers: single elements of arrays are slow to work with.
        self._centres: list[list[float]] = (actor.path * size).tolist()
        self._radii: list[float] = (actor.radius * size).tolist()
        self._angles: list[float] = actor.angle.tolist()
        self._turns = self._angles[0] != self._angles[-1]
        self.stands_still = bool((actor.path == actor.path[0]).all())

    def draw(self, target: UInt8[np.ndarray, "h w 3"], number: int, origin: Point, open_view: OpenView | None) -> None:
        """Blend the visible part of the actor and its shadow into the target."""
        place = self._locate(number, origin, 1.42, target.shape)
        if place is None:
            return
        left, top, right, bottom = place.box
        image = _warp(self._paint(number), self._sprite.extent, place)
        if open_view is not None:
            image = cv2.multiply(image, cv2.merge([open_view[top:bottom, left:right]] * 4), scale=1 / 255)
        patch = target[top:bottom, left:right]
        passes = cv2.cvtColor(cv2.bitwise_not(cv2.extractChannel(image, 3)), cv2.COLOR_GRAY2RGB)
        ground = cv2.multiply(patch, passes, scale=1 / 255)
        cv2.add(ground, cv2.cvtColor(image, cv2.COLOR_RGBA2RGB), dst=patch)

    def add_opacity(
        self, target: UInt8[np.ndarray, "h w"], number: int, origin: Point, open_view: OpenView | None
    ) -> None:
        """Add the opacity of the visible part of the actor."""
        place = self._locate(number, origin, EXTENT * math.sqrt(2), target.shape)
        if place is None:
            return
        left, top, right, bottom = place.box
        opacity = _warp(self._sprite.opacity, EXTENT, place)
        if open_view is not None:
            opacity = cv2.multiply(opacity, open_view[top:bottom, left:right], scale=1 / 255)
        patch = target[top:bottom, left:right]
        patch[...] = cv2.max(patch, opacity)

    def _locate(self, number: int, origin: Point, reach: float, shape: tuple[int, ...]) -> "_Place | None":
        """Return the place of the actor, to `reach` radii, in an image of that shape; None if outside."""
        radius, angle = self._radii[number], self._angles[number]
        x, y = origin[0] + self._centres[number][0], origin[1] + self._centres[number][1]
        left, top = max(0, math.floor(x - reach * radius)), max(0, math.floor(y - reach * radius))
        right = min(shape[1], math.ceil(x + reach * radius))
        bottom = min(shape[0], math.ceil(y + reach * radius))
        if left >= right or top >= bottom:
            return None
        return _Place(x, y, radius, angle, (left, top, right, bottom))

    @cached_property
    def _still_image(self) -> UInt8[np.ndarray, "s s 4"]:
        return self._sprite.paint(self._angles[0])

    @cached_property
    def _half_image(self) -> UInt8[np.ndarray, "s s 4"]:
        half = self._still_image.shape[0] // 2
        return cv2.resize(self._still_image, (half, half), interpolation=cv2.INTER_AREA)

    def _paint(self, number: int) -> UInt8[np.ndarray, "s s 4"]:
        if self._turns:
            return self._sprite.paint(self._angles[number])
        # Shrinking by more than two skips pixels, which flickers.
        shrunk = 2 * EXTENT * self._radii[number] < 0.6 * self._sprite.side
        return self._half_image if shrunk else self._still_image


@dataclass(frozen=True)
class _Place:
    """Position of an actor, in pixels, and the box (left, top, right, bottom) around it."""

    x: float
    y: float
    radius: float
    angle: float
    box: tuple[int, int, int, int]


def _warp(image: np.ndarray, extent: float, place: _Place) -> np.ndarray:
    """Return the image, which covers [-extent, extent] radii, resampled to the pixels of the box."""
    left, top, right, bottom = place.box
    scale = image.shape[0] / (2 * extent * place.radius)
    cosine, sine = scale * math.cos(place.angle), scale * math.sin(place.angle)
    x, y = left + 0.5 - place.x, top + 0.5 - place.y
    middle = image.shape[0] / 2 - 0.5
    # From the box's pixel to the image's, so the rotation is the inverse one.
    back = np.array([[cosine, sine, cosine * x + sine * y + middle], [-sine, cosine, cosine * y - sine * x + middle]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, back, (right - left, bottom - top), flags=flags)


@lru_cache(maxsize=4)
def _noise_bank(side: int) -> UInt8[np.ndarray, "s s 3"]:
    """Return Gaussian noise around 128 from which frames cut a piece: new noise costs more than the image."""
    rng = np.random.default_rng(20240229)
    shared, coloured = rng.standard_normal((side, side, 1)), rng.standard_normal((side, side, 3))
    noise = _NOISE_BANK_SD * (0.75 * shared + 0.66 * coloured)
    return np.clip(np.round(128 + noise), 0, 255).astype(np.uint8)
