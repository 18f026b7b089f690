"""Methods and sanity checks on the page Evidence, and one network used by many visitors at once."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import plotly.graph_objects as go
import pytest
import streamlit as st
import torch
from streamlit.testing.v1 import AppTest

from analysis.attribution.methods import METHODS, find_evidence
from analysis.attribution.sanity_checks import checks
from analysis.attribution.sanity_checks.checks import CHECKS
from analysis.attribution.stored_clips import WIDTH
from analysis.plotting.figure_pack import PaperFigure
from app import cache, jobs, layout
from app.clips import dataset_clip
from app.pages.evidence import sanity_checks
from gte.checkpoint_header import read_header
from gte.data.loading import to_clip
from tests.analysis.attribution.toys import assert_unchanged, state_of
from tests.analysis.snippets import last_value

LAYER = "layer2.1"
SECONDS = 120


def chips(at):
    """The state of each chip by its name."""
    return dict(button.label.split(": ") for button in at.button if button.key.startswith(("chip ", "running ")))


def methods_and_checks(names):
    """The contents of the two tabs, as a separate script."""
    from analysis.attribution.evidence import top_classes
    from analysis.attribution.stored_clips import StoredClip
    from app import cache, checkpoints, layout
    from app.clips import dataset_clip
    from app.pages.evidence import methods, sanity_checks
    from app.pages.evidence.finding import Finding
    from gte.data.video.sources import Stretch

    headers, _ = checkpoints.list_checkpoints()
    findings = []
    for name in names:
        header = headers[name]
        clip = dataset_clip("motionpairs", 0, header.num_frames, header.size)
        scores = top_classes(cache.logits(header, clip), header.classes)
        evidence = cache.evidence(header, clip, scores[0].index, "layer2.1", "gradcam")
        findings.append(
            Finding(
                name=name,
                header=header,
                clip=clip,
                scores=scores,
                block="layer2.1",
                evidence=evidence,
                stored=StoredClip(name="motionpairs", stretch=Stretch(0, 23), index=0),
                path=checkpoints.path_in_code(header),
            )
        )
    with layout.errors_as_sentences():
        methods.render(findings, "gradcam")
        sanity_checks.chips(findings)
        sanity_checks.render(findings)


@pytest.fixture
def opened(two_networks, monkeypatch, tmp_path):
    monkeypatch.setenv("GTE_CACHE", str(tmp_path / "cache"))
    few = {name: replace(check, num_clips=2) for name, check in CHECKS.items()}
    monkeypatch.setattr(sanity_checks, "CHECKS", few)
    monkeypatch.setattr(checks, "CHECKS", few)
    return AppTest.from_function(methods_and_checks, args=(["gte-tiny", "c2d-tiny"],), default_timeout=SECONDS).run()


def click(at, label):
    """Press a button and run again until its work is done."""
    [button] = [button for button in at.button if button.label == label]
    button.click().run()
    finish(at)


def finish(at):
    for job in list(jobs.queue().jobs.values()):
        assert job.over.wait(SECONDS)
    at.run()
    assert not at.exception
    assert not at.error


@pytest.mark.slow
def test_every_method_is_a_click_away(opened):
    slow = [method.label for method in METHODS.values() if method.speed == "slow"]
    for label in slow:
        click(opened, label)
    cards = next(frame.value for frame in opened.dataframe if "weighting" in frame.value)
    assert cards["method"].tolist() == 2 * [method.label for method in METHODS.values()]


def test_one_button_runs_every_check_each_has_a_chip_a_verdict_and_a_figure_and_the_next_server_finds_them(opened):
    names = [check.chip for check in CHECKS.values()]
    assert chips(opened) == dict.fromkeys(names, "not run")
    click(opened, "Run all tests")
    assert "Run all tests" not in [button.label for button in opened.button]
    # Two clips are too few for a verdict, unless all of them are decided by the design of the network.
    assert chips(opened) == dict.fromkeys(names, "cannot tell")
    texts = [text.value for text in opened.markdown]
    for name in ("gte-tiny", "c2d-tiny"):
        assert len([text for text in texts if text.startswith(f"**{name}.** :material/")]) == len(CHECKS)
    assert any("processes each frame separately" in text for text in texts)
    # What the first one had in memory is gone; its results are on the disk.
    st.cache_resource.clear()
    opened.run()
    assert chips(opened) == dict.fromkeys(names, "cannot tell")


@pytest.mark.slow
def test_the_clip_of_the_page_is_tested_alone_with_code_for_its_figures(opened, two_networks, monkeypatch):
    for button in [item for item in opened.button if item.label == "Test this clip alone"]:
        button.click().run()
    finish(opened)
    texts = [text.value for text in opened.markdown]
    for name in ("gte-tiny", "c2d-tiny"):
        assert len([text for text in texts if text.startswith(f"**{name}, this clip alone.**")]) == 3
    monkeypatch.chdir(two_networks[""])
    figures: dict[str, PaperFigure] = opened.session_state[layout.FIGURES]
    for key in ("curves gte-tiny", "frame order gte-tiny"):
        drawn, result = figures[key].draw(WIDTH), last_value(figures[key].code)
        assert isinstance(drawn, go.Figure)
        assert isinstance(result, go.Figure)
        assert result.to_json() == drawn.to_json()


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * (entry.speed == "slow")) for name, entry in METHODS.items()],
)
def test_eight_visitors_of_one_network_get_the_results_of_a_single_one_from_every_method(two_networks, name):
    header = read_header(two_networks[""] / "gte-tiny.safetensors")
    clips = [
        to_clip(dataset_clip("motionpairs", index, header.num_frames, header.size).frames)[None] for index in range(2)
    ]
    num_classes = len(header.classes)

    def compute(number):
        clip = clips[number % len(clips)]
        with cache.model_of(header) as model:
            # Plain forward passes in between, which a hook or a flag that outlives its call would disturb.
            if number % 3 == 2:
                with torch.no_grad():
                    return model(clip)
            if number % 3 == 1:
                with pytest.raises(ValueError, match="The classes are numbered"):
                    find_evidence(name, model, clip, num_classes, LAYER)
            return find_evidence(name, model, clip, number % num_classes, LAYER).map

    with cache.model_of(header) as model:
        before = state_of(model)
    numbers = range(8)
    alone = [compute(number) for number in numbers]
    with ThreadPoolExecutor(8) as readers:
        together = list(readers.map(compute, numbers))
    assert all(torch.equal(first, second) for first, second in zip(alone, together, strict=True))
    with cache.model_of(header) as model:
        assert_unchanged(model, before)


def test_a_copy_for_the_background_shares_nothing_with_the_network_of_the_readers(two_networks):
    header = read_header(two_networks[""] / "gte-tiny.safetensors")
    copied = cache.model_copier(header)()
    with cache.model_of(header) as model, torch.no_grad():
        before = state_of(model)
        for parameter in copied.parameters():
            parameter.zero_()
        assert_unchanged(model, before)
