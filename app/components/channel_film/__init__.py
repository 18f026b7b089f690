"""Film of one output channel: its maps, its taps to drag, and the answer of the network, live."""

import math
from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np
import streamlit as st
from streamlit.components.v2 import component

from analysis.interventions.channel_film import Film, Strip, effect_in_words, on_scale, scale_in_words
from analysis.interventions.effects import classes_of_interest
from analysis.plotting import style
from app.components._source import encode, payload, read
from app.components.film_strip import encode_frames

MAX_CLASSES = 4
MAX_SIDE = 64
"""Cells to a side of the maps that are sent."""

_film = component(
    "channel_film",
    html=read("channel_film/channel_film.html"),
    css=read("common.css", "channel_film/channel_film.css"),
    js=read("common.js", "tap_links.js", "channel_film/channel_film.js"),
)


def channel_film(
    film: Film,
    bases: Mapping[str, Sequence[float]],
    *,
    key: str,
    subject: str,
    null: str,
    on_edit: Callable[[str, bool], None],
) -> None:
    """Draw the film; `bases` has the taps of each kernel from which an edit can begin.

    `on_edit` gets an edit as text while the reader drags, and with True once the reader has stopped; the component
    waits for the film of one edit before it sends the next, the latest. Another `subject` is another channel or clip,
    whose edit is the film's own. `null` is what the effect is compared with.
    """
    effect = film.effect
    probabilities = [logits.double().softmax(0).tolist() for logits in (effect.before, effect.after)]
    shown = classes_of_interest([effect], MAX_CLASSES)
    _film(
        key=key,
        data=payload(
            {
                "subject": subject,
                "number": _request(key)["number"],
                "edit": {"base": film.edit.base, "taps": None if film.edit.taps is None else list(film.edit.taps)},
                "bases": {base: list(taps) for base, taps in bases.items()},
                "limit": _limit([tap for taps in bases.values() for tap in taps]),
                "picture": encode_frames(film.frames),
                "frames": len(film.frames),
                "rows": [_encode(strip, film.scale) for strip in film.strips],
                "classes": [
                    {"name": effect.classes[c], "before": probabilities[0][c], "after": probabilities[1][c]}
                    for c in shown
                ],
                "words": effect_in_words(film),
                "null": null,
                "scale": scale_in_words(film),
                "colours": dict(style.DIRECTION_COLOURS),
            }
        ),
        default={"request": NO_REQUEST},
        on_request_change=lambda: on_edit(str(_request(key)["edit"]), bool(_request(key)["done"])),
    )


NO_REQUEST = {"edit": "trained", "done": True, "number": 0}


def _request(key: str) -> Mapping[str, str | bool | int]:
    return st.session_state[key]["request"] if key in st.session_state else NO_REQUEST


def _encode(strip: Strip, scale: float) -> dict[str, object]:
    """Return a row with its maps as bytes from 0 to 254, 127 for zero; large maps are reduced."""
    maps = strip.maps
    height, width = (min(side, MAX_SIDE) for side in maps.shape[1:])
    if (height, width) != maps.shape[1:]:
        maps = np.stack([cv2.resize(cells, (width, height), interpolation=cv2.INTER_AREA) for cells in maps])
    return {
        "role": strip.role,
        "label": strip.label,
        "note": strip.note,
        "values": encode(np.rint(127 + 127 * on_scale(maps, scale)).astype(np.uint8)),
        "shape": maps.shape,
    }


def _limit(taps: Sequence[float]) -> float:
    """The end of the sliders: beyond every tap by a quarter, in steps of a half, at least 1."""
    return max(1.0, math.ceil(2.5 * max(map(abs, taps), default=0)) / 2)
