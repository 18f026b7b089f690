"""Small pictures of a whole clip, with its stretch and the frames that a network saw marked on them."""

import base64
import html
from collections.abc import Sequence

import streamlit as st

from gte.data.footage import Stretch

STYLE = """
<style>
.whole { position: relative; padding-bottom: 12px; color: inherit; }
.whole img { display: block; width: 100%; height: 44px; border-radius: 3px; }
.whole .out { position: absolute; top: 0; height: 44px; background: var(--st-background-color, #888); opacity: 0.75; }
.whole .in { position: absolute; top: 0; height: 44px; box-sizing: border-box; border: 2px solid currentColor; }
.whole .seen { position: absolute; bottom: 0; width: 0; margin-left: -5px; border: 5px solid transparent;
  border-top: 0; border-bottom: 9px solid currentColor; }
</style>
"""


def whole_clip(jpeg: bytes, num_frames: int, stretch: Stretch, seen: Sequence[int], alt: str) -> None:
    """Draw the pictures; a triangle below stands at each of the frames `seen`, counted from 0."""

    def percent(frames: float) -> str:
        return f"{100 * frames / num_frames:.3f}%"

    marks = "".join(
        f'<i class="seen" style="left:{percent(number + 0.5)}" title="frame {number + 1}"></i>' for number in seen
    )
    before, inside, behind = stretch.first, stretch.num_frames, num_frames - 1 - stretch.last
    picture = base64.b64encode(jpeg).decode("ascii")
    st.html(
        f'{STYLE}<div class="whole"><img alt="{html.escape(alt, quote=True)}" src="data:image/jpeg;base64,{picture}">'
        f'<i class="out" style="left:0;width:{percent(before)}"></i>'
        f'<i class="out" style="right:0;width:{percent(behind)}"></i>'
        f'<i class="in" style="left:{percent(before)};width:{percent(inside)}"></i>{marks}</div>'
    )
