"""No sentence claims what the data do not show: every writer over data made so that the opposite is true.

Kernels are held so in `kernels/test_claims.py`, costs and printed figures in `complexity/test_claims.py`, times that
may be chance in `timing/test_timing.py`, the verdicts of the sanity checks in
`attribution/sanity_checks/test_sanity_checks.py`, accuracies in the Library in `../app/pages/test_library.py`.
"""

import re
from collections.abc import Callable, Mapping
from itertools import chain, repeat
from pathlib import Path

import pandas as pd
import pytest
import torch
from torch import nn

from analysis.attribution.evidence import Evidence
from analysis.attribution.methods import compare_weightings
from analysis.attribution.spacetime import moves_finding
from analysis.interventions import accuracy
from analysis.interventions.accuracy import (
    Network,
    blend_finding,
    every_step,
    setting_finding,
    settings_finding,
    time_accuracy,
    time_finding,
)
from analysis.interventions.kernel_edits import SETTINGS
from analysis.interventions.layer_ablation import (
    ALL_LAYERS,
    layer_finding,
    layers_finding,
    losses_by_layer,
    removal_finding,
)
from analysis.kernels.cards import View
from analysis.kernels.importance import importance
from analysis.kernels.summary import summarise
from analysis.plotting.rows import where
from gte.models.cell_grids import even_grid
from tests.analysis.toy_answers import FIFTY_SIX, toy_table
from tests.analysis.toy_checkpoints import CHECKPOINTS, LAYERS


def map_of(steps: Mapping[int, float], num_frames: int = 8) -> Evidence:
    """Evidence of 2 x 4 cells, equal but for the steps named, which have so many times as much."""
    cells = torch.ones(num_frames, 2, 4)
    for step, times in steps.items():
        cells[step] *= times
    return Evidence(
        map=cells,
        target=0,
        layer="layer1.0",
        method="gradcam",
        label="Grad-CAM",
        convention="",
        grid=even_grid(cells.shape, (num_frames, 16, 16)),
    )


MAPS = {
    "even": map_of({}),
    "nearly even": map_of({0: 1.1, 5: 0.9}),
    "empty": map_of(dict.fromkeys(range(8), 0.0)),
    "one frame": map_of({}, num_frames=1),
    "one peak": map_of({6: 5.0}),
}
"""By name: maps of evidence in which there is nothing to find, and one with a peak."""

MAP_WRITERS: Mapping[str, Callable[[Evidence], str]] = {
    "evidence: when": Evidence.finding,
    "evidence: where": lambda evidence: moves_finding("net", evidence),
    "evidence: weightings": lambda evidence: compare_weightings(evidence, map_of({0: 3.0}, evidence.num_frames)),
}
"""Every writer of sentences on one map."""


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("writer", MAP_WRITERS)
def test_a_map_is_said_to_prefer_a_frame_or_a_place_only_where_it_does(writer, name):
    text = MAP_WRITERS[writer](MAPS[name])
    assert "nan" not in text.lower()
    named = re.findall(r"in frames? (\d)", text)
    assert named == (["7"] if (writer, name) == ("evidence: when", "one peak") else [])
    assert ("Grad-CAM finds no evidence" in text) == (name == "empty" and writer != "evidence: weightings")
    # Cells that all have the same do not move, and two different maps are not one.
    for start, end in re.findall(r"from (\d+) % to (\d+) %", text):
        assert start == end
    assert "both weightings" not in text


def test_the_multiple_of_an_even_share_is_that_of_the_frames_named():
    assert MAPS["one peak"].finding() == "41.7 % of its evidence is in frame 7, its peak: 3.3 times an even share."


ANSWERS: Mapping[str, int] = {
    "nothing changes": 0,
    "five of 56 clips are lost": 5,
    "eight of 56 clips are lost": 8,
    "five of 56 clips are gained": -5,
    "thirty are lost": 30,
}
"""By name: clips that are lost in every setting of the kernels, of every layer alone and of all together."""

SIGNIFICANT = ("thirty are lost",)
SIGNIFICANT_ALONE = (*SIGNIFICANT, "eight of 56 clips are lost")
"""Losses that are above chance where one question is asked (p = 0.0078), and no longer where there are seven."""


def answers_of(case: str) -> pd.DataFrame:
    layers = (*LAYERS, ALL_LAYERS)
    lost = {(layer, setting): ANSWERS[case] for layer in layers for setting in ("initial", "present", "zero")}
    return toy_table(lost, right=40 if "gained" in case else 56)


def settings_of(case: str) -> pd.DataFrame:
    """A table as of `settings_accuracy`, with the losses of a case in every setting and at every blend but 1."""
    steps = every_step([setting for setting in SETTINGS if setting != "learned"])
    lost = {(f"{step.blend}", step.setting): 0 if step == ("blend", 1.0) else ANSWERS[case] for step in steps}
    table = toy_table(lost, right=40 if "gained" in case else 56)
    table["blend"] = table.pop("layer").astype(float)
    return where(table, ((table["setting"] != "learned") | (table["blend"] == 1)).to_numpy())


def _one_setting(case: str) -> str:
    # The last row of all layers together: zeroed kernels.
    table = answers_of(case)
    return setting_finding(table[table["layer"] == ALL_LAYERS].assign(blend=1.0))


def _importance(case: str) -> str:
    histories = CHECKPOINTS["random drift"]
    losses = {f"{layer}.shift": lost for layer, lost in losses_by_layer(answers_of(case)).items()}
    card = importance(summarise(histories), losses, View(path="made", layer=histories[0].layer))
    assert card is not None
    return card.sentence


ANSWER_WRITERS: Mapping[str, Callable[[str], str]] = {
    "what if: one layer": lambda case: layer_finding(answers_of(case), LAYERS[0], LAYERS[0]),
    "what if: every layer": lambda case: layers_finding(answers_of(case), {layer: layer for layer in LAYERS}),
    "what if: one setting": _one_setting,
    "start: without kernels": lambda case: removal_finding(answers_of(case)),
    "what if: every setting": lambda case: settings_finding(settings_of(case)),
    "kernels: importance": _importance,
}
"""Every writer of sentences on lost clips: each is run over ANSWERS."""


@pytest.mark.parametrize("writer", ANSWER_WRITERS)
@pytest.mark.parametrize("case", ANSWERS)
def test_clips_that_could_be_lost_by_chance_are_not_said_to_matter(writer, case):
    text = ANSWER_WRITERS[writer](case)
    assert "not needed" not in text
    claims = re.search(
        r"\bmatters\b|\bYes in\b|\bbetter\b|clips lost|clips \(p = [^,)]*\)\.$|Fewest are|Losses above", text
    )
    significant = SIGNIFICANT_ALONE if writer == "what if: one setting" else SIGNIFICANT
    assert bool(claims) == (case in significant), text
    # No count of a setting stands without its chance.
    if writer in COUNTING and ANSWERS[case]:
        assert ("not significant" in text) == (case not in significant), text


COUNTING = ("what if: one setting", "what if: every setting")


def test_settings_that_lose_equally_many_clips_are_all_named():
    text = settings_finding(settings_of("thirty are lost"))
    assert all(setting.words in text for name, setting in SETTINGS.items() if name not in ("learned", "blend"))
    assert "Every p is corrected for 7 settings (Holm)." in text


@pytest.mark.parametrize("case", [*ANSWERS, "thirty are gained"])
def test_a_blend_is_called_better_than_the_trained_kernels_only_above_chance(case):
    table = settings_of(case) if case in ANSWERS else toy_blends(gained=30)
    text = blend_finding(table)
    assert ("Better than b = 1 above chance" in text) == (case == "thirty are gained"), text
    assert "best" not in text.lower()


def toy_blends(gained: int) -> pd.DataFrame:
    lost = {("0.0", "blend"): 0, ("0.5", "blend"): -gained, ("1.0", "blend"): 0, ("1.5", "blend"): 0}
    table = toy_table(lost, right=20)
    return table.assign(blend=table["layer"].astype(float))


LABELS = FIFTY_SIX.labels()
REVERSALS = {
    "one class for everything": (torch.zeros_like(LABELS), torch.zeros_like(LABELS)),
    "the true class of either clip": (LABELS, FIFTY_SIX.twins()),
    "a wrong class and its reversed one": ((LABELS + 2) % 14, (LABELS + 2) % 14 ^ 1),
    "at random": tuple(torch.randint(14, (2, len(LABELS)), generator=torch.Generator().manual_seed(0))),
}
"""By name: answers to the clips as filmed, and to the reversed ones."""


@pytest.mark.parametrize("case", REVERSALS)
def test_reversed_clips_are_counted_by_the_class_opposite_to_the_answer_and_judged_by_nothing_else(case, monkeypatch):
    before, after = REVERSALS[case]
    answers = chain([before], repeat(after))
    monkeypatch.setattr(accuracy, "predictions", lambda *_, **__: next(answers))
    text = time_finding(time_accuracy([Network(name="net", model=nn.Identity())], [FIFTY_SIX]))
    turned, same = int((after == before ^ 1).sum()), int((after == before).sum())
    assert text == (
        f"Reversing the clip changes the answer of net to its reversed class on {turned} of 56 clips and leaves it "
        f"unchanged on {same}."
    )


HELD_ELSEWHERE = (
    "kernels/test_claims.py",
    "complexity/test_claims.py",
    "complexity/test_parts.py",
    "complexity/test_published.py",
    "attribution/sanity_checks/test_sanity_checks.py",
    "study/test_answers.py",
    "study/test_comparisons.py",
    "study/test_kernels.py",
    "study/test_results.py",
    "../app/pages/test_library.py",
    "test_live_training.py",
)


def test_every_finding_is_held_to_its_data_here_or_where_this_says():
    here, root = Path(__file__), Path(accuracy.__file__).parents[2]
    held = "".join(path.read_text("utf-8") for path in [here, *map(here.parent.joinpath, HELD_ELSEWHERE)])
    writers = {
        name
        for path in [*root.glob("analysis/**/*.py"), *root.glob("app/**/*.py")]
        for name in re.findall(
            r"^ *def (\w*finding\w*|headline_of|verdict(?:_of)?)\(", path.read_text("utf-8"), re.MULTILINE
        )
    }
    assert len(writers) > 15
    assert not [name for name in writers if not re.search(rf"\b{name}\b", held)]
