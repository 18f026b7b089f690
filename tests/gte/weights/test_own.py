"""A network starts from a checkpoint of its own kind, and a classifier of other classes is replaced and named."""

from dataclasses import replace

import pytest
import torch

from gte.checkpoint import load_model
from gte.checkpoint_header import read_header
from gte.errors import CheckpointError, WeightsError
from gte.train import Run, train
from tests.tiny import save_tiny

pytestmark = pytest.mark.usefixtures("short_validation")

NETWORK = ("depth=26", "base_width=16", "dropout=0.2")


@pytest.mark.parametrize(("name", "options"), [("gte", NETWORK), ("slowfast_4x16", NETWORK)])
def test_a_checkpoint_of_other_classes_gives_all_but_the_classifier(config, tmp_path, name, options):
    path = save_tiny(tmp_path / "own.safetensors", name)
    frames = 4 if name == "gte" else 32
    run = Run(replace(config, model=name, model_options=options, num_frames=frames, pretrained=str(path)))
    stored = load_model(path)[0].state_dict()
    fresh = Run(replace(run.config, pretrained="")).model.state_dict()
    replaced = [key for key, tensor in run.model.state_dict().items() if not torch.equal(tensor, stored[key])]
    assert {key.rpartition(".")[2] for key in replaced} == {"weight", "bias"}
    assert all(torch.equal(run.model.state_dict()[key], fresh[key]) for key in replaced)
    assert run.start.startswith("Started from own.safetensors (SHA-256 ")
    assert f", {name} with 3 classes; its classifier is replaced by one of 14 classes: " in run.start
    assert run.start.endswith(f"at random are {', '.join(replaced)}.")


def test_a_classifier_of_the_same_classes_is_kept_and_the_kernels_start_as_they_were_stored(config):
    first = train(replace(config, epochs=1))
    second = replace(config, out=config.out / "second", pretrained=str(first))
    run = Run(second)
    for key, tensor in load_model(first)[0].state_dict().items():
        assert torch.equal(run.model.state_dict()[key], tensor), key
    header = read_header(train(second))
    assert str(header.environment["start"]).endswith("its classifier is kept, as the classes are the same.")
    layer = header.layers[0]
    assert torch.equal(run.snapshots.initial[layer], load_model(first)[0].get_parameter(f"{layer}.weight"))


def test_a_checkpoint_of_another_network_or_size_names_what_fits(config, tmp_path):
    path = save_tiny(tmp_path / "own.safetensors", "c3d")
    with pytest.raises(
        WeightsError, match=r"holds c3d with other weights than GTE .*--model c3d --model-options depth=26"
    ):
        Run(replace(config, pretrained=str(path)))
    with pytest.raises(CheckpointError, match="There is no file gone"):
        Run(replace(config, pretrained="gone.safetensors"))
