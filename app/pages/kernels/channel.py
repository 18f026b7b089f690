"""The tab Follow one channel: an output channel through a clip, with taps to drag."""

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st
from torch import Tensor

from analysis.formatting import block_names
from analysis.interventions.channel import (
    Edit,
    Followed,
    Pass,
    bases_of,
    describe,
    follow,
    layers_over_frames,
    num_kernels,
    observe,
    rounded,
    row_of,
    silence_each,
    taps_of,
)
from analysis.interventions.channel_film import (
    DEFINITION,
    Film,
    effect_in_words,
    film_figure,
    film_table,
    follow_stored,
    make_film,
    null_in_words,
    scale_in_words,
)
from analysis.kernels.outputs import order_of, outputs_table
from analysis.plotting.call import Call, Named
from analysis.plotting.figure_pack import PaperFigure
from analysis.progress import Report
from app import cache, cards, checkpoints, clips, jobs, layout, paper, url_keys, url_state, widgets
from app.ablation import starts
from app.clips import Clip
from app.components.channel_film import channel_film
from app.hashing import HASH_FUNCS
from app.stored_clips import stored_clip
from gte.checkpoint_header import CheckpointHeader
from gte.data.loading import to_clip
from gte.files import stamp

FOLLOW = "Follow one channel"
"""The name of the tab."""
PREFERRED_CLIPS = ("approaches", "moves right")
MAX_OTHERS = 24
"""Output channels that are silenced one by one to compare with; of more, as many at equal steps."""
STOPPED = "kernels: the reader has stopped dragging"
CHANGED_MOST = "Opens on the channel whose kernel changed most in training."
NOTHING = "the taps as trained are shown instead"


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=HASH_FUNCS)
def names_of(header: CheckpointHeader) -> dict[str, str]:
    """Return the short names of the layers that can be followed, by their paths; none for a network of frames alone."""
    with cache.model_of(header) as model:
        return block_names(layers_over_frames(model))


@st.cache_resource(max_entries=4, show_spinner="Running the network", hash_funcs=HASH_FUNCS)
def _trained(header: CheckpointHeader, clip: Clip, layer: str) -> Pass:
    with cache.model_of(header) as model:
        return observe(model, layer, to_clip(clip.frames)[None])


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=HASH_FUNCS)
def _followed(header: CheckpointHeader, clip: Clip, layer: str, output: int) -> Followed:
    trained = _trained(header, clip, layer)
    with cache.model_of(header) as model:
        return follow(model, layer, to_clip(clip.frames)[None], output, trained)


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=HASH_FUNCS)
def _film(header: CheckpointHeader, clip: Clip, layer: str, output: int, edit: str) -> Film:
    trained, followed = _trained(header, clip, layer), _followed(header, clip, layer, output)
    start = starts(header).get(layer)
    with cache.model_of(header) as model:
        return make_film(
            model, header, layer, clip.frames, followed, trained, Edit.parse(edit), start=start, shown=clip.label
        )


@dataclass(frozen=True, kw_only=True)
class _Subject:
    """An output channel of a layer of a network, and the clip through which it is followed."""

    header: CheckpointHeader
    layer: str
    output: int
    clip: Clip
    bases: Mapping[str, tuple[float, ...]]
    """The taps of each kernel from which an edit can begin."""
    others: tuple[int, ...]
    """The output channels to compare with."""

    @property
    def of(self) -> str:
        """Whose edit it is, for the address."""
        return f"{self.header.path} {self.layer} {self.output}"

    @property
    def null_job(self) -> tuple[object, ...]:
        return "silenced", stamp(self.header.path), self.layer, self.output, self.clip.digest

    def edit(self) -> str:
        """Return the edit that the link or the reader chose, as text."""
        default = str(Edit())
        text = url_state.resolve(url_keys.EDIT, default, self._accept, of=self.of, instead=NOTHING) or default
        if text == default:
            url_state.put(url_keys.EDIT, None)
        return text

    def film(self) -> Film:
        return _film(self.header, self.clip, self.layer, self.output, self.edit())

    def _accept(self, text: str) -> str | None:
        try:
            edit = Edit.parse(text)
        except ValueError:
            return None
        fits = edit.base in self.bases and len(edit.taps or self.bases["trained"]) == len(self.bases["trained"])
        return str(edit) if fits else None


def draw(header: CheckpointHeader, layer: str) -> None:
    """Draw the tab for a layer; the output channel is the one that the barcode has selected."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        layer_place, output_place, clip_place = (st.container(width=width) for width in (150, 150, 180))
    below = st.container()
    with layer_place:
        _pick_layer(names_of(header), layer)
    with clip_place:
        source = widgets.pick_clip(clips.clip_source(header), below, PREFERRED_CLIPS)
    if source is None:
        return
    with below:
        if error := clips.upload_error():
            st.error(layout.plain(error))
        stretch = widgets.pick_stretch_if_long(source)
    clip = source.clip(stretch, header.num_frames, header.size, backwards=False)
    with output_place:
        output = _pick_output(header, layer, _num_outputs(header, clip, layer))
    subject = _subject(header, layer, output, clip)
    film = subject.film()
    _follow(subject)
    st.caption(" ".join(_notes(subject)), help=DEFINITION)
    _silence_others(subject)
    stored = stored_clip(source, stretch, frames_per_input=None)
    path = checkpoints.path_in_code(header)
    film_call = Call(follow_stored, path, Named("clip", stored), layer, output, subject.edit())
    figure = PaperFigure(
        title=f"Output channel {output} of {names_of(header)[layer]}",
        caption=f"{effect_in_words(film)} {scale_in_words(film)}",
        draw=lambda width: film_figure(film, width),
        definition=DEFINITION,
        code=Call(film_figure, film_call).code(),
        table=film_table(film),
    )
    _offer_numbers(subject, figure)


def _num_outputs(header: CheckpointHeader, clip: Clip, layer: str) -> int:
    num_channels = _trained(header, clip, layer).outputs.shape[1]
    with cache.model_of(header) as model:
        return num_kernels(layers_over_frames(model)[layer], num_channels)


def _subject(header: CheckpointHeader, layer: str, output: int, clip: Clip) -> _Subject:
    start, total = starts(header).get(layer), _num_outputs(header, clip, layer)
    with cache.model_of(header) as model:
        module = layers_over_frames(model)[layer]
        bases = {
            base: rounded(taps_of(row_of(module, output, base, start)).tolist()) for base in bases_of(module, start)
        }
    others = [other for other in range(0, total, -(-total // MAX_OTHERS)) if other != output]
    return _Subject(header=header, layer=layer, output=output, clip=clip, bases=bases, others=tuple(others))


def _notes(subject: _Subject) -> list[str]:
    """What the taps of the layer are, and what of it is not drawn."""
    header, layer = subject.header, subject.layer
    with cache.model_of(header) as model:
        notes = [describe(layers_over_frames(model)[layer], subject.output)]
    if "untrained" not in subject.bases and layer in cache.temporal_layers(header):
        notes.append("Its weights before training are not in the file.")
    if _followed(header, subject.clip, layer, subject.output).after is None:
        notes.append("No later convolution changes when it is silenced, so none is drawn.")
    return notes


def _offer_numbers(subject: _Subject, figure: PaperFigure) -> None:
    key = f"channel {subject.of}"
    paper.add(figure, key)
    cards.code_and_numbers(figure.code, figure.table, f"{subject.header.name}-channel-{subject.output}.csv", key=key)


def _pick_layer(names: Mapping[str, str], layer: str) -> None:
    """Draw a selectbox of layers; the one above the barcode is out of view here."""
    key, layers = "follow: layer", {name: path for path, name in names.items()}
    st.session_state[key] = names[layer]

    def choose() -> None:
        url_state.choose(url_keys.LAYER, st.session_state[key])
        # Output channel 7 of another layer is another channel.
        url_state.choose(url_keys.OUTPUT, None)

    st.selectbox("Layer to follow", list(layers), key=key, on_change=choose)


def _pick_output(header: CheckpointHeader, layer: str, total: int) -> int:
    """Draw a box for the output channel, which opens on the one whose kernel changed most in training."""
    key = "follow: output"
    instead = f"{names_of(header)[layer]} has the output channels 0 to {total - 1}"
    chosen = url_state.resolve(url_keys.OUTPUT, None, url_state.between(0, total - 1), instead=instead)
    output = _first_output(header, layer) if chosen is None else chosen
    st.session_state[key] = output
    st.number_input(
        "Output channel",
        0,
        total - 1,
        key=key,
        help=CHANGED_MOST if layer in cache.temporal_layers(header) else None,
        on_change=lambda: url_state.choose(url_keys.OUTPUT, int(st.session_state[key])),
    )
    return output


def _first_output(header: CheckpointHeader, layer: str) -> int:
    if layer not in cache.temporal_layers(header):
        return 0
    return int(order_of(outputs_table(cache.history(header, layer)), "drift")[0])


@st.fragment
def _follow(subject: _Subject) -> None:
    """Draw the film; a drag runs this alone, and the whole page runs when the reader has stopped."""
    with layout.errors_as_sentences():
        film = subject.film()
        job = jobs.find(subject.null_job)
        silenced: Tensor | None = job.result if job is not None and job.state == "done" else None
        channel_film(
            film,
            subject.bases,
            key="channel film",
            subject=f"{subject.of} {subject.clip.digest}",
            null="" if silenced is None else null_in_words(film, silenced),
            on_edit=lambda edit, done: _take(subject, edit, done),
        )
    if st.session_state.pop(STOPPED, False):
        st.rerun()


def _take(subject: _Subject, edit: str, done: bool) -> None:
    url_state.choose(url_keys.EDIT, None if Edit.parse(edit) == Edit() else edit, of=subject.of)
    st.session_state[STOPPED] = done


def _silence_others(subject: _Subject) -> None:
    """Silence other output channels of the layer one by one, in the background, to compare the effect with."""
    if not subject.others:
        return
    copy_model = cache.model_copier(subject.header)

    def work(report: Report) -> Tensor:
        return silence_each(copy_model(), subject.layer, to_clip(subject.clip.frames)[None], subject.others, report)

    note = f"Silences {len(subject.others)} output channels of the layer one by one."
    jobs.offer(
        subject.null_job,
        "Compare with other output channels",
        work,
        lane="quick",
        note=note,
        at_once=subject.header.size <= cache.LARGE_SIDE,
        mention_others=False,
    )
