"""Film of one output channel: its maps as strips on one scale, the change of the answer in words, and the figure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Float, Float32, UInt8
from torch import Tensor, nn

from analysis.attribution.stored_clips import WIDTH, StoredClip
from analysis.attribution.strip_figure import frames_figure
from analysis.formatting import join_words, percent, three_digits
from analysis.interventions.channel import (
    Edit,
    Followed,
    Pass,
    edited_row,
    follow,
    layers_over_frames,
    observe,
    rounded,
    row_of,
    taps_of,
)
from analysis.interventions.effects import ROUNDING, Effect, in_powers_of_ten
from analysis.interventions.kernel_edits import stored_starts
from gte.checkpoint import load_model
from gte.checkpoint_header import CheckpointHeader
from gte.data.loading import to_clip

MIN_SIDE: Final = 64
"""Pixels of a map in the figure for a paper; smaller ones are enlarged by whole factors, cell by cell."""
SCALE_WORDS: Final = (
    "One scale for all maps, by the square root of the size: black −{size}, grey 0, white {size}, the largest size of "
    "any of them as trained."
)
MIN_POINTS: Final = 1e-4
"""Smaller changes of a probability are not written out."""
DEFINITION: Final = """
Feature maps of one clip, from above: the frames; the input channels of the layer that weigh most in this output
channel (the norm of the kernel's weights for the input times the norm of the input's map); the output channel; and
the next convolution that reads it, in the channel that changes most when the output channel is silenced. All maps are
on one scale, fixed while taps change: mid-grey is 0, white the largest size of any of them as trained, black the same
below 0; the difference to mid-grey grows with the square root of the size, so that small values stay visible. Maps
after a ReLU have no values below 0.

A **tap** is the size of one slice of the kernel, the root of the summed squares of its weights over inputs, rows and
columns, with the sign of the strongest input. To change a tap scales its slice, so the channel keeps reading the same
inputs; a slice of zeros takes the shape of the largest. Frames from outside the clip are zero.
"""


@dataclass(frozen=True, kw_only=True)
class Strip:
    """The maps of one channel."""

    role: Literal["input", "output", "after"]
    label: str
    note: str
    """More about it."""
    maps: Float32[np.ndarray, "t h w"]


@dataclass(frozen=True, kw_only=True)
class Film:
    """What the page and the figure draw of an output channel with some taps."""

    layer: str
    output: int
    edit: Edit
    taps: tuple[float, ...]
    """As they are after the edit."""
    frames: UInt8[np.ndarray, "t h w 3"]
    strips: Sequence[Strip]
    scale: float
    """The largest size of a value in the strips as trained; 1 where all are zero."""
    effect: Effect


def make_film(
    model: nn.Module,
    header: CheckpointHeader,
    layer: str,
    frames: UInt8[np.ndarray, "t h w 3"],
    followed: Followed,
    trained: Pass,
    edit: Edit,
    start: Tensor | None = None,
    shown: int | None = None,
) -> Film:
    """Run a network with other taps and return what is drawn; `shown` is the true class, if it is known.

    The network must not be used by others meanwhile. Raises ValueError for an edit that does not fit, and
    NotNumbersError where the answer is not finite.
    """
    module = layers_over_frames(model)[layer]
    row = edited_row(module, followed.output, edit, start)
    is_trained = row.equal(row_of(module, followed.output))
    changed = trained if is_trained else observe(model, layer, to_clip(frames)[None], followed.output, row)
    effect = Effect(
        network=header.name,
        classes=header.classes,
        twins=header.twins,
        before=trained.logits,
        after=changed.logits,
        shown=shown,
    )
    largest = max(float(np.abs(strip.maps).max()) for strip in _strips(trained, followed))
    return Film(
        layer=layer,
        output=followed.output,
        edit=edit,
        taps=rounded(taps_of(row).tolist()) if edit.taps is None else edit.taps,
        frames=frames,
        strips=_strips(changed, followed),
        scale=largest or 1.0,
        effect=effect,
    )


def _strips(observed: Pass, followed: Followed) -> list[Strip]:
    def strip(role: Literal["input", "output", "after"], label: str, note: str, maps: Tensor, channel: int) -> Strip:
        return Strip(role=role, label=label, note=note, maps=maps[:, channel].float().numpy())

    before, after = f"before the {followed.noun}", f"after the {followed.noun}"
    strips = [strip("input", f"input {channel}", before, observed.inputs, channel) for channel in followed.inputs]
    strips.append(strip("output", f"output {followed.output}", after, observed.outputs, followed.channel))
    if followed.after is not None:
        name, channel = followed.after
        note = f"after the next {followed.noun_after}"
        strips.append(strip("after", f"channel {channel}", note, observed.after[name], channel))
    return strips


def taps_in_words(taps: Sequence[float]) -> str:
    """Return taps as a sentence has them: "(0, 1, −0.5)"."""
    return f"({', '.join(f'{tap:.2f}'.rstrip('0').rstrip('.').replace('-', '−') for tap in taps)})"


def edit_in_words(film: Film) -> str:
    """Return the edit as a sentence has it after "with"."""
    subject = f"output channel {film.output}"
    if not any(film.taps):
        return f"{subject} silenced"
    if film.edit.taps is not None:
        return f"the taps of {subject} at {taps_in_words(film.taps)}"
    return {
        "trained": f"{subject} as trained",
        "untrained": f"{subject} as before training",
        "mirrored": f"{subject} mirrored in time",
    }[film.edit.base]


def effect_in_words(film: Film) -> str:
    """Say what the edit does to the probability of the class that the network predicts as trained."""
    effect = film.effect
    before, after = (logits.double().softmax(0) for logits in (effect.before, effect.after))
    index = int(before.argmax())
    name = f"P({effect.classes[index]})"
    was, now = percent(float(before[index])), percent(float(after[index]))
    if film.edit == Edit():
        return f"{name} is {now} with {edit_in_words(film)}."
    if effect.difference <= ROUNDING:
        return f"{name} stays at {now} with {edit_in_words(film)}: nothing changes."
    if was == now:
        size = in_powers_of_ten(effect.difference)
        return f"{name} stays at {now} with {edit_in_words(film)}; the logits change by up to {size} of the largest."
    text = f"{name} {was} → {now} with {edit_in_words(film)}."
    then = int(after.argmax())
    return (
        text
        if then == index
        else f"{text} The prediction is now “{effect.classes[then]}”, {percent(float(after[then]))}."
    )


def null_in_words(film: Film, silenced: Float[Tensor, "n c"]) -> str:
    """Compare the change of that probability with those of silencing other output channels of the layer, one by one."""
    if not len(silenced):
        return "The layer has no other output channel to compare with."
    index = int(film.effect.before.argmax())
    before = film.effect.before.double().softmax(0)[index]
    others = (silenced.double().softmax(1)[:, index] - before).abs()
    change = (film.effect.after.double().softmax(0)[index] - before).abs()
    count, largest = len(others), float(others.max())
    size = f"{_points(float(others.median()))} percentage points in the median, by {_points(largest)} at most"
    if largest < MIN_POINTS:
        size = f"{_points(largest)} percentage points"
    text = f"By comparison: silencing one of {count} other output channels of this layer changes it by {size}"
    if film.edit == Edit() or film.effect.difference <= ROUNDING:
        return f"{text}."
    as_much = int((others >= change).sum())
    if not as_much:
        return f"{text}; none of them changes it as much as this edit."
    return f"{text}; {as_much} of the {count} change it as much as this edit, or more."


def _points(share: float) -> str:
    return three_digits(100 * share) if share >= MIN_POINTS else "less than 0.01"


def on_scale(maps: Float32[np.ndarray, "t h w"], scale: float) -> Float32[np.ndarray, "t h w"]:
    """Return the place of each value on the scale of greys, from -1 to 1."""
    return np.sign(maps) * np.sqrt(np.minimum(np.abs(maps) / np.float32(scale), 1))


def greys(maps: Float32[np.ndarray, "t h w"], scale: float) -> UInt8[np.ndarray, "t h2 w2 3"]:
    """Paint maps by the square root of the size: mid-grey for 0, white for `scale`, black for its negative."""
    painted = np.rint(127.5 + 127.5 * on_scale(maps, scale)).astype(np.uint8)
    times = max(1, -(-MIN_SIDE // min(maps.shape[1:])))
    return np.repeat(painted.repeat(times, axis=1).repeat(times, axis=2)[..., None], 3, axis=3)


def film_figure(film: Film, width: float = WIDTH) -> go.Figure:
    """Draw the frames and the strips, a row each, `width` pixels wide."""
    labels = ["frames", *(f"{strip.label}, {strip.note}" for strip in film.strips)]
    images = [film.frames, *(greys(strip.maps, film.scale) for strip in film.strips)]
    return frames_figure(labels, images, [[str(t + 1) for t in range(len(row))] for row in images], width)


def film_table(film: Film) -> pd.DataFrame:
    """Return a row for each frame of each strip: row, frame, and the mean, smallest and largest value of its map."""
    return pd.DataFrame(
        [
            {
                "row": f"{strip.label}, {strip.note}",
                "frame": t + 1,
                "mean_value": float(cells.mean()),
                "smallest_value": float(cells.min()),
                "largest_value": float(cells.max()),
            }
            for strip in film.strips
            for t, cells in enumerate(strip.maps)
        ]
    )


def scale_in_words(film: Film) -> str:
    """Say what the greys mean, and which maps have no negative values."""
    positive = [strip.label for strip in film.strips if strip.maps.min() >= 0]
    signs = f" No negative values: {join_words(positive)}." if positive else ""
    return SCALE_WORDS.format(size=three_digits(film.scale)) + signs


def follow_stored(path: str, clip: StoredClip, layer: str, output: int, edit: str = "trained") -> Film:
    """Make the film of a checkpoint's output channel for a clip; `edit` as `Edit.parse` reads it."""
    model, header = load_model(path)
    frames = clip.frames(header.num_frames, header.size)
    given = to_clip(frames)[None]
    trained = observe(model, layer, given)
    followed = follow(model, layer, given, output, trained)
    start = stored_starts(path).get(layer)
    return make_film(model, header, layer, frames, followed, trained, Edit.parse(edit), start, clip.label)
