"""Report on a checkpoint: figures, numbers and tests of evidence in one file that loads nothing."""

import re
from pathlib import Path

import pytest

from analysis import report
from analysis.attribution.sanity_checks import checks
from analysis.kernels.headline import headline_of
from analysis.kernels.summary import summarise
from gte import checkpoint, cli
from gte.checkpoint import load_model
from gte.checkpoint_header import read_header
from tests.tiny import metrics, save_tiny


@pytest.fixture
def gte(tmp_path, monkeypatch) -> Path:
    """A checkpoint in the current folder, as a notebook would have it."""
    monkeypatch.chdir(tmp_path)
    return save_tiny(Path("gte.safetensors"), "gte", metrics=metrics(), training={"seed": 0})


def test_the_report_holds_everything_and_loads_nothing(gte, capsys):
    report.main(gte, out=Path("out/report.html"), layer="layer1.0", reading="own", order="norm", output=1)
    assert "Wrote out/report.html" in capsys.readouterr().err
    text = Path("out/report.html").read_text(encoding="utf-8")
    assert not re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=", text)
    for key in ("drift", "kinds", "centres", "maps", "output", "triangle", "spectrum", "frequency", "training"):
        assert f'id="figure-{key}"' in text
    summary = summarise(checkpoint.load_histories(gte), "own")
    assert summary.to_csv(index=False).splitlines()[1] in text
    assert headline_of(checkpoint.load_histories(gte), "own") in text


def test_the_report_of_what_it_cannot_show_is_one_sentence(gte, capsys, tmp_path):
    bare = save_tiny(tmp_path / "bare.safetensors", "c2d")
    out = tmp_path / "no.html"
    with pytest.raises(cli.GteError, match="has no temporal kernels"):
        report.main(bare, out=out)
    with pytest.raises(ValueError, match=r"has no layer layer9; it has layer1\.0"):
        report.main(gte, out=out, layer="layer9")
    with pytest.raises(ValueError, match="has the output channels 0 to"):
        report.main(gte, out=out, output=99)
    assert not out.exists()


def test_the_report_says_the_verdict_of_each_stored_test_and_the_command_of_each_other(gte, monkeypatch):
    monkeypatch.setenv("GTE_CACHE", str(gte.parent / "cache"))
    subject = report.subject_of(read_header(gte))
    assert subject is not None
    model, _ = load_model(gte)
    checks.keep("frame order", subject, checks.CHECKS["frame order"].run(model, subject, 2, lambda part, text: None))
    report.main(gte, out=Path("report.html"))
    text = Path("report.html").read_text(encoding="utf-8")
    assert f"Tests of its evidence, Grad-CAM at {subject.layer}:" in text
    assert '<a href="#check-frame-order">Frame order</a>: cannot tell.' in text
    assert 'id="figure-check-frame-order"' in text
    command = f"python -m analysis.attribution.sanity_checks {gte} --checks &#34;deletion&#34; --methods gradcam"
    assert f"Deletion, insertion: not run; <code>{command}" in text
    assert text.count(": not run; ") == 3
