"""Evidence as files: the words under the frames."""

import torch

from analysis.attribution.evidence import Evidence
from analysis.attribution.export import FINDING, FRAMES, caption_of
from gte.models.cell_grids import even_grid

CLASSES = ("moves left", "moves right")


def card_of(values):
    found = Evidence(
        map=torch.tensor(values)[:, None, None],
        target=0,
        contrast=1,
        layer="layer3.1",
        method="gradcam",
        label="Grad-CAM",
        convention="one weight per channel and clip",
        grid=even_grid((len(values), 1, 1), (len(values), 8, 8)),
    )
    return found.card("gte", CLASSES) | {FINDING: found.finding(), FRAMES: [2, 5, 8]}


def test_the_caption_names_network_class_finding_method_layer_weighting_and_frames_in_drawable_letters():
    caption = caption_of(card_of([1.0, 1.0, 0.5]))
    assert caption.startswith(
        "gte; class: moves left rather than moves right; finding: 80 % of its evidence is in frames 1-2: "
        "1.2 times an even share; method: Grad-CAM; layer: layer3.1; weighting: one weight per channel and clip; "
    )
    assert caption.endswith("frames, counted from 1: 2, 5, 8")
    assert caption.isascii()


def test_the_caption_says_that_there_is_no_evidence():
    caption = caption_of(card_of([0.0, 0.0, 0.0]))
    assert "finding: Grad-CAM finds no evidence for this class in layer3.1; another method or layer may; " in caption
