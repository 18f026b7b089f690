"""What the experiments of the page What if are about, and the labelled clips on which they count."""

from collections.abc import Mapping
from dataclasses import dataclass

from streamlit.delta_generator import DeltaGenerator

from analysis.interventions import LabelledClips
from app import resources, state, whatif_resources, widgets
from app.whatif_resources import Shown
from gte.checkpoint import CheckpointHeader

CLIPS = state.Key("clips", "number of labelled clips")
CLIPS_A_CLASS = (4, 10, 20)
"""To choose from; the first takes seconds for the networks that ship, the last tells apart what differs little."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What the experiments are about."""

    name: str
    """As the app calls the checkpoint."""
    header: CheckpointHeader
    found: Mapping[str, CheckpointHeader]
    shown: Shown
    controls: DeltaGenerator
    """The row in which an experiment puts its controls."""

    @property
    def has_labels(self) -> bool:
        """True if the network knows the classes of the labelled clips, so that its answers are right or wrong."""
        return resources.clip_source(self.header).trained_on

    def pick_labelled(self) -> LabelledClips:
        """A control for how many labelled clips are asked about, and those clips."""
        classes = len(resources.clip_source(self.header).classes)
        counts = {str(count * classes): count for count in CLIPS_A_CLASS}
        with self.controls:
            chosen = widgets.pick(CLIPS, "Labelled clips", list(counts), default=next(iter(counts)), width=115)
        return whatif_resources.labelled_clips(self.header, counts[chosen])
