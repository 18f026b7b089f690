"""A network of which one layer alone looks at other frames, through the pages that ask about layers."""

import pytest

from app import url_keys
from app.navigation import KERNEL_EDITS, LAYER_ABLATION
from gte.data import open_dataset
from gte.models import MODELS, build
from gte.models.resnet import ResNetConfig, VideoResNet
from tests.app.opening import captions, finding, markdown, open_page, sentences, with_results
from tests.tiny import save_tiny

LAYER = "layer2.0"


class OneShift(ResNetConfig):
    """C2D with a single block of GTE."""

    def build(self) -> VideoResNet:
        network, donor = super().build(), build("gte", depth=self.depth, base_width=self.base_width)
        network.get_submodule(LAYER).conv2 = donor.get_submodule(LAYER).conv2
        return network


@pytest.fixture
def one_layer(two_networks, monkeypatch):
    monkeypatch.setitem(MODELS, "one_shift", OneShift(label="One shift", paper="", note=""))
    motions = open_dataset("motionpairs", "test", 32)
    return save_tiny(
        two_networks["runs/"] / "one.safetensors", "one_shift", classes=motions.classes, twins=motions.twins
    )


def test_its_worth_is_asked_and_no_other_layer_offered(one_layer):
    at = with_results(open_page("whatif", ckpt="runs/one", experiment=LAYER_ABLATION))
    assert not at.exception
    assert not at.error
    assert at.selectbox(key="layer").options == [LAYER]
    assert f"{LAYER}: no difference was found" in finding(at)
    assert f"{LAYER} is the only layer of runs/one that uses other frames" in captions(at)
    assert not [button for button in at.button if "all layers" in button.label]


def test_its_kernels_are_changed_without_a_choice_of_layers(one_layer):
    at = open_page("whatif", ckpt="runs/one", experiment=KERNEL_EDITS, setting="zeroed")
    assert not at.exception
    assert not at.error
    assert f"{LAYER}: zeroed." in finding(at)
    assert not [box for box in at.selectbox if box.key in (url_keys.WHERE.name, "layer")]
    assert "Reversing every kernel undoes the reversed clip" in markdown(at)
    assert "of 56 clips" in markdown(with_results(at))


@pytest.mark.parametrize("page", ["kernels", "evidence", "whatif"])
def test_the_pages_show_it_and_have_nothing_to_object(one_layer, page):
    at = open_page(page, ckpt="runs/one")
    assert not at.exception
    assert not at.error
    assert not sentences(at)
    assert finding(at)
