"""Thumbnails of a whole clip, with its stretch and the frames given to networks."""

import base64
import html
from collections.abc import Mapping, Sequence

import streamlit as st

from app.components._source import read
from gte.data.video.sources import Stretch

STYLE = f"<style>{read('whole_clip/whole_clip.css')}</style>"


def whole_clip(jpeg: bytes, num_frames: int, stretch: Stretch, given: Mapping[str, Sequence[int]], alt: str) -> None:
    """Draw the thumbnails, with a row of triangles for each entry of `given` at its frames, counted from 0.

    Several rows have their names below.
    """

    def percent(frames: float) -> str:
        return f"{100 * frames / num_frames:.3f}%"

    rows = ""
    for name, frames in given.items():
        marks = (f'<i class="seen" style="left:{percent(at + 0.5)}" title="frame {at + 1}"></i>' for at in frames)
        rows += f'<div class="marks">{"".join(marks)}</div>'
        if len(given) > 1:
            rows += f'<p class="who">{html.escape(name)}: {len(set(frames))} frames</p>'
    before, inside, after = stretch.first, stretch.num_frames, num_frames - 1 - stretch.last
    image = base64.b64encode(jpeg).decode("ascii")
    st.html(
        f'{STYLE}<div class="whole"><img alt="{html.escape(alt, quote=True)}" src="data:image/jpeg;base64,{image}">'
        f'<i class="out" style="left:0;width:{percent(before)}"></i>'
        f'<i class="out" style="right:0;width:{percent(after)}"></i>'
        f'<i class="in" style="left:{percent(before)};width:{percent(inside)}"></i>{rows}</div>'
    )
