"""Harder scenes for MotionPairs: slower objects, less contrast, more camera motion, and others that move against."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from gte.data.motionpairs.scenes import NUM_FRAMES, PALETTES, SOLID_SHAPES, Actor, Scene
from gte.data.motionpairs.sprites import Colour

PAN_LIMIT = 0.08
"""Largest offset of the camera from the middle, in either direction."""

SPEEDS = (0.4, 1.0)
"""Range of the speeds of moving and growing objects, as shares of those in MotionPairs; turning is not slowed."""
ACCELERATIONS = (0.5, 1.0)
"""Range of the changes of speed along a path, as shares of those in MotionPairs."""
CONTRASTS = (0.4, 1.0)
"""Range of the contrast between these objects and the ground, as shares of that in MotionPairs."""
NUM_OTHERS = (1, 4)
"""Smallest and largest number of objects more."""
AGAINST = 0.5
"""Share of the scenes in which these move together, against the object that the class is about; in the others each
moves in a direction of its own."""

_TIME = np.linspace(-1, 1, NUM_FRAMES)


def make_harder(scene: Scene, rng: np.random.Generator) -> Scene:
    """Return the scene with other speeds, colours and pan and with more objects, drawn from the random stream.

    A scene and its reversal remain a pair of classes: reversed, the others still move against the first object, or each
    in a direction of its own, of which all are as likely.
    """
    ground = np.mean(scene.ground.colours, axis=0)
    contrast = rng.uniform(*CONTRASTS)
    speed, acceleration = rng.uniform(*SPEEDS), rng.uniform(*ACCELERATIONS)
    movers = scene.movers
    # A cover hides the object at one end of its path, which therefore stays as it is.
    if scene.cover is None:
        movers = tuple(_slower(actor, speed, acceleration) for actor in movers)
    direction, reach = rng.uniform(0, 2 * np.pi), max(rng.uniform(-PAN_LIMIT / 3, PAN_LIMIT), 0.0)
    others = tuple(_paler(actor, ground, contrast) for actor in _draw_others(scene, rng))
    return replace(
        scene,
        movers=tuple(_paler(actor, ground, contrast) for actor in movers),
        bystanders=(*scene.bystanders, *others),
        pan=reach * _TIME[:, None] * np.array([np.cos(direction), np.sin(direction)]),
    )


def _slower(actor: Actor, speed: float, acceleration: float) -> Actor:
    """Return the actor with its path closer to steady motion, and with slower changes of its place and size."""
    steady = np.linspace(actor.path[0], actor.path[-1], NUM_FRAMES)
    path, size = steady + acceleration * (actor.path - steady), np.log(actor.radius)
    return replace(
        actor,
        path=path.mean(0) + speed * (path - path.mean(0)),
        radius=np.exp(size.mean() + speed * (size - size.mean())),
    )


def _paler(actor: Actor, ground: Float[np.ndarray, "3"], contrast: float) -> Actor:
    """Return the actor with colours closer to that of the ground."""
    first, second = (_blend(colour, ground, contrast) for colour in actor.colours)
    return replace(actor, colours=(first, second))


def _blend(colour: Colour, ground: Float[np.ndarray, "3"], share: float) -> Colour:
    red, green, blue = (ground + share * (np.array(colour) - ground)).astype(int).tolist()
    return red, green, blue


def _draw_others(scene: Scene, rng: np.random.Generator) -> list[Actor]:
    """Return small objects in the colours of the moving ones that cross the scene at steady speeds."""
    palette = next(palette for palette in PALETTES if palette.ground == scene.ground.colours)
    path = scene.movers[0].path
    against = float(np.arctan2(*(path[0] - path[-1])[::-1])) if rng.random() < AGAINST else None
    others = []
    for _ in range(rng.integers(NUM_OTHERS[0], NUM_OTHERS[1] + 1)):
        direction = rng.uniform(0, 2 * np.pi) if against is None else against + rng.uniform(-0.15, 0.15)
        way = rng.uniform(0.15, 0.35) * _TIME[:, None] * np.array([np.cos(direction), np.sin(direction)])
        colour = palette.movers[rng.integers(len(palette.movers))]
        others.append(
            Actor(
                shape=SOLID_SHAPES[rng.integers(len(SOLID_SHAPES))],
                texture="plain",
                colours=(colour, colour),
                path=rng.uniform(0.1, 0.9, size=2) + way,
                radius=np.full(NUM_FRAMES, rng.uniform(0.04, 0.07)),
                angle=np.full(NUM_FRAMES, rng.uniform(-0.4, 0.4)),
            )
        )
    return others
