"""Scenes of MotionPairs: positions and appearance as plain numbers, drawn from a random stream.

Lengths are fractions of the image's side, x to the right and y downwards, so a scene looks the same at every size.
Time runs over NUM_FRAMES frames. A scene is drawn for the first class of its pair; the second is the same scene
backwards. Everything else (camera, bystanders) is as likely backwards as forwards.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import numpy as np
from jaxtyping import Float, Int

from gte.data.motionpairs.sprites import Colour

NUM_FRAMES = 24
PAN_LIMIT = 0.045
"""Largest offset of the camera from the middle, in either direction."""

_Choice = TypeVar("_Choice")
_TIME = np.linspace(-1, 1, NUM_FRAMES)


@dataclass(frozen=True)
class Palette:
    """Matching colours; moving objects contrast with the ground."""

    ground: tuple[Colour, Colour]
    movers: tuple[Colour, ...]
    cover: Colour


_WHITE: Colour = (250, 246, 236)
_INK: Colour = (70, 34, 84)
PALETTES: tuple[Palette, ...] = (
    Palette(((34, 36, 66), (84, 70, 122)), ((255, 186, 73), (255, 112, 105), (110, 231, 199)), (132, 116, 170)),
    Palette(((8, 54, 82), (30, 112, 136)), ((255, 205, 92), (255, 120, 84), (255, 178, 200)), (92, 152, 168)),
    Palette(((20, 58, 52), (58, 110, 84)), ((255, 208, 80), (255, 134, 100), (252, 184, 206)), (122, 160, 124)),
    Palette(((26, 30, 38), (66, 76, 92)), ((90, 212, 240), (255, 196, 74), (250, 104, 132)), (118, 130, 148)),
    Palette(((62, 24, 52), (120, 54, 84)), ((255, 196, 92), (122, 226, 220), (255, 140, 120)), (168, 112, 138)),
    Palette(((250, 240, 220), (230, 208, 172)), ((216, 58, 60), (28, 92, 170), (16, 128, 112)), (196, 166, 124)),
    Palette(((214, 234, 244), (166, 204, 228)), ((224, 66, 54), (90, 48, 150), (234, 120, 16)), (112, 156, 188)),
    Palette(((222, 242, 226), (172, 216, 192)), ((200, 44, 96), (40, 68, 150), (224, 96, 26)), (112, 168, 142)),
    Palette(((236, 228, 248), (200, 186, 230)), ((82, 38, 142), (226, 72, 56), (8, 116, 120)), (150, 132, 190)),
    Palette(((252, 228, 218), (240, 190, 174)), ((30, 90, 150), (150, 34, 84), (10, 120, 110)), (206, 140, 124)),
)
GROUND_PATTERNS = ("plain", "clouds", "stripes", "waves", "dots", "checks")
SOLID_SHAPES = ("ball", "box", "star", "ring", "triangle", "hexagon", "capsule", "cross", "heart")
_SOLID_TEXTURES = ("plain", "split", "stripes", "band", "spots", "rings")
# Rotation is visible only on objects without rotational symmetry: of the shape or of the texture.
_POINTED_SHAPES = ("arrow", "bracket", "drop", "heart", "crescent")
_LOPSIDED_TEXTURES = ("split", "spot")


@dataclass(frozen=True, kw_only=True)
class Actor:
    """An object of the scene and its position in each frame."""

    shape: str
    texture: str
    colours: tuple[Colour, Colour]
    path: Float[np.ndarray, "24 2"]
    """Centre (x, y) on the ground; the camera sees it shifted by its pan."""
    radius: Float[np.ndarray, "24"]
    angle: Float[np.ndarray, "24"]
    """In radians; a growing angle turns clockwise on the screen."""


@dataclass(frozen=True, kw_only=True)
class Ground:
    """The ground behind all objects."""

    pattern: str
    colours: tuple[Colour, Colour]
    slope: tuple[float, float]
    """Direction and strength of the gradient."""
    pattern_angle: float
    pattern_period: float
    pattern_phase: float
    clouds: Float[np.ndarray, "8 8"]


@dataclass(frozen=True, kw_only=True)
class Cover:
    """A still board in front of the moving object."""

    centre: tuple[float, float]
    half_size: tuple[float, float]
    """Along and across the path of the moving object."""
    angle: float
    colour: Colour


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Everything that a renderer needs, in the direction of time of the first class of the pair."""

    ground: Ground
    pan: Float[np.ndarray, "24 2"]
    movers: tuple[Actor, ...]
    bystanders: tuple[Actor, ...]
    cover: Cover | None
    noise: float
    """Standard deviation, in 1/255 of full brightness."""
    noise_origin: Int[np.ndarray, "24 2"] = field(repr=False)


@dataclass(frozen=True)
class _Stage:
    """The moving objects and, for one pair of classes, the cover, as a pair's function draws them."""

    movers: tuple[Actor, ...]
    cover: Cover | None = None


Motion = Callable[[np.random.Generator, Palette], _Stage]
"""A function that draws the moving objects of a scene."""


def draw_scene(motion: Motion, rng: np.random.Generator) -> Scene:
    """Draw a scene with the given motion (one of MOTIONS) from the random stream."""
    palette = PALETTES[rng.integers(len(PALETTES))]
    stage = motion(rng, palette)
    return Scene(
        ground=_draw_ground(rng, palette),
        pan=_draw_pan(rng),
        movers=stage.movers,
        bystanders=_draw_bystanders(rng, palette),
        cover=stage.cover,
        noise=rng.uniform(1.5, 5.0),
        noise_origin=rng.integers(0, 2**31, size=(NUM_FRAMES, 2)),
    )


def _draw_ground(rng: np.random.Generator, palette: Palette) -> Ground:
    direction = rng.uniform(0, 2 * np.pi)
    strength = rng.uniform(0.5, 0.9)
    return Ground(
        pattern=GROUND_PATTERNS[rng.integers(len(GROUND_PATTERNS))],
        colours=palette.ground,
        slope=(strength * np.cos(direction), strength * np.sin(direction)),
        pattern_angle=rng.uniform(0, np.pi),
        pattern_period=rng.uniform(0.09, 0.2),
        pattern_phase=rng.uniform(0, 1),
        clouds=rng.uniform(-1, 1, size=(8, 8)),
    )


def _draw_pan(rng: np.random.Generator) -> Float[np.ndarray, "24 2"]:
    """Return the camera's offset in each frame; in a quarter of all scenes the camera does not move."""
    direction = rng.uniform(0, 2 * np.pi)
    reach = max(rng.uniform(-PAN_LIMIT / 3, PAN_LIMIT), 0.0)
    return reach * _along(_TIME, direction)


def _draw_bystanders(rng: np.random.Generator, palette: Palette) -> tuple[Actor, ...]:
    """Return up to three pale, smaller objects, some of which sway; swaying looks the same backwards."""
    dark, bright = (np.array(colour, float) for colour in palette.ground)
    bystanders = []
    for _ in range(rng.integers(0, 4)):
        shade = rng.uniform(0.1, 0.9) * (bright - dark) + dark + (rng.random() < 0.5 or -1) * rng.uniform(16, 26)
        colour = _colour(shade)
        centre = rng.uniform(0.06, 0.94, size=2)
        sway = rng.uniform(0.012, 0.03) * (rng.random() < 0.4)
        swing = np.cos(rng.uniform(2, 5) * _TIME + rng.uniform(0, 2 * np.pi))
        path = centre + sway * _along(swing, rng.uniform(0, 2 * np.pi))
        shape = SOLID_SHAPES[rng.integers(len(SOLID_SHAPES))]
        bystanders.append(_actor(shape, "plain", (colour, colour), path, rng.uniform(0.035, 0.075), _tilt(rng)))
    return tuple(bystanders)


def _slide(rng: np.random.Generator, palette: Palette, direction: float) -> _Stage:
    """Draw steady motion, with a slight drift to either side so that not all tracks are parallel."""
    radius = rng.uniform(0.11, 0.165)
    reach = rng.uniform(0.23, 0.33)
    way = _along(reach * _TIME, direction + rng.uniform(-0.15, 0.15))
    return _Stage((_solid(rng, palette, _place(rng, way, radius), radius),))


def _approaches(rng: np.random.Generator, palette: Palette) -> _Stage:
    far, near = rng.uniform(0.07, 0.10), rng.uniform(0.23, 0.30)
    # Growth by a constant factor per frame: as visible in the far frames as in the near ones.
    radius = far * (near / far) ** ((_TIME + 1) / 2)
    way = _along(rng.uniform(0, 0.06) * _TIME, rng.uniform(0, 2 * np.pi))
    return _Stage((_solid(rng, palette, _place(rng, way, near), radius),))


def _turns_clockwise(rng: np.random.Generator, palette: Palette) -> _Stage:
    radius = rng.uniform(0.19, 0.27)
    frame_angle = np.deg2rad(rng.uniform(7, 13))
    angle = rng.uniform(0, 2 * np.pi) + frame_angle * np.arange(NUM_FRAMES)
    way = _along(rng.uniform(0, 0.04) * _TIME, rng.uniform(0, 2 * np.pi))
    if rng.random() < 0.6:
        shape, texture = _pick(rng, _POINTED_SHAPES), _pick(rng, ("plain", *_LOPSIDED_TEXTURES[:1]))
    else:
        shape, texture = _pick(rng, ("ball", "box", "capsule", "hexagon")), _pick(rng, _LOPSIDED_TEXTURES)
    colour = _pick(rng, palette.movers)
    # White on a pale colour could be taken for the glint, which does not turn.
    colours = (colour, _INK if sum(colour) > 400 else _WHITE)
    return _Stage((_actor(shape, texture, colours, _place(rng, way, radius), radius, angle),))


def _moves_together(rng: np.random.Generator, palette: Palette) -> _Stage:
    radius = rng.uniform(0.095, 0.135)
    closest, farthest = radius * rng.uniform(1.02, 1.15), rng.uniform(0.30, 0.36)
    direction = rng.uniform(0, 2 * np.pi)
    half_distance = (farthest + closest) / 2 - _TIME * (farthest - closest) / 2
    one_side = _along(half_distance, direction)
    middle = _place(rng, np.concatenate([one_side, -one_side]), radius)[:NUM_FRAMES] - one_side
    first, second = rng.permutation(len(palette.movers))[:2]
    return _Stage(
        (
            _solid(rng, palette, middle + one_side, radius, palette.movers[first]),
            _solid(rng, palette, middle - one_side, radius, palette.movers[second]),
        )
    )


def _speeds_up(rng: np.random.Generator, palette: Palette) -> _Stage:
    """Draw motion in any direction, so that the direction tells nothing; the last frames cover most of the path."""
    radius = rng.uniform(0.10, 0.14)
    reach = rng.uniform(0.32, 0.38)
    travelled = ((_TIME + 1) / 2) ** rng.uniform(2.4, 3.2)
    way = _along(reach * (2 * travelled - 1), rng.uniform(0, 2 * np.pi))
    return _Stage((_solid(rng, palette, _place(rng, way, radius), radius),))


def _gets_covered(rng: np.random.Generator, palette: Palette) -> _Stage:
    """Draw motion in any direction, from next to a board to behind it; in the last frames the object is hidden."""
    radius = rng.uniform(0.11, 0.14)
    direction = rng.uniform(0, 2 * np.pi)
    half_size = (radius * rng.uniform(1.15, 1.3), radius * rng.uniform(1.5, 2.0))
    start = half_size[0] + radius * rng.uniform(1.4, 1.8)
    # From next to the board to its middle; the total extent is that of the moving object plus half a board.
    way = _along(start * (1 - _TIME) / 2, direction + np.pi)
    ends = np.concatenate([way, _along(np.array([half_size[0] - radius]), direction)])
    path = _place(rng, ends, radius)[:NUM_FRAMES]
    centre = path[-1]
    board = Cover(
        centre=(float(centre[0]), float(centre[1])), half_size=half_size, angle=direction, colour=palette.cover
    )
    return _Stage((_solid(rng, palette, path, radius),), board)


MOTIONS: dict[tuple[str, str], Motion] = {
    ("moves left", "moves right"): partial(_slide, direction=np.pi),
    ("moves up", "moves down"): partial(_slide, direction=-np.pi / 2),
    ("approaches", "recedes"): _approaches,
    ("turns clockwise", "turns counter-clockwise"): _turns_clockwise,
    ("moves together", "moves apart"): _moves_together,
    ("speeds up", "slows down"): _speeds_up,
    ("gets covered", "gets uncovered"): _gets_covered,
}
"""Each pair of classes, and the function that draws the first; the second is its reversal."""


def _pick(rng: np.random.Generator, choices: tuple[_Choice, ...]) -> _Choice:
    return choices[rng.integers(len(choices))]


def _colour(rgb: Float[np.ndarray, "3"]) -> Colour:
    red, green, blue = np.clip(rgb, 0, 255).astype(int).tolist()
    return red, green, blue


def _along(distance: Float[np.ndarray, " t"], direction: float) -> Float[np.ndarray, "t 2"]:
    return np.stack([distance * np.cos(direction), distance * np.sin(direction)], axis=1)


def _tilt(rng: np.random.Generator) -> float:
    return rng.uniform(-0.4, 0.4)


def _place(rng: np.random.Generator, way: Float[np.ndarray, "t 2"], radius: float) -> Float[np.ndarray, "t 2"]:
    """Shift the path so that an object of that radius stays inside the image, or is centred if it cannot."""
    lowest, highest = radius - way.min(axis=0), 1 - radius - way.max(axis=0)
    room = np.maximum(highest - lowest, 0)
    return way + (lowest + highest) / 2 + rng.uniform(-0.5, 0.5, size=2) * room


def _solid(
    rng: np.random.Generator,
    palette: Palette,
    path: Float[np.ndarray, "24 2"],
    radius: float | Float[np.ndarray, "24"],
    colour: Colour | None = None,
) -> Actor:
    colours = (colour or _pick(rng, palette.movers), _WHITE)
    return _actor(_pick(rng, SOLID_SHAPES), _pick(rng, _SOLID_TEXTURES), colours, path, radius, _tilt(rng))


def _actor(
    shape: str,
    texture: str,
    colours: tuple[Colour, Colour],
    path: Float[np.ndarray, "24 2"],
    radius: float | Float[np.ndarray, "24"],
    angle: float | Float[np.ndarray, "24"],
) -> Actor:
    steady = np.ones(NUM_FRAMES)
    return Actor(shape=shape, texture=texture, colours=colours, path=path, radius=radius * steady, angle=angle * steady)
