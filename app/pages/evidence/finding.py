"""Answer of a network and its evidence, shared by all parts of the page Evidence."""

from dataclasses import dataclass

from analysis.attribution.evidence import ClassScore, Evidence
from analysis.attribution.stored_clips import StoredClip
from app.clips import Clip
from gte.checkpoint_header import CheckpointHeader
from gte.files import stamp


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The answer of one network to the clip, and its evidence for the chosen class."""

    name: str
    header: CheckpointHeader
    clip: Clip
    scores: list[ClassScore]
    """All classes, the most probable first."""
    block: str
    """The block that methods use, whether or not `evidence` does."""
    evidence: Evidence
    stored: StoredClip
    """The clip as snippets of code read it."""
    path: str
    """The file of the network as code names it; empty for an untrained one, which has none."""

    def key(self, method: str, *, of_block: bool = True) -> tuple[object, ...]:
        """What the evidence of a method depends on; `of_block` is False if the block does not matter."""
        evidence, block = self.evidence, self.block if of_block else ""
        return method, stamp(self.header.path), self.clip.digest, evidence.target, evidence.contrast, block
