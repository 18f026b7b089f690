"""The checkpoint file: what goes in comes out, and what is no checkpoint gives one sentence."""

import json
import pickle
import struct
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from gte import checkpoint, checkpoint_header
from gte.checkpoint import KERNEL_INIT, load_histories, load_history, load_model, temporal_layers_of
from gte.checkpoint_header import METADATA, is_checkpoint, list_folder, read_header
from gte.errors import CheckpointError
from gte.kernel_history import MAX_SNAPSHOTS, snapshot_steps
from gte.kernel_snapshots import KernelSnapshots, initial_kernels
from gte.models import temporal_layers
from gte.models.shift import SharedTemporalShift, shift_layers
from gte.models.temporal import time_kernel
from tests.moved import save_moved
from tests.tiny import CLASSES, NETWORKS, save_tiny, tiny_clip, tiny_header, tiny_model


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return save_tiny(tmp_path / "tiny.safetensors", "gte")


def rewrite_header(path: Path, **changes: object) -> None:
    """Change entries of a checkpoint's header; None takes one away."""
    facts = json.loads(checkpoint_metadata(path)) | changes
    facts = {name: value for name, value in facts.items() if value is not None}
    save_file(load_file(path), path, {METADATA: json.dumps(facts)})


def checkpoint_metadata(path: Path) -> str:
    (length,) = struct.unpack("<Q", path.read_bytes()[:8])
    return json.loads(path.read_bytes()[8 : 8 + length])["__metadata__"][METADATA]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_loaded_network_answers_like_the_saved_one(tmp_path, name):
    model, shape = tiny_model(name).eval(), tiny_clip(name)
    path = tmp_path / "one.safetensors"
    checkpoint.save(path, tiny_header(path, name, model), model, KernelSnapshots.start(model))
    clip = torch.rand(2, 3, shape.frames, shape.height, shape.width)
    loaded, header = load_model(path)
    with torch.no_grad():
        torch.testing.assert_close(loaded(clip), model(clip), rtol=1e-5, atol=1e-6)
    assert not loaded.training
    assert (header.model, header.classes) == (name, CLASSES)
    assert header.layers == tuple(shift_layers(model))


def test_the_header_comes_back_as_it_was_written(path):
    model = tiny_model("gte")
    assert read_header(path) == replace(tiny_header(path, "gte", model), step=3)


def test_a_network_without_lts_has_no_layers_and_no_history(tmp_path):
    path = save_tiny(tmp_path / "frames.safetensors", "c2d")
    assert read_header(path).layers == ()
    assert load_histories(path) == []


def test_a_history_starts_at_the_initialisation_and_ends_with_the_saved_weights(path):
    model, header = load_model(path)
    for layer, module in shift_layers(model).items():
        history = load_history(path, layer)
        assert np.array_equal(history.weights[-1], module.weight.detach().numpy())
        assert history.steps.tolist() == [0, 3]
    assert list(header.layers) == list(shift_layers(model))


@pytest.mark.parametrize("name", NETWORKS)
def test_every_temporal_layer_of_every_network_can_be_browsed(tmp_path, name):
    path = save_moved(tmp_path / "one.safetensors", name, known=True) if temporal_layers(tiny_model(name)) else None
    path = path or save_tiny(tmp_path / "one.safetensors", name)
    model, header = load_model(path)
    layers = temporal_layers(model)
    assert temporal_layers_of(header) == tuple(layers)
    histories = load_histories(path)
    assert [history.layer for history in histories] == list(layers)
    for number, (history, layer) in enumerate(zip(histories, layers.values(), strict=True)):
        assert history.steps.tolist() == [0, 3]
        start, now = history.weights
        assert history.initial is not None
        assert np.array_equal(history.initial, start)
        assert np.array_equal(start, now) == (number > 0)
        if not isinstance(layer, SharedTemporalShift):
            assert np.array_equal(now, time_kernel(layer).detach().numpy())
        alone = load_history(path, history.layer)
        assert np.array_equal(alone.weights, history.weights)
        assert alone.spans_space == history.spans_space


def test_a_shared_kernel_stands_for_every_output_that_uses_it(tmp_path):
    path = save_moved(tmp_path / "shared.safetensors", "gte_shared", known=True)
    model, _ = load_model(path)
    for layer, module in shift_layers(model).items():
        weights = load_history(path, layer).weights
        ahead, back = module.weight.detach().numpy()
        half = module.out_channels // 2
        assert np.array_equal(weights[-1], np.stack([ahead] * half + [back] * half))


@pytest.mark.parametrize("name", ["c3d", "i3d", "gst"])
def test_a_kernel_that_nobody_knows_the_start_of_has_one_snapshot(tmp_path, name):
    path = save_moved(tmp_path / "foreign.safetensors", name, known=False, step=7)
    for layer in temporal_layers_of(read_header(path)):
        history = load_history(path, layer)
        assert history.initial is None
        assert (len(history.weights), history.steps.tolist()) == (1, [7])
        assert history.spans_space == (name != "i3d")


def test_an_untrained_network_whose_start_is_known_has_one_snapshot_and_has_not_moved(tmp_path):
    model = tiny_model("i3d")
    path = tmp_path / "inflated.safetensors"
    header = tiny_header(path, "i3d", model)
    checkpoint.save(path, header, model, KernelSnapshots.start(model), initial_kernels(model))
    [history, *_] = load_histories(path)
    assert history.steps.tolist() == [0]
    assert history.initial is not None
    assert np.array_equal(history.initial, history.weights[-1])


def test_learnable_shifts_that_came_trained_are_seen_with_both_their_ends(tmp_path):
    model = tiny_model("gte")
    snapshots = KernelSnapshots.start(model)
    layer, module = next(iter(shift_layers(model).items()))
    with torch.no_grad():
        module.weight.add_(1)
    path = tmp_path / "converted.safetensors"
    # At step 0 the file holds the first snapshot alone.
    checkpoint.save(path, tiny_header(path, "gte", model), model, snapshots)
    moved, still, *_ = load_histories(path)
    assert (moved.layer, moved.steps.tolist()) == (layer, [0, 0])
    assert np.array_equal(moved.weights[0], snapshots.initial[layer].numpy())
    assert np.array_equal(moved.weights[1], module.weight.detach().numpy())
    assert still.steps.tolist() == [0]


def test_only_the_layer_that_is_asked_for_is_read(tmp_path, monkeypatch):
    path = save_moved(tmp_path / "c3d.safetensors", "c3d", known=True)
    read = []

    class Watched:
        def __init__(self, *arguments, **options):
            self.file = checkpoint_safe_open(*arguments, **options)

        def __enter__(self):
            self.file.__enter__()
            return self

        def __exit__(self, *error):
            return self.file.__exit__(*error)

        def metadata(self):
            return self.file.metadata()

        def keys(self):
            return self.file.keys()

        def get_tensor(self, name):
            read.append(name)
            return self.file.get_tensor(name)

    checkpoint_safe_open = checkpoint_header.safe_open
    monkeypatch.setattr(checkpoint_header, "safe_open", Watched)
    load_history(path, "layer3.1.conv2")
    assert read == ["model/layer3.1.conv2.weight", "kernel_init/layer3.1.conv2"]


def test_a_start_of_another_shape_gives_one_sentence(tmp_path):
    path = save_moved(tmp_path / "i3d.safetensors", "i3d", known=True)
    tensors, metadata = load_file(path), {METADATA: checkpoint_metadata(path)}
    name = next(name for name in tensors if name.startswith(KERNEL_INIT))
    save_file(tensors | {name: torch.zeros(1, 1, 3, 1)}, path, metadata)
    with pytest.raises(CheckpointError, match="of another shape"):
        load_histories(path)


def test_a_network_that_is_unknown_here_has_no_layers_to_name(path):
    rewrite_header(path, model="transformer")
    with pytest.raises(CheckpointError, match="does not fit the network it names, transformer"):
        temporal_layers_of(read_header(path))


def test_a_file_says_whether_it_is_one_of_this_project(path, tmp_path):
    assert is_checkpoint(path)
    save_file({"weight": torch.zeros(1)}, tmp_path / "other.safetensors")
    assert not is_checkpoint(tmp_path / "other.safetensors")
    (tmp_path / "odd.safetensors").write_bytes(b"odd")
    with pytest.raises(CheckpointError, match="no checkpoint, or a truncated one"):
        is_checkpoint(tmp_path / "odd.safetensors")


def test_snapshots_keep_a_drift_that_half_precision_of_the_weight_would_lose(tmp_path):
    model = tiny_model("gte")
    snapshots = KernelSnapshots.start(model)
    layer, module = next(iter(shift_layers(model).items()))
    with torch.no_grad():
        module.weight.add_(1e-4)  # half precision near 1 has steps of 1e-3
    snapshots.record(1, model)
    with torch.no_grad():
        module.weight.add_(1)
    path = tmp_path / "drift.safetensors"
    checkpoint.save(path, replace(tiny_header(path, "gte", model), step=2), model, snapshots)
    history = load_history(path, layer)
    assert history.steps.tolist() == [0, 1, 2]
    start = history.weights[0]
    np.testing.assert_allclose(history.weights[1] - start, 1e-4, rtol=1e-2)


def test_snapshot_steps_start_at_zero_end_with_the_last_and_are_denser_early():
    steps = snapshot_steps(10_000)
    assert steps[0] == 0
    assert steps[-1] == 10_000
    assert len(steps) == MAX_SNAPSHOTS
    gaps = [later - earlier for earlier, later in pairwise(steps)]
    assert gaps == sorted(gaps)


@pytest.mark.parametrize("num_steps", [0, 1, 5])
def test_short_trainings_have_as_many_snapshots_as_steps_at_most(num_steps):
    steps = snapshot_steps(num_steps)
    assert list(steps) == sorted(set(steps))
    assert steps[-1] == num_steps


def test_snapshots_out_of_order_are_refused():
    model = tiny_model("gte")
    snapshots = KernelSnapshots.start(model)
    snapshots.record(5, model)
    with pytest.raises(ValueError, match="got step 3 after 5"):
        snapshots.record(3, model)


def test_saving_does_not_add_to_the_planned_snapshots():
    model = tiny_model("gte")
    snapshots = KernelSnapshots.start(model)
    assert snapshots.tensors(7, model)["lts_history_steps"].tolist() == [0, 7]
    assert snapshots.steps == [0]


def test_an_unknown_layer_is_named_with_those_there_are(path):
    with pytest.raises(
        CheckpointError, match=r"no layer layer9 with a temporal kernel; it has layer1\.0\.conv2\.temporal\.shift"
    ):
        load_history(path, "layer9")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="There is no file"):
        read_header(tmp_path / "nothing.safetensors")


@pytest.mark.parametrize("content", [b"", b"hello", b"\x00" * 64, bytes(range(256)) * 8])
def test_a_file_that_is_no_checkpoint_gives_one_sentence(tmp_path, content):
    path = tmp_path / "odd.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"odd\.safetensors is no checkpoint, or a truncated one"):
        read_header(path)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.999])
def test_a_truncated_checkpoint_gives_one_sentence(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    for read in (read_header, load_model, load_histories):
        with pytest.raises(CheckpointError, match="is no checkpoint, or a truncated one"):
            read(path)


def test_a_safetensors_file_of_something_else_is_named_as_such(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"weight": torch.zeros(3)}, path)
    with pytest.raises(CheckpointError, match="of another program"):
        read_header(path)


def test_a_pickle_is_never_opened(tmp_path):
    touched = tmp_path / "touched"

    class Payload:
        def __reduce__(self):
            return (touched.touch, ())

    path = tmp_path / "evil.safetensors"
    path.write_bytes(pickle.dumps(Payload()))
    with pytest.raises(CheckpointError):
        load_model(path)
    assert not touched.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"model": None},
        {"classes": None},
        {"classes": 3},
        {"classes": [1, 2, 3]},
        {"twins": [0]},
        {"twins": [0, 1, 7]},
        {"num_frames": "four"},
        {"num_frames": 0},
        {"options": []},
        {"metrics": [1]},
        {"layers": [4]},
        {"metrics": [{}]},
        {"metrics": [{"epoch": 1, "val_top1": "high"}]},
        {"options": {"num_classes": 3, "dropout": "half"}},
        {"environment": {"packages": "many"}},
    ],
)
def test_a_damaged_header_gives_one_sentence(path, changes):
    rewrite_header(path, **changes)
    with pytest.raises(CheckpointError, match="has a damaged header"):
        read_header(path)


def test_a_newer_format_is_named(path):
    rewrite_header(path, format_version=99)
    with pytest.raises(CheckpointError, match="has format 99, this program reads format 1"):
        read_header(path)


def test_an_unknown_network_is_named_when_it_is_built(path):
    rewrite_header(path, model="transformer")
    assert read_header(path).model == "transformer"
    with pytest.raises(CheckpointError, match=r"does not fit the network it names, transformer: The networks are c2d"):
        load_model(path)


def test_a_network_of_another_size_does_not_take_the_weights(path):
    options = read_header(path).options
    rewrite_header(path, options={**options, "depth": 50})
    with pytest.raises(CheckpointError, match="does not fit the network it names, gte"):
        load_model(path)


def test_a_header_that_asks_for_a_huge_network_takes_no_memory(path):
    options = read_header(path).options
    rewrite_header(path, options={**options, "base_width": 2**20})
    with pytest.raises(CheckpointError, match="does not fit the network it names"):
        load_model(path)


def test_a_folder_is_listed_newest_first_with_what_is_wrong(tmp_path):
    for name, date in {"old": "2026-01-01", "new": "2026-02-01"}.items():
        save_tiny(tmp_path / "runs" / f"{name}.safetensors", "c2d", environment={"date": date})
    (tmp_path / "broken.safetensors").write_bytes(b"no")
    (tmp_path / "notes.txt").write_text("hello")
    headers, errors = list_folder(tmp_path)
    assert [header.name for header in headers] == ["new", "old"]
    assert len(errors) == 1
    assert "broken.safetensors" in str(errors[0])


def test_a_folder_that_does_not_exist_is_empty(tmp_path):
    assert list_folder(tmp_path / "nowhere") == ([], [])


def test_a_failed_write_leaves_the_old_checkpoint(path, monkeypatch):
    before = path.read_bytes()

    def fail(file: Path, data: bytes) -> None:
        with file.open("wb") as half_written:
            half_written.write(data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    model = tiny_model("gte")
    with pytest.raises(OSError, match="No space left"):
        checkpoint.save(path, tiny_header(path, "gte", model), model, KernelSnapshots.start(model))
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]
