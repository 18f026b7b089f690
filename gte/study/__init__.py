"""Study: the networks of the comparison, trained alike on MotionPairs, hard. Its table of runs is here.

`python -m gte.study` works through it; a new network of the study is one entry of ROWS.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Row:
    """A network of the comparison, with the seeds that it is trained with."""

    name: str
    network: str
    """Name in the table of networks."""
    label: str = ""
    """Its name on pages; that of the network when empty."""
    options: Mapping[str, float] = field(default_factory=dict)
    """Options other than the preset's and the network's own."""
    seeds: tuple[int, ...] = (0,)
    num_frames: int = 8


ROWS: tuple[Row, ...] = (
    *(Row(name=name, network=name, seeds=(0, 1, 2)) for name in ("c2d", "tsm", "c3d", "gst", "gte")),
    Row(name="gte-t-1-2", network="gte", label="GTE, t = 1/2", options={"temporal_share": 1 / 2}),
    Row(name="gte-t-1-8", network="gte", label="GTE, t = 1/8", options={"temporal_share": 1 / 8}),
    Row(name="gte_fixed_shift", network="gte_fixed_shift"),
    Row(name="gte_no_conv2d", network="gte_no_conv2d"),
    Row(name="gte_shared", network="gte_shared"),
    Row(name="gte_depthwise", network="gte_depthwise"),
    Row(name="gte-half-unshifted", network="gte", label="GTE, half unshifted", options={"identity_share": 1 / 2}),
    Row(name="i3d", network="i3d"),
    Row(name="p3d", network="p3d"),
    Row(name="slowfast_8x8", network="slowfast_8x8", num_frames=16),
)
"""The five networks, GTE's share t, the strategies of Fig. 3a, and others. SlowFast reads four frames of sixteen in one
of its two paths."""
