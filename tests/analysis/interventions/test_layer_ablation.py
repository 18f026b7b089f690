"""Which layers matter: the rows, resumed passes, what is stored, and sentences from answers made by hand."""

from dataclasses import replace

import pandas as pd
import pytest
import torch

from analysis.interventions import figures
from analysis.interventions.accuracy import ANSWERS, Network, predictions
from analysis.interventions.kernel_edits import answers, changes
from analysis.interventions.labelled_clips import LabelledClips
from analysis.interventions.layer_ablation import (
    ALL_LAYERS,
    Loss,
    layer_ablation,
    layer_finding,
    layers_finding,
    losses_by_layer,
    power,
    store_ablation,
    stored_ablation,
    verdict_table,
)
from analysis.interventions.resumed import ResumedPasses
from analysis.statistics import holm
from gte import files
from gte.models import build, temporal_layers
from gte.models.resnet import VideoResNet
from gte.models.shift import shift_layers
from tests.analysis.toy_answers import toy_table
from tests.plots import traces
from tests.tiny import save_tiny, tiny_clip, tiny_options

CLIPS = LabelledClips(dataset="motionpairs", num_clips=14, num_frames=4, size=32)


def network(name: str) -> Network:
    model = build(name, **tiny_options(name, 14)).eval()
    with torch.no_grad():
        for layer in shift_layers(model).values():
            layer.weight += 0.3 * torch.randn_like(layer.weight)
    return Network(name=name, model=model)


@pytest.mark.parametrize(("name", "settings"), [("gte", 3), ("c3d", 2)])
def test_every_layer_and_all_together_are_replaced_in_every_setting_that_asks_a_question(name, settings):
    subject = network(name)
    before = {key: value.clone() for key, value in subject.model.state_dict().items()}
    layers = [*temporal_layers(subject.model), ALL_LAYERS]
    table = layer_ablation(subject, None, CLIPS)
    assert all(torch.equal(value, before[key]) for key, value in subject.model.state_dict().items())
    assert table["layer"].tolist() == [layer for layer in layers for _ in range(settings + 1)]
    assert table.loc[table["setting"] == "learned", ["lost", "gained"]].to_numpy().sum() == 0
    trained = table["right"].iloc[0]
    assert (trained - table["lost"] + table["gained"] == table["right"]).all()
    asked = table[table["setting"] != "learned"]
    assert asked["p_holm"].tolist() == holm(asked["p_value"].tolist())
    assert len(traces(figures.losses_by_layer(table))) == 2 * settings
    assert len(traces(figures.losses_of_layer(table, layers[0]))[0]["y"]) == settings
    # The answers of a pass from the first frame on.
    for row in table.to_dict("records"):
        replaced = layers[:-1] if row["layer"] == ALL_LAYERS else [row["layer"]]
        changed = changes(subject.model, replaced, row["setting"])
        assert row[ANSWERS] == tuple(predictions(subject, CLIPS.batches(), changed).tolist())


@pytest.mark.parametrize("name", ["gte", "gte_depthwise", "c3d", "i3d", "p3d", "c3d_original"])
def test_a_pass_from_the_changed_block_on_gives_the_logits_of_a_whole_one(name):
    model = network(name).model
    shape = tiny_clip(name)
    clips = torch.rand(2, 3, shape.frames, shape.height, shape.width)
    passes = ResumedPasses(model, clips)
    torch.testing.assert_close(passes.logits, answers(model, clips, {}), rtol=0, atol=0)
    layers = list(temporal_layers(model))
    for replaced in ([layers[0]], [layers[-1]], [layers[-1], layers[len(layers) // 2]], layers, []):
        changed = changes(model, replaced, "present")
        torch.testing.assert_close(passes.logits_with(changed), answers(model, clips, changed), rtol=0, atol=0)
    assert not any(module._forward_hooks for module in model.modules())


def test_blocks_before_the_changed_one_do_not_run_again():
    model = network("gte").model
    assert isinstance(model, VideoResNet)
    passes = ResumedPasses(model, torch.rand(1, 3, 4, 32, 32))
    ran: list[str] = []
    blocks = model.blocks()
    hooks = [
        block.register_forward_hook(lambda _module, _inputs, _output, name=name: ran.append(name))
        for name, block in blocks.items()
    ]
    last = list(temporal_layers(model))[-1]
    passes.logits_with(changes(model, [last], "zero"))
    for hook in hooks:
        hook.remove()
    assert ran == [name for name in blocks if last.startswith(f"{name}.")]
    assert len(ran) == 1


def test_work_ends_where_its_report_raises():
    def cancel(part: float, text: str) -> None:
        if part > 0.6:
            raise InterruptedError(text)

    with pytest.raises(InterruptedError, match="clips 9 to 14 of 14"):
        layer_ablation(network("gte"), None, CLIPS, cancel)


def test_the_progress_rises_to_the_end():
    parts: list[float] = []
    layer_ablation(network("gte"), None, CLIPS, lambda part, text: parts.append(part))
    assert parts == sorted(parts)
    assert parts[0] == 0
    assert 0.9 < parts[-1] < 1


def test_a_network_whose_output_is_not_a_number_gives_a_sentence():
    subject = network("gte")
    with torch.no_grad():
        subject.model.get_parameter("fc.weight").fill_(torch.nan)
    with pytest.raises(ValueError, match="The output of gte is not a number"):
        layer_ablation(subject, None, CLIPS)


@pytest.mark.parametrize("shipped", [True, False])
def test_stored_answers_give_the_table_again_and_those_to_fewer_clips(tmp_path, monkeypatch, shipped):
    monkeypatch.setenv(files.CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr("analysis.interventions.layer_ablation.NUM_CLIPS", CLIPS.num_clips)
    path = save_tiny(tmp_path / "mine.safetensors", "gte")
    assert stored_ablation(path, CLIPS) is None
    subject = network("gte")
    table = layer_ablation(subject, None, CLIPS)
    store_ablation(path, table, CLIPS, shipped=shipped)
    stored = stored_ablation(path, CLIPS)
    assert stored is not None
    pd.testing.assert_frame_equal(stored, table)
    fewer = stored_ablation(path, replace(CLIPS, num_clips=10))
    assert fewer is not None
    pd.testing.assert_frame_equal(fewer, layer_ablation(subject, None, replace(CLIPS, num_clips=10)))
    assert stored_ablation(path, replace(CLIPS, num_clips=28)) is None
    assert stored_ablation(path, replace(CLIPS, size=48)) is None
    losses = losses_by_layer(table)
    row = table.iloc[-1]
    assert losses[ALL_LAYERS]["zero"] == Loss(row["lost"] - row["gained"], row["low"], row["high"], 14, row["p_holm"])
    assert set(losses[ALL_LAYERS]) == {"initial", "present", "zero"}


def test_three_questions_get_three_verdicts():
    table = toy_table({("layer3.0", "initial"): 0, ("layer3.0", "present"): 3, ("layer3.0", "zero"): 20})
    words = layer_finding(table, "layer3.0", "layer3.0")
    assert words.startswith("layer3.0: the path matters (20 of 56 clips lost); no difference was found")
    assert words.endswith("no difference was found for what it learned and its look at other frames.")
    rows = verdict_table(table, "layer3.0")
    assert rows["Verdict"].tolist() == ["no difference found", "no difference found", "matters"]
    # 2 / 2³ twice or once, 2 / 2²⁰ three times.
    assert rows["p (Holm)"].tolist() == ["1", "0.5", "5.7 · 10⁻⁶"]


def test_a_loss_that_fifty_six_clips_cannot_show_is_not_called_one():
    six = {("layer1.0", "initial"): 6, ("layer1.0", "present"): 0, ("layer1.0", "zero"): 0}
    assert "matters" not in layer_finding(toy_table(six), "layer1.0", "layer1.0")
    assert "matters" in layer_finding(toy_table(six | {("layer1.0", "initial"): 7}), "layer1.0", "layer1.0")
    sentence = power(toy_table(six))
    assert "6 clips (10.7 %) for a single question, and at most 7 clips (12.5 %) after Holm's correction" in sentence
    few = toy_table({("layer1.0", "zero"): 0}, CLIPS, right=4)
    assert power(few).endswith("right on 4 of 14 clips. That is too few to show any loss at 5 %.")


def test_a_gain_is_called_one():
    table = toy_table({("layer1.0", "zero"): -9}, right=40)
    words = layer_finding(table, "layer1.0", "layer1.0")
    assert "with zeroed kernels it is better (9 of 56 clips gained)" in words
    assert "matters" not in words
    assert "cannot be tested, because its kernels before training are unknown" in words


def test_layers_that_can_be_replaced_one_by_one_but_not_together_are_said_to_be():
    layers = [f"layer{number}.0" for number in (1, 2, 3)]
    lost = {(layer, setting): 0 for layer in layers for setting in ("initial", "present")}
    lost |= {(ALL_LAYERS, "initial"): 25, (ALL_LAYERS, "present"): 0, (layers[1], "present"): 12}
    words = layers_finding(toy_table(lost), {layer: layer for layer in layers})
    assert words.startswith(
        "Does what it learned matter? No difference was found in any of 3 layers; all together: 25 of 56 clips lost, "
    )
    assert "Does it need other frames? Yes in 1 of 3 layers: layer2.0 (12 of 56 clips lost)" in words
    assert words.endswith("all together: no difference was found.")
    assert "not needed" not in words


def test_layers_whose_losses_are_not_compared_by_a_test_are_listed_with_their_counts():
    layers = [f"layer{number}.0" for number in (1, 2, 3, 4)]
    lost = {(layer, "initial"): count for layer, count in zip(layers, (0, 34, 20, 35), strict=True)}
    lost |= {(ALL_LAYERS, "initial"): 40}
    three = "layer4.0 (35 of 56 clips lost), layer2.0 (34) and layer3.0 (20)"
    assert f"Yes in 3 of 4 layers: {three}; all" in layers_finding(toy_table(lost), {layer: layer for layer in layers})
    lost[layers[0], "initial"] = 15
    words = layers_finding(toy_table(lost), {layer: layer for layer in layers})
    assert f"Yes in 4 of 4 layers: the largest counts are {three}; all" in words
