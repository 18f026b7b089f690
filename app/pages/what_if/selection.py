"""What the experiments of the page What if are about, and the labelled clips on which they count."""

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from analysis.interventions import LabelledClips
from app import clips, layout, url_keys, url_state, widgets
from app.pages.what_if import cache as whatif_resources
from app.pages.what_if.cache import Shown
from gte.checkpoint_header import CheckpointHeader
from gte.data.video.sources import Stretch

CLIPS_A_CLASS = (4, 10, 20)
"""To choose from; the first takes seconds for the networks that ship, the last tells apart what differs little."""
PREFERRED_CLIP = "approaches"
"""Its twin looks the same to whoever does not know the order, and the motion is seen in small pictures."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What the experiments are about."""

    name: str
    """As the app calls the checkpoint."""
    header: CheckpointHeader
    found: Mapping[str, CheckpointHeader]
    controls: DeltaGenerator
    """The row in which an experiment puts its controls."""
    clip_place: DeltaGenerator
    upload_place: DeltaGenerator
    stretch_place: DeltaGenerator
    """Where the controls of the clip go."""

    @property
    def has_labels(self) -> bool:
        """True if the network knows the classes of the labelled clips, so that its answers are right or wrong."""
        return clips.clip_source(self.header).trained_on

    def pick_clip(self) -> Shown:
        """Controls for a clip and a stretch of it, and what they choose."""
        source = clips.clip_source(self.header)
        with self.upload_place:
            widgets.upload_clip()
        preferred = PREFERRED_CLIP if PREFERRED_CLIP in source.classes else source.classes[0]
        with self.clip_place:
            clip = widgets.pick_clip(source, default=preferred)
        with self.stretch_place:
            if refusal := clips.refusal():
                st.error(layout.plain(refusal))
            stretch = _pick_stretch(clip)
            if repeats := stretch.repeats_in_words(self.name, self.header.num_frames):
                st.info(layout.plain(repeats))
        return Shown(source=clip, stretch=stretch)

    def carry_clip(self) -> None:
        """Keep the clip of the visit, and of the address, in an experiment that asks about none."""
        options = clips.choices(clips.clip_source(self.header), clips.dropped())
        url_state.resolve(url_keys.CLIP, None, url_state.one_of(options))

    def pick_labelled(self) -> LabelledClips:
        """A control for how many labelled clips are asked about, and those clips."""
        classes = len(clips.clip_source(self.header).classes)
        counts = {str(count * classes): count for count in CLIPS_A_CLASS}
        with self.controls:
            chosen = widgets.pick(url_keys.TEST_CLIPS, "Labelled clips", list(counts), width=115)
        return whatif_resources.labelled_clips(self.header, counts[chosen])


def _pick_stretch(clip: clips.Source) -> Stretch:
    """The part of the clip that is looked at; a rendered clip is short, and is cut where a link asks for it alone."""
    if isinstance(clip, clips.Filmed) or widgets.is_cut(clip):
        return widgets.pick_stretch(clip)
    return Stretch(0, len(clip.seconds) - 1)
