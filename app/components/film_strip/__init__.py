"""Film strip: one row per network, with its evidence blended over the frames in the browser."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from streamlit.components.v2 import component

from analysis.attribution.evidence import Evidence
from analysis.attribution.strip_figure import MAP_SIDE, strip_figure, strip_table
from analysis.plotting import style
from analysis.plotting.figure_pack import PaperFigure
from app import paper
from app.components._source import encode, payload, read

MAX_FRAMES = 64
MAX_FRAME_SIDE = 224
"""Pixels per side of the frames that are sent and drawn; larger ones are reduced."""
JPEG_QUALITY = 80

_strip = component(
    "film_strip",
    html=read("film_strip/film_strip.html"),
    css=read("common.css", "film_strip/film_strip.css"),
    js=read("common.js", "film_strip/film_strip.js"),
)


@dataclass(frozen=True, kw_only=True)
class StripRow:
    """The evidence of a network over its input frames."""

    label: str
    """The network's name."""

    frames: UInt8[np.ndarray, "t h w 3"]
    """RGB; rows with the same clip pass the same array, which is then sent once."""

    evidence: Float[np.ndarray, "t mh mw"]
    """In [0, 1], one map per frame, of any size; 1 is the end of the colour scale."""

    note: str = ""
    """Text after the name: the prediction, and the frames of the evidence."""

    frame_shares: Sequence[float] | None = None
    """The share of the evidence in each frame, drawn below it; by default that of the maps."""

    @classmethod
    def of(
        cls,
        label: str,
        frames: UInt8[np.ndarray, "t h w 3"],
        evidence: Evidence,
        note: str = "",
        maximum: float | None = None,
    ) -> "StripRow":
        """Return a row of evidence, whose colours end at `maximum`, by default its own."""
        return cls(
            label=label,
            frames=frames,
            evidence=evidence.upsampled(len(frames), MAP_SIDE, MAP_SIDE, maximum=maximum).numpy(),
            note=note,
            frame_shares=evidence.frame_shares().tolist(),
        )


def film_strip(
    rows: Sequence[StripRow],
    *,
    key: str,
    frame_names: Sequence[str] | None = None,
    scale_label: str = "maximum of the clip",
    frames_per_second: float = 4.0,
    title: str = "Evidence in the frames",
    facts: str = "",
    code: str = "",
) -> None:
    """Draw the rows with one opacity slider, one colour scale, frame bars and a player.

    Frames are magma where there is evidence, and unchanged elsewhere. The bars of all rows share one scale.
    `frame_names` are above the frames, by default 1, 2, ... Frames are as large as the window's width takes and as
    leaves two rows in view, and what is above them if they are high on the page. A click on a frame, or Play, opens the
    player, which plays all rows together. `title` names the files of the figure for a paper, `facts` are added to its
    definition, and `code` draws it. Raises ValueError for wrong sizes.
    """
    if not rows:
        raise ValueError("The film strip needs at least one row.")
    num_frames = len(rows[0].frames)
    names = [str(t + 1) for t in range(num_frames)] if frame_names is None else list(frame_names)
    for row in rows:
        _check(row, num_frames)
    if len(names) != num_frames:
        raise ValueError(f"There must be one name for each of the {num_frames} frames; got {len(names)}.")
    if not 0 < frames_per_second <= 60:
        raise ValueError(f"frames_per_second must lie between 0 and 60; got {frames_per_second}.")
    paper.add(_for_paper(rows, names, scale_label, title, facts, code), key)
    clips: list[np.ndarray] = []
    encoded = []
    for row in rows:
        known = [index for index, frames in enumerate(clips) if frames is row.frames]
        if not known:
            clips.append(row.frames)
        encoded.append(_encode_row(row, known[0] if known else len(clips) - 1))
    _strip(
        key=key,
        data=payload(
            {
                "pictures": [encode_frames(frames) for frames in clips],
                "rows": encoded,
                "names": names,
                "scale": scale_label,
                "fps": frames_per_second,
                "size": MAX_FRAME_SIDE,
                "magma": list(style.MAGMA),
                "colour": style.NEUTRAL,
            }
        ),
    )


def _for_paper(
    rows: Sequence[StripRow], names: Sequence[str], scale_label: str, title: str, facts: str, code: str
) -> PaperFigure:
    labels, evidence = [row.label for row in rows], [np.asarray(row.evidence, dtype=np.float32) for row in rows]
    shares = [_shares(row) for row in rows]
    return PaperFigure(
        title=title,
        caption=" ".join(f"{row.label}: {row.note}" for row in rows),
        draw=lambda width: strip_figure(labels, [row.frames for row in rows], evidence, shares, width, scale_label),
        definition="The frames given to each network, from left to right, with their evidence over them: magma, more "
        "opaque for stronger evidence. Bars: the share of the row's evidence in each frame, on one scale; the largest "
        f"is written. {facts}",
        code=code,
        table=strip_table(labels, evidence, shares, names),
    )


def encode_frames(frames: UInt8[np.ndarray, "t h w 3"]) -> str:
    """All frames side by side as one JPEG, in base64."""
    side = max(frames.shape[1:3])
    if side > MAX_FRAME_SIDE:
        scale = MAX_FRAME_SIDE / side
        frames = np.stack(
            [cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) for frame in frames]
        )
    sheet = cv2.cvtColor(np.concatenate(list(frames), axis=1), cv2.COLOR_RGB2BGR)
    _, jpeg = cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return base64.b64encode(jpeg.tobytes()).decode("ascii")


def _encode_row(row: StripRow, picture: int) -> dict[str, object]:
    maps = np.clip(np.asarray(row.evidence, dtype=np.float32), 0, 1)
    height, width = (min(MAP_SIDE, side) for side in maps.shape[1:])
    if (height, width) != maps.shape[1:]:
        maps = np.stack([cv2.resize(cells, (width, height), interpolation=cv2.INTER_AREA) for cells in maps])
    values = np.rint(255 * maps).astype(np.uint8)
    return {
        "label": row.label,
        "note": row.note,
        "picture": picture,
        "maps": encode(values),
        "shape": values.shape,
        "shares": _shares(row),
    }


def _shares(row: StripRow) -> list[float]:
    maps = np.clip(np.asarray(row.evidence, dtype=np.float32), 0, 1)
    return [float(share) for share in (frame_shares(maps) if row.frame_shares is None else row.frame_shares)]


def frame_shares(evidence: Float[np.ndarray, "t mh mw"]) -> Float[np.ndarray, " t"]:
    """The share of the evidence in each frame; zeros if there is none."""
    sums = evidence.sum(axis=(1, 2), dtype=np.float64)
    total = sums.sum()
    return sums / total if total > 0 else sums


def _check(row: StripRow, num_frames: int) -> None:
    frames, evidence = row.frames, row.evidence
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3:
        raise ValueError(f"{row.label}: frames must be uint8 (t, h, w, 3); got {frames.dtype} {frames.shape}.")
    if not 1 <= len(frames) <= MAX_FRAMES:
        raise ValueError(f"{row.label}: the strip shows 1 to {MAX_FRAMES} frames; got {len(frames)}.")
    if len(frames) != num_frames:
        raise ValueError(
            f"{row.label}: all rows must have as many frames as the first, {num_frames}; got {len(frames)}."
        )
    if evidence.ndim != 3 or len(evidence) != num_frames or 0 in evidence.shape:
        raise ValueError(
            f"{row.label}: there must be one map (h, w) for each of {num_frames} frames; got {evidence.shape}."
        )
    if not np.isfinite(evidence).all():
        raise ValueError(f"{row.label}: the evidence has values that are not numbers, so it cannot be drawn.")
    if row.frame_shares is not None and len(row.frame_shares) != num_frames:
        raise ValueError(f"{row.label}: there must be {num_frames} frame shares; got {len(row.frame_shares)}.")
    if row.frame_shares is not None and not np.isfinite(row.frame_shares).all():
        raise ValueError(f"{row.label}: the shares of the frames are not all numbers, so they cannot be drawn.")
