"""The measured reach of a checkpoint, and where it is stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from torch import nn

from analysis.kernels.first_clips import FirstClips, first_clips
from analysis.kernels.reach import PROBES, measured_reach
from analysis.own_clips import dataset_of, num_clips
from analysis.progress import Report, no_report
from analysis.stored_results import load_result, save_result
from gte.checkpoint_header import CheckpointHeader

KIND: Final = "reach"
NUM_CLIPS: Final = 4
SLOW_SIDE: Final = 160
"""Side in pixels from which on a network is measured on one clip, after the last block of each stage."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The result of `measured_reach` and its arguments."""

    table: pd.DataFrame
    blocks: tuple[str, ...]
    probes: int
    clips: FirstClips


def chosen_blocks(header: CheckpointHeader, blocks: Sequence[str], block: str) -> tuple[str, ...]:
    """Return the blocks to measure: all, or of a large network the last of each stage and the chosen one."""
    if header.size < SLOW_SIDE:
        return tuple(blocks)
    last = {name.split(".")[0]: name for name in blocks}
    return tuple(name for name in blocks if name in last.values() or name == block)


def reach_clips(header: CheckpointHeader) -> FirstClips:
    """Return the clips on which a network is measured."""
    count = 1 if header.size >= SLOW_SIDE else NUM_CLIPS
    return FirstClips(dataset=dataset_of(header), count=num_clips(header, count))


def measure(
    model: nn.Module,
    header: CheckpointHeader,
    clips: FirstClips,
    blocks: tuple[str, ...],
    probes: int = PROBES,
    report: Report = no_report,
) -> Measured:
    """Return the reach of a network after each of the blocks."""
    pixels = first_clips(header, clips.dataset, clips.count)
    table = measured_reach(model, pixels, blocks, probes=probes, report=report)
    return Measured(table=table, blocks=blocks, probes=probes, clips=clips)


def stored(path: Path, header: CheckpointHeader, clips: FirstClips, blocks: tuple[str, ...]) -> Measured | None:
    """Return the reach of a checkpoint if it is stored."""
    result = load_result(path, KIND, _settings(header, clips, blocks))
    return None if result is None else Measured(table=pd.DataFrame(result), blocks=blocks, probes=PROBES, clips=clips)


def store(path: Path, header: CheckpointHeader, measured: Measured, *, shipped: bool = False) -> None:
    """Store a reach; one that is not a number is not stored."""
    if np.isfinite(measured.table["share"].to_numpy(dtype=float)).all():
        settings = _settings(header, measured.clips, measured.blocks)
        save_result(path, KIND, settings, measured.table.to_dict("list"), shipped=shipped)


def _settings(header: CheckpointHeader, clips: FirstClips, blocks: tuple[str, ...]) -> dict[str, Any]:
    return {
        "blocks": list(blocks),
        "dataset": clips.dataset,
        "clips": clips.count,
        "probes": PROBES,
        "frames": header.num_frames,
        "size": header.size,
    }
