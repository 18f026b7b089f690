"""Changes of time: which stored frames a network is given instead of the original ones.

A change maps frame numbers to as many frame numbers, so that the network is given as many frames as in training. A new
change is one entry of TIME_CHANGES.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from jaxtyping import Int, UInt8

Parameter = Literal["seed", "frame", "count", "speed"]

SPEEDS: Final = (0.5, 2.0, 4.0)
"""Speeds to choose from; 1 is the clip as it is."""
MAX_SPEED: Final = 100.0


@dataclass(frozen=True, kw_only=True)
class TimeChoice:
    """A change of time and its parameters; it uses those that its entry of TIME_CHANGES names."""

    change: str = "reverse"
    """A key of TIME_CHANGES."""
    seed: int = 0
    """Seed of the shuffle: the same seed gives the same order."""
    frame: int = 0
    """Which of the frames given to the network, counted from 0."""
    count: int = 1
    """Number of frames to drop, or of repetitions."""
    speed: float = 2.0
    """Relative to that of the clip."""

    def __post_init__(self) -> None:
        if self.change not in TIME_CHANGES:
            raise ValueError(f"A change of time is one of {', '.join(TIME_CHANGES)}; got {self.change!r}.")
        if self.seed < 0 or self.frame < 0 or self.count < 1:
            raise ValueError(
                "seed and frame are zero or more, count is one or more; got "
                f"seed {self.seed}, frame {self.frame}, count {self.count}."
            )
        if not 1 / MAX_SPEED <= self.speed <= MAX_SPEED:
            raise ValueError(f"speed must be between {1 / MAX_SPEED:g} and {MAX_SPEED:g}; got {self.speed:g}.")


@dataclass(frozen=True, kw_only=True)
class TimeChange:
    """An entry of the table of changes of time."""

    label: str
    """For a control."""
    rule: str
    """The new frames, in one sentence."""
    words: Callable[[TimeChoice], str]
    """The changed clip in words, after "the clip"."""
    numbers: Callable[[Int[np.ndarray, " t"], int, TimeChoice], Int[np.ndarray, " t"]]
    """(numbers of the original frames, number of stored frames, choice) to the numbers of the new frames."""
    parameters: tuple[Parameter, ...] = ()
    """The fields of a TimeChoice that it uses."""


def _reversed(which: Int[np.ndarray, " t"], num_stored: int, choice: TimeChoice) -> Int[np.ndarray, " t"]:
    return which[::-1]


def _shuffled(which: Int[np.ndarray, " t"], num_stored: int, choice: TimeChoice) -> Int[np.ndarray, " t"]:
    places = np.arange(len(which))
    random = np.random.default_rng(choice.seed)
    order = places
    # A shuffle that changes nothing would show nothing; one frame has no other order.
    while len(which) > 1 and np.array_equal(order, places):
        order = random.permutation(len(which))
    return which[order]


def _frozen(which: Int[np.ndarray, " t"], num_stored: int, choice: TimeChoice) -> Int[np.ndarray, " t"]:
    return np.full_like(which, which[choice.frame])


def _dropped(which: Int[np.ndarray, " t"], num_stored: int, choice: TimeChoice) -> Int[np.ndarray, " t"]:
    first, end = choice.frame, min(choice.frame + choice.count, len(which))
    if end - first == len(which):
        raise ValueError(f"At least one of {len(which)} frames must stay; got {choice.count} to drop.")
    shown = which.copy()
    shown[first:end] = which[first - 1] if first else which[end]
    return shown


def _repeated(which: Int[np.ndarray, " t"], num_stored: int, choice: TimeChoice) -> Int[np.ndarray, " t"]:
    places = np.arange(len(which))
    return which[np.where(places <= choice.frame, places, np.maximum(choice.frame, places - choice.count))]


def _at_speed(which: Int[np.ndarray, " t"], num_stored: int, choice: TimeChoice) -> Int[np.ndarray, " t"]:
    middle = (num_stored - 1) / 2
    earlier = np.floor(np.clip(middle + choice.speed * (which - middle), 0, num_stored - 1)).astype(which.dtype)
    # The second half mirrors the first, as in sampling: otherwise rounding would distinguish a clip from its reversal.
    mirrored = num_stored - 1 - earlier[::-1]
    return np.where(2 * np.arange(len(which)) + 1 < len(which), earlier, mirrored)


def _frames_in_words(choice: TimeChoice) -> str:
    first, last = choice.frame + 1, choice.frame + choice.count
    return f"frame {first}" if first == last else f"frames {first} to {last}"


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


TIME_CHANGES: Final[Mapping[str, TimeChange]] = {
    "reverse": TimeChange(
        label="Reverse",
        rule="The same frames in reverse order.",
        words=lambda choice: "reversed",
        numbers=_reversed,
    ),
    "shuffle": TimeChange(
        label="Shuffle",
        rule="The same frames in a random order, which the seed determines.",
        words=lambda choice: f"shuffled with seed {choice.seed}",
        numbers=_shuffled,
        parameters=("seed",),
    ),
    "freeze": TimeChange(
        label="Freeze",
        rule="One frame for the whole clip.",
        words=lambda choice: f"frozen at frame {choice.frame + 1}",
        numbers=_frozen,
        parameters=("frame",),
    ),
    "drop": TimeChange(
        label="Drop",
        rule="Frames are dropped and replaced by the one before them, at the start by the one after them. The network "
        "is given as many frames as before.",
        words=lambda choice: f"without {_frames_in_words(choice)}",
        numbers=_dropped,
        parameters=("frame", "count"),
    ),
    "repeat": TimeChange(
        label="Repeat",
        rule="One frame is repeated, as in a video that stalls. Later frames are delayed, and as many are cut off at "
        "the end.",
        words=lambda choice: f"with frame {choice.frame + 1} repeated {_times(choice.count)}",
        numbers=_repeated,
        parameters=("frame", "count"),
    ),
    "speed": TimeChange(
        label="Change speed",
        rule="Frames are taken from the stored ones at another spacing around the middle of the clip. A slower clip "
        "covers a shorter part of the motion; a faster one repeats the first and the last stored frame at its ends.",
        words=lambda choice: f"at {choice.speed:g} times its speed",
        numbers=_at_speed,
        parameters=("speed",),
    ),
}


def frame_numbers(which: Int[np.ndarray, " t"], num_stored: int, choice: TimeChoice) -> Int[np.ndarray, " t"]:
    """The numbers of the stored frames in a changed clip instead of the frames `which`.

    Raises ValueError for a frame that the network is not given, for numbers that are not stored, and if no frame is
    left.
    """
    if len(which) < 1 or which.min() < 0 or which.max() >= num_stored:
        raise ValueError(f"The frames must be among {num_stored} stored ones; got the numbers {which.tolist()}.")
    change = TIME_CHANGES[choice.change]
    if "frame" in change.parameters and choice.frame >= len(which):
        raise ValueError(f"The network is given frames 1 to {len(which)}; got frame {choice.frame + 1}.")
    return change.numbers(which, num_stored, choice)


def change_time(
    stored: UInt8[np.ndarray, "s h w 3"], which: Int[np.ndarray, " t"], choice: TimeChoice
) -> UInt8[np.ndarray, "t h w 3"]:
    """The frames of a changed clip: `stored[which]` is the original clip."""
    return stored[frame_numbers(which, len(stored), choice)]


def is_reordering(before: Int[np.ndarray, " t"], after: Int[np.ndarray, " t"]) -> bool:
    """True if the changed clip has the same frames, each as often, in any order."""
    return np.array_equal(np.sort(before), np.sort(after))


def in_words(choice: TimeChoice) -> str:
    """The change in words: "reversed", "frozen at frame 3"."""
    return TIME_CHANGES[choice.change].words(choice)
