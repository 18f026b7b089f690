"""Cards of What if: their code makes their figure, and their sentences describe it."""

from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest

from analysis.attribution.stored_clips import StoredClip
from analysis.formatting import block_name
from analysis.interventions import cards
from analysis.interventions.accuracy import Network, Step, every_step, settings_accuracy, time_accuracy
from analysis.interventions.cards import Evaluated
from analysis.interventions.effects import Effect, changes_in_words
from analysis.interventions.kernel_edits import SETTINGS, answers, changes, mirror_law, settings_for
from analysis.interventions.labelled_clips import LabelledClips
from analysis.interventions.layer_ablation import layer_ablation
from analysis.interventions.time_edits import TIME_CHANGES, TimeChoice, change_time
from analysis.plotting.card import Card
from gte import checkpoint
from gte.data import open_dataset
from gte.data.loading import to_clip
from gte.data.sampling import segment_indices
from gte.data.video.sources import Stretch, open_footage
from gte.data.video.writing import write_video
from gte.models import temporal_layers
from tests.analysis.snippets import last_value
from tests.tiny import save_tiny

CLIPS = LabelledClips(dataset="motionpairs", num_clips=14, num_frames=4, size=32)
RENDERED = StoredClip(name="motionpairs", stretch=Stretch(0, 23), index=4, label=4)


@pytest.fixture
def gte(tmp_path, monkeypatch) -> str:
    """A checkpoint with the classes of the clips, in the current folder, as in a notebook."""
    monkeypatch.chdir(tmp_path)
    motions = open_dataset("motionpairs", "test", 32)
    return str(save_tiny(Path("gte.safetensors"), "gte", classes=motions.classes, twins=motions.twins))


def assert_its_code_makes_it(card: Card) -> None:
    figure = last_value(card.code)
    assert isinstance(figure, go.Figure)
    assert figure.to_json() == card.figure.to_json()
    assert card.sentence
    assert card.definition
    assert card.table is not None
    assert len(card.table)


@pytest.mark.parametrize("change", TIME_CHANGES)
def test_every_change_of_time_has_a_card(gte, change):
    model, header = checkpoint.load_model(gte)
    stored = open_dataset("motionpairs", "test", 32).frames(4, range(24))
    which, choice = segment_indices(24, 4), TimeChoice(change=change)
    shown = [stored[which], change_time(stored, which, choice)]
    before, after = (answers(model, to_clip(frames)[None], {})[0] for frames in shown)
    effect = Effect(network="mine", classes=header.classes, twins=header.twins, before=before, after=after, shown=4)
    card = cards.answers_over_time([effect], choice, RENDERED, {"mine": gte})
    assert_its_code_makes_it(card)
    assert card.sentence == changes_in_words([effect])


def test_the_code_for_a_video_reads_the_file_of_its_name(gte):
    write_video(Path("noise.webm"), np.random.default_rng(0).integers(0, 256, (30, 40, 40, 3), dtype=np.uint8), fps=10)
    noise = StoredClip(name="noise.webm", stretch=Stretch(5, 24), frames_per_input=3)
    model, header = checkpoint.load_model(gte)
    stored = open_footage(Path("noise.webm")).read(Stretch(5, 24).sample(12), size=32)
    clip = to_clip(stored[segment_indices(12, 4)])[None]
    law = mirror_law(model, clip)
    effect = Effect(network="mine", classes=header.classes, twins=header.twins, before=law.straight, after=law.mirrored)
    card = cards.mirrored_and_reversed(law, effect, noise, gte)
    assert_its_code_makes_it(card)
    assert "Reversing every kernel undoes the reversed clip" in card.sentence


@pytest.mark.parametrize("setting", [name for name in SETTINGS if name != "learned"])
@pytest.mark.parametrize("every", [True, False])
def test_every_setting_has_a_card(gte, setting, every):
    model, header = checkpoint.load_model(gte)
    frames = open_dataset("motionpairs", "test", 32).frames(4, segment_indices(24, 4))
    layers = list(temporal_layers(model))[: None if every else 1]
    changed = changes(model, layers, setting, 0.5)
    before, after = (answers(model, to_clip(frames)[None], weights)[0] for weights in ({}, changed))
    effect = Effect(network="mine", classes=header.classes, twins=header.twins, before=before, after=after, shown=4)
    card = cards.answers_over_settings(
        effect, Step(setting, 0.5), None if every else layers, RENDERED, gte, "The evidence stays."
    )
    assert_its_code_makes_it(card)
    assert card.sentence.endswith("The evidence stays.")


def test_accuracies_on_test_clips_have_cards(gte):
    model, _ = checkpoint.load_model(gte)
    network, evaluated = Network(name="mine", model=model), Evaluated(name="mine", path=gte, clips=CLIPS)
    layers = list(temporal_layers(model))
    assert_its_code_makes_it(cards.accuracy_over_time(time_accuracy([network], [CLIPS]), [evaluated]))
    every = every_step(settings_for(model))
    table = settings_accuracy(network, layers, every, CLIPS)
    bars, curve = cards.accuracy_over_settings(table, Step("zero"), None, evaluated)
    assert_its_code_makes_it(bars)
    assert_its_code_makes_it(curve)
    first = layer_ablation(network, layers[:1], CLIPS)
    assert_its_code_makes_it(cards.ablation_of_layer(first, layers[0], "layer1.0", evaluated))
    names = {layer: block_name(layer) for layer in layers}
    need = layer_ablation(network, None, CLIPS)
    assert_its_code_makes_it(cards.ablation_of_all(need, names, evaluated, layers[1]))
