"""Film player: a clip in one or more orders of its frames, played in the browser, all in step."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from streamlit.components.v2 import component

from app.components._source import encode, payload, read

_player = component(
    "film_player",
    html=read("film_player/film_player.html"),
    css=read("common.css", "film_player/film_player.css"),
    js=read("common.js", "film_player/film_player.js"),
)


@dataclass(frozen=True, kw_only=True)
class Film:
    """An order in which the frames of a clip are played."""

    order: Sequence[int]
    """The numbers of the frames in the clip, counted from 0; a single one is a still."""

    alt: str
    """What is seen, for readers who do not see it."""

    label: str = ""
    """The name below the frame, before the number of the frame."""


def film_player(
    frames: UInt8[np.ndarray, "t h w 3"], films: Sequence[Film], *, size: int = 300, boxes: bool = False, key: str
) -> None:
    """Play the films next to each other, frames in step, until they are paused; a still has no button.

    Only the frames of the films are sent. `size` is the maximum side of a frame in CSS pixels. With `boxes` every frame
    of the clip is shown small next to the first film, with a question mark for one that is not in it; a click stops
    there. Films rest at first for readers whose system asks for reduced motion. Nothing is sent back. Raises ValueError
    for films of different lengths and for frames that the clip does not have.
    """
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3:
        raise ValueError(f"The player takes uint8 frames (t, h, w, 3); got {frames.dtype} {frames.shape}.")
    if not films or {len(film.order) for film in films} != {len(films[0].order)} or not films[0].order:
        raise ValueError(f"Films have one length, at least one frame; got {[len(film.order) for film in films]}.")
    numbers = sorted({number for film in films for number in film.order})
    if not 0 <= numbers[0] <= numbers[-1] < len(frames):
        raise ValueError(f"The clip has frames 0 to {len(frames) - 1}; a film asks for {numbers[0]} to {numbers[-1]}.")
    shown = frames[numbers]
    _player(
        key=key,
        data=payload(
            {
                "pixels": encode(shown),
                "shape": shown.shape[:3],
                "numbers": numbers,
                "total": len(frames),
                "films": [
                    {"order": list(film.order), "alt": film.alt, "label": f"{film.label}: " if film.label else ""}
                    for film in films
                ],
                "size": size,
                "boxes": boxes,
            }
        ),
    )
