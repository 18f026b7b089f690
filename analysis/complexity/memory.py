"""Whether a count fits into this machine's memory: a trace holds real tensors, and a clip can be too large for them."""

from collections.abc import Sequence
from pathlib import Path

import torch

TENSORS_AT_ONCE = 4
"""Largest tensors that a trace holds at once: two of a shortcut, one that is made of them, and one to spare."""
BYTES_PER_NUMBER = 4

MEMINFO = Path("/proc/meminfo")


def refuse_too_large(label: str, clip: object, sizes: Sequence[torch.Size]) -> None:
    """Raise ValueError if tensors as large as the largest of these would not fit into the memory that is free."""
    largest = max((size.numel() for size in sizes), default=0)
    needed, free = TENSORS_AT_ONCE * BYTES_PER_NUMBER * largest, free_bytes()
    if free is not None and needed > free:
        raise ValueError(
            f"To count {label} at {clip} takes about {needed / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB are "
            "free. Choose fewer frames or a smaller crop."
        )


def free_bytes() -> int | None:
    """Memory that programs can still have, where the system tells (Linux); else None."""
    if not MEMINFO.exists():
        return None
    entries = dict(line.split(":", 1) for line in MEMINFO.read_text().splitlines() if ":" in line)
    kilobytes = entries.get("MemAvailable", "").split()
    return 1024 * int(kilobytes[0]) if kilobytes else None
