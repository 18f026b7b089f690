"""Selection of the network, clip and test clips for the experiments of the page What if."""

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from analysis.interventions.accuracy import LabelledClips
from app import ablation, clips, layout, url_keys, url_state, widgets
from app.pages.what_if.cache import Shown
from gte.checkpoint_header import CheckpointHeader
from gte.data.video.sources import Stretch

CLIPS_PER_CLASS = (4, 10, 20)
"""Options; the first takes seconds for the shipped networks, the last detects small differences."""
PREFERRED_CLIP = "approaches"
"""Its reversed class has the same frames in another order, and the motion is visible in thumbnails."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The network of the experiments, and the places of their controls."""

    name: str
    """Name of the checkpoint in the app."""
    header: CheckpointHeader
    checkpoints: Mapping[str, CheckpointHeader]
    controls: DeltaGenerator
    """The row for the controls of an experiment."""
    clip_place: DeltaGenerator
    upload_place: DeltaGenerator
    stretch_place: DeltaGenerator
    """The places for the controls of the clip."""

    @property
    def has_labels(self) -> bool:
        """True if the network has the classes of the test clips, so that its answers are right or wrong."""
        return clips.clip_source(self.header).trained_on

    def pick_clip(self) -> Shown:
        """Pick a clip and a stretch of it."""
        source = clips.clip_source(self.header)
        with self.upload_place:
            widgets.upload_clip()
        preferred = PREFERRED_CLIP if PREFERRED_CLIP in source.classes else source.classes[0]
        with self.clip_place:
            clip = widgets.pick_clip(source, preferred, below=self.stretch_place)
        with self.stretch_place:
            if error := clips.upload_error():
                st.error(layout.plain(error))
            stretch = _pick_stretch(clip)
            if repeats := stretch.describe_repeats(self.name, self.header.num_frames):
                st.info(layout.plain(repeats))
        return Shown(source=clip, stretch=stretch)

    def carry_clip(self) -> None:
        """Keep the clip of the visit and of the URL in an experiment without a clip."""
        options = clips.choices(clips.clip_source(self.header), clips.uploaded())
        url_state.resolve(url_keys.CLIP, None, url_state.one_of(options))

    def pick_test_clips(self, per_class: int = CLIPS_PER_CLASS[0]) -> LabelledClips:
        """Pick the number of test clips; `per_class` is the default, one of CLIPS_PER_CLASS."""
        classes = len(clips.clip_source(self.header).classes)
        counts = {str(count * classes): count * classes for count in CLIPS_PER_CLASS}
        default = str(per_class * classes)
        with self.controls:
            chosen = widgets.pick(url_keys.TEST_CLIPS, "Test clips", list(counts), default, width=115)
        return ablation.labelled_clips(self.header, counts[chosen])


def _pick_stretch(clip: clips.Source) -> Stretch:
    """The part of the clip to use; a rendered clip is short, and is only cut by a link."""
    if isinstance(clip, clips.VideoSource) or widgets.is_cut(clip):
        return widgets.pick_stretch(clip)
    return Stretch(0, len(clip.seconds) - 1)
