"""What one network says of a clip, as every part of the page Evidence takes it."""

from dataclasses import dataclass

from analysis.attribution import Evidence
from analysis.attribution.evidence import ClassScore
from app.clips import Clip
from gte.checkpoint_header import CheckpointHeader


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one network says of the clip, and its evidence for the class in question."""

    name: str
    header: CheckpointHeader
    clip: Clip
    scores: list[ClassScore]
    """All classes, the most probable first."""
    evidence: Evidence
