"""Changes of time: which stored frames a network is shown in place of those that it would see.

A change maps numbers of frames to numbers of frames, as many as before, so that a network sees as many frames as it
was trained on. A new change is one entry of TIME_CHANGES.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from jaxtyping import Int, UInt8

Parameter = Literal["seed", "frame", "count", "speed"]

SPEEDS: Final = (0.5, 2.0, 4.0)
"""Speeds to choose from; 1 is the clip as it is."""
FASTEST: Final = 100.0


@dataclass(frozen=True, kw_only=True)
class TimeChoice:
    """A change of time and its parameters, of which it uses those that its entry of TIME_CHANGES names."""

    change: str = "reverse"
    """A key of TIME_CHANGES."""
    seed: int = 0
    """Of the shuffling: the same seed gives the same order."""
    frame: int = 0
    """The frame in question, of those that the network sees, counted from 0."""
    count: int = 1
    """Frames that are dropped, or how often a frame is repeated."""
    speed: float = 2.0
    """Times the clip's own."""

    def __post_init__(self) -> None:
        if self.change not in TIME_CHANGES:
            raise ValueError(f"A change of time is one of {', '.join(TIME_CHANGES)}; got {self.change!r}.")
        if self.seed < 0 or self.frame < 0 or self.count < 1:
            raise ValueError(
                "seed and frame are zero or more, count is one or more; got "
                f"seed {self.seed}, frame {self.frame}, count {self.count}."
            )
        if not 1 / FASTEST <= self.speed <= FASTEST:
            raise ValueError(f"speed must lie between {1 / FASTEST:g} and {FASTEST:g}; got {self.speed:g}.")


@dataclass(frozen=True, kw_only=True)
class TimeChange:
    """A row of the table of changes of time."""

    label: str
    """For a control."""
    rule: str
    """What becomes of the frames, in one sentence."""
    words: Callable[[TimeChoice], str]
    """What has been done to the clip, as a sentence goes on after "the clip"."""
    numbers: Callable[[Int[np.ndarray, " t"], int, TimeChoice], Int[np.ndarray, " t"]]
    """(numbers of the frames that the network would see, frames stored, choice) to those that it is shown."""
    parameters: tuple[Parameter, ...] = ()
    """What of a TimeChoice it uses."""


def _reversed(which: Int[np.ndarray, " t"], num_stored: int, choice: TimeChoice) -> Int[np.ndarray, " t"]:
    return which[::-1]


def _shuffled(which: Int[np.ndarray, " t"], num_stored: int, choice: TimeChoice) -> Int[np.ndarray, " t"]:
    places = np.arange(len(which))
    random = np.random.default_rng(choice.seed)
    order = places
    # A shuffling that leaves all where it was would show nothing; of one frame there is no other order.
    while len(which) > 1 and np.array_equal(order, places):
        order = random.permutation(len(which))
    return which[order]


def _frozen(which: Int[np.ndarray, " t"], num_stored: int, choice: TimeChoice) -> Int[np.ndarray, " t"]:
    return np.full_like(which, which[choice.frame])


def _dropped(which: Int[np.ndarray, " t"], num_stored: int, choice: TimeChoice) -> Int[np.ndarray, " t"]:
    first, behind = choice.frame, min(choice.frame + choice.count, len(which))
    if behind - first == len(which):
        raise ValueError(f"Of {len(which)} frames at least one must stay; got {choice.count} to drop.")
    shown = which.copy()
    shown[first:behind] = which[first - 1] if first else which[behind]
    return shown


def _repeated(which: Int[np.ndarray, " t"], num_stored: int, choice: TimeChoice) -> Int[np.ndarray, " t"]:
    places = np.arange(len(which))
    return which[np.where(places <= choice.frame, places, np.maximum(choice.frame, places - choice.count))]


def _at_speed(which: Int[np.ndarray, " t"], num_stored: int, choice: TimeChoice) -> Int[np.ndarray, " t"]:
    middle = (num_stored - 1) / 2
    earlier = np.floor(np.clip(middle + choice.speed * (which - middle), 0, num_stored - 1)).astype(which.dtype)
    # The second half mirrors the first, as the sampling does: rounding alone would tell a clip from its reversal.
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
        rule="The same frames, the last one first.",
        words=lambda choice: "reversed",
        numbers=_reversed,
    ),
    "shuffle": TimeChange(
        label="Shuffle",
        rule="The same frames in another order, drawn at random from the seed: one seed, one order.",
        words=lambda choice: f"shuffled with seed {choice.seed}",
        numbers=_shuffled,
        parameters=("seed",),
    ),
    "freeze": TimeChange(
        label="Freeze",
        rule="One frame stands still for the whole clip.",
        words=lambda choice: f"frozen at frame {choice.frame + 1}",
        numbers=_frozen,
        parameters=("frame",),
    ),
    "drop": TimeChange(
        label="Drop",
        rule="Frames are lost, and the one before them stands still instead, at the start the one behind them. The "
        "network sees as many frames as ever.",
        words=lambda choice: f"without {_frames_in_words(choice)}",
        numbers=_dropped,
        parameters=("frame", "count"),
    ),
    "repeat": TimeChange(
        label="Repeat",
        rule="One frame is shown again, as a video that stalls. What follows comes later, and as many frames fall off "
        "the end.",
        words=lambda choice: f"stalling at frame {choice.frame + 1}, which is repeated {_times(choice.count)}",
        numbers=_repeated,
        parameters=("frame", "count"),
    ),
    "speed": TimeChange(
        label="Change speed",
        rule="The frames are taken from the stored ones at another distance around the middle of the clip. Slower, it "
        "shows a shorter stretch of the motion; faster, the first and the last stored frame stand still where the clip "
        "ends.",
        words=lambda choice: f"at {choice.speed:g} times its speed",
        numbers=_at_speed,
        parameters=("speed",),
    ),
}


def frame_numbers(which: Int[np.ndarray, " t"], num_stored: int, choice: TimeChoice) -> Int[np.ndarray, " t"]:
    """The numbers of the stored frames that a changed clip shows in place of the frames `which`.

    Raises ValueError for a frame that the network does not see, for numbers that are not stored, and where nothing is
    left to show.
    """
    if len(which) < 1 or which.min() < 0 or which.max() >= num_stored:
        raise ValueError(f"A network sees some of {num_stored} stored frames; got the numbers {which.tolist()}.")
    change = TIME_CHANGES[choice.change]
    if "frame" in change.parameters and choice.frame >= len(which):
        raise ValueError(f"The network sees the frames 1 to {len(which)}; got frame {choice.frame + 1}.")
    return change.numbers(which, num_stored, choice)


def change_time(
    stored: UInt8[np.ndarray, "s h w 3"], which: Int[np.ndarray, " t"], choice: TimeChoice
) -> UInt8[np.ndarray, "t h w 3"]:
    """The frames that a network is shown of a changed clip: `stored[which]` is the clip unchanged."""
    return stored[frame_numbers(which, len(stored), choice)]


def is_reordering(before: Int[np.ndarray, " t"], after: Int[np.ndarray, " t"]) -> bool:
    """True if the changed clip shows the same frames, each as often, whatever their order."""
    return np.array_equal(np.sort(before), np.sort(after))


def in_words(choice: TimeChoice) -> str:
    """What has been done to a clip: "reversed", "frozen at frame 3"."""
    return TIME_CHANGES[choice.change].words(choice)
