"""Selection of the network, clip and labelled clips for the experiments of the page What if."""

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from analysis import own_clips
from analysis.interventions.labelled_clips import LabelledClips
from analysis.interventions.layer_ablation import NUM_CLIPS
from app import ablation, clips, layout, uploads, url_keys, url_state, widgets
from app.pages.what_if.cache import Shown
from gte.checkpoint_header import CheckpointHeader
from gte.data import labelled_split_in_words

TEST_CLIPS = (56, 140, NUM_CLIPS)
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
        """True if the network has the classes of the labelled clips, so that its answers are right or wrong."""
        return own_clips.has_labels(self.header)

    def pick_clip(self) -> Shown | None:
        """Pick a clip and a stretch of it; None if there is no clip, which the page then says."""
        source = clips.clip_source(self.header)
        with self.upload_place:
            uploads.upload_clip()
        with self.clip_place:
            clip = widgets.pick_clip(source, self.stretch_place, self._preferred_clips())
        if clip is None:
            return None
        with self.stretch_place:
            if error := clips.upload_error():
                st.error(layout.plain(error))
            stretch = widgets.pick_stretch_if_long(clip)
            if repeats := stretch.describe_repeats(self.name, self.header.num_frames):
                st.info(layout.plain(repeats))
        return Shown(source=clip, stretch=stretch)

    def _preferred_clips(self) -> list[str]:
        """Classes that have a reversed class, for which the order of the frames matters."""
        with_twin = [name for name, twin in zip(self.header.classes, self.header.twins, strict=False) if twin != -1]
        return [PREFERRED_CLIP, *with_twin]

    def carry_clip(self) -> None:
        """Keep the clip of the visit and of the URL in an experiment without a clip."""
        options = clips.choices(clips.clip_source(self.header), clips.uploaded())
        url_state.resolve(url_keys.CLIP, None, url_state.one_of(options))

    def pick_test_clips(self, default: int = TEST_CLIPS[0]) -> LabelledClips:
        """Pick the number of labelled clips, by default this one of TEST_CLIPS, or all if there are fewer."""
        counts = {str(count): count for count in (own_clips.num_clips(self.header, count) for count in TEST_CLIPS)}
        split = labelled_split_in_words(own_clips.dataset_of(self.header))
        with self.controls:
            first = str(own_clips.num_clips(self.header, default))
            chosen = widgets.pick(url_keys.TEST_CLIPS, f"{split.capitalize()} clips", list(counts), first, width=94)
        return ablation.labelled_clips(self.header, counts[chosen])
