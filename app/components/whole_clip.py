"""Small pictures of a whole clip, with its stretch and the frames that networks saw marked on them."""

import base64
import html
from collections.abc import Mapping, Sequence

import streamlit as st

from gte.data.video.sources import Stretch

STYLE = """
<style>
.whole { position: relative; color: inherit; padding-bottom: 3px; }
.whole img { display: block; width: 100%; height: 44px; border-radius: 3px; }
.whole .out { position: absolute; top: 0; height: 44px; background: var(--st-background-color, #888); opacity: 0.75; }
.whole .in { position: absolute; top: 0; height: 44px; box-sizing: border-box; border: 2px solid currentColor; }
.whole .marks { position: relative; height: 9px; margin-top: 3px; }
.whole .seen { position: absolute; bottom: 0; width: 0; margin-left: -5px; border: 5px solid transparent;
  border-top: 0; border-bottom: 9px solid currentColor; }
.whole .who { margin: 0; font-size: 14px; line-height: 1.25; }
</style>
"""


def whole_clip(jpeg: bytes, num_frames: int, stretch: Stretch, seen: Mapping[str, Sequence[int]], alt: str) -> None:
    """Draw the pictures; below them a row of triangles for each entry of `seen`, at its frames counted from 0.

    With several rows each is named.
    """

    def percent(frames: float) -> str:
        return f"{100 * frames / num_frames:.3f}%"

    rows = ""
    for name, frames in seen.items():
        marks = (f'<i class="seen" style="left:{percent(at + 0.5)}" title="frame {at + 1}"></i>' for at in frames)
        rows += f'<div class="marks">{"".join(marks)}</div>'
        if len(seen) > 1:
            rows += f'<p class="who">{html.escape(name)}: {len(set(frames))} frames</p>'
    before, inside, behind = stretch.first, stretch.num_frames, num_frames - 1 - stretch.last
    picture = base64.b64encode(jpeg).decode("ascii")
    st.html(
        f'{STYLE}<div class="whole"><img alt="{html.escape(alt, quote=True)}" src="data:image/jpeg;base64,{picture}">'
        f'<i class="out" style="left:0;width:{percent(before)}"></i>'
        f'<i class="out" style="right:0;width:{percent(behind)}"></i>'
        f'<i class="in" style="left:{percent(before)};width:{percent(inside)}"></i>{rows}</div>'
    )
