"""Files of anybody's: what tensors they hold is read, what they would run is not, and each refusal is one sentence."""

import argparse
import os
import pickle
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from gte.errors import WeightsError
from gte.weights.safe_load import MAX_BYTES, MAX_ENTRIES, REFUSED, check_torch, extract, outcome, read_tensors

# Every file is opened by a process of its own, which imports torch first.
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch) -> Path:
    """A folder for temporary files alone, to see that none is left."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


class Touch:
    """A pickle of it makes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self.path}",)


class TouchWithPython(Touch):
    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.path,)


def test_tensors_come_as_32_bits_in_memory_of_their_own_and_facts_as_plain_data(tmp_path, temporary):
    weight = torch.rand(3, 4)
    inside = {
        "plain": weight,
        "turned": weight.t(),
        "part": weight[1:],
        "half": weight.half(),
        "brain": weight.bfloat16(),
        "double": weight.double(),
        "count": torch.tensor(7),
        "parameter": nn.Parameter(weight),
    }
    beside = {"epoch": 3, "name": "r50", "deep": {"er": 0.5}, "empty": {}, "names": ("a", "левый"), "mixed": ["a", 1]}
    torch.save({"state_dict": inside, "optimizer": {"lr": 0.1}, **beside}, tmp_path / "file.pth")
    file = read_tensors(tmp_path / "file.pth")
    assert dict(file.facts) == {
        "epoch": 3,
        "name": "r50",
        "deep/er": 0.5,
        "empty": "a dict",
        "names": ["a", "левый"],
        "mixed": "a list",
        "optimizer": "a dict",
    }
    assert set(file.tensors) == {f"state_dict/{key}" for key in inside}
    for key, tensor in inside.items():
        read = file.tensors[f"state_dict/{key}"]
        assert torch.equal(read, tensor.detach().to(torch.int64 if key == "count" else torch.float32))
        assert read.is_contiguous()
        read.zero_()
    assert weight.any()
    assert not list(temporary.iterdir())


REFUSAL = r"asks for (posix\.system|pathlib\.Path), which is code or an object and no tensor: it was not run"


def test_a_pickle_that_would_run_code_runs_none(tmp_path, temporary):
    mark, path = tmp_path / "mark", tmp_path / "evil.pth"
    torch.save({"conv1.weight": torch.zeros(2), "more": Touch(mark)}, path)
    with pytest.raises(WeightsError, match=rf"evil\.pth {REFUSAL}"):
        read_tensors(path)
    assert not mark.exists()
    assert not list(temporary.iterdir())


@pytest.mark.parametrize("evil", [Touch, TouchWithPython])
@pytest.mark.parametrize("form", ["zip", "before 1.6", "bare"])
def test_no_form_of_such_a_pickle_runs(tmp_path, evil, form):
    mark, path = tmp_path / "mark", tmp_path / "evil.pth"
    state = {"conv1.weight": torch.zeros(2), "more": evil(mark)}
    if form == "bare":
        path.write_bytes(pickle.dumps({"more": evil(mark)}, protocol=2))
    else:
        torch.save(state, path, _use_new_zipfile_serialization=form == "zip")
    with pytest.raises(WeightsError, match=REFUSAL):
        extract(path, tmp_path / "tensors.safetensors")
    assert not mark.exists()
    # It is no empty threat: whoever trusts the file makes what it asks for.
    if form == "bare":
        pickle.loads(path.read_bytes())
    else:
        torch.load(path, weights_only=False)
    assert mark.exists()


def test_a_file_that_unfolds_to_more_than_its_size_is_stopped(tmp_path, temporary):
    torch.save({"weight": torch.zeros(1).expand(2**34)}, tmp_path / "bomb.pth")
    with pytest.raises(WeightsError, match=r"bomb\.pth asks for more memory than tensors in a file of its size take"):
        read_tensors(tmp_path / "bomb.pth")
    assert not list(temporary.iterdir())


def test_a_file_that_takes_too_long_is_stopped(tmp_path, temporary):
    torch.save({"weight": torch.zeros(1)}, tmp_path / "slow.pth")
    with pytest.raises(WeightsError, match=r"slow\.pth was not read within 0\.05 seconds"):
        read_tensors(tmp_path / "slow.pth", timeout_seconds=0.05)
    assert not list(temporary.iterdir())


def test_a_file_that_breaks_the_process_that_reads_it_is_said_to(tmp_path):
    assert outcome(-11, b"") == (
        "made the process that read it fail (signal 11); it is damaged or no file of tensors. Save it again."
    )
    assert "status 1" in outcome(1, b"anything")
    hostile = outcome(REFUSED, b"asks\x1b[2J for\n\n" + b"x" * 1000)
    assert hostile.startswith("asks[2J for xxx")
    assert len(hostile) == 400


def test_what_is_no_file_or_too_large_is_refused_before_it_is_opened(tmp_path):
    with pytest.raises(WeightsError, match=r"There is no file .*gone\.pth; give the path"):
        read_tensors(tmp_path / "gone.pth")
    with (tmp_path / "huge.pth").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(WeightsError, match=r"huge\.pth has 4\.0 GiB; at most 4 GiB are opened"):
        read_tensors(tmp_path / "huge.pth")


def test_safetensors_files_are_read_as_well(tmp_path):
    save_file({"weight": torch.ones(2, dtype=torch.float16)}, tmp_path / "good.safetensors", {"source": "elsewhere"})
    file = read_tensors(tmp_path / "good.safetensors")
    assert file.tensors["weight"].dtype == torch.float32
    assert file.facts == {}


def test_damaged_safetensors_files_are_named(tmp_path, opened_here):
    save_file({"weight": torch.ones(2)}, tmp_path / "good.safetensors")
    whole = (tmp_path / "good.safetensors").read_bytes()
    for content in (whole[:-1], b"", b"text that is long enough"):
        (tmp_path / "bad.safetensors").write_bytes(content)
        with pytest.raises(WeightsError, match=r"bad\.safetensors is no \.safetensors file, or a truncated one"):
            read_tensors(tmp_path / "bad.safetensors")
    save_file({"weight": torch.ones(2, dtype=torch.complex64)}, tmp_path / "odd.safetensors")
    with pytest.raises(WeightsError, match=r"odd\.safetensors holds complex numbers in weight"):
        read_tensors(tmp_path / "odd.safetensors")


def write_text(path: Path) -> None:
    path.write_text("no weights")


def write_nothing(path: Path) -> None:
    path.write_bytes(b"")


def write_truncated(path: Path) -> None:
    torch.save({"weight": torch.zeros(1000)}, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def write_hole(path: Path) -> None:
    """The middle is missing, the directory at the end is there."""
    torch.save({"weight": torch.rand(100_000)}, path)
    whole = path.read_bytes()
    path.write_bytes(whole[:100_000] + whole[-2000:])


def write_other_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("readme", "no weights")


def write_program(path: Path) -> None:
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), path)


def write_quantised(path: Path) -> None:
    torch.save({"weight": torch.quantize_per_tensor(torch.rand(3), 0.1, 0, torch.qint8)}, path)


def write_circle(path: Path) -> None:
    inside: dict[str, object] = {"weight": torch.zeros(1)}
    inside["again"] = inside
    torch.save(inside, path)


def saves(value: object) -> Callable[[Path], None]:
    return lambda path: torch.save(value, path)


# torch warns of what it will take away: programs, quantised tensors.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize(
    ("write", "message"),
    [
        (write_text, "is no file of tensors that torch can read, or a truncated one; save it again"),
        (write_nothing, "is no file of tensors"),
        (write_truncated, "is no file of tensors"),
        (write_hole, "is no file of tensors"),
        (write_other_zip, "is no file of tensors"),
        (write_program, "is a TorchScript program, not weights"),
        (write_circle, "or dictionaries more than 10 deep"),
        (saves({"names": ["a"] * MAX_ENTRIES}), "holds more than 100,000 entries"),
        (write_quantised, "holds in weight a sparse, quantised, nested or empty tensor"),
        (saves({"a": {"b": torch.eye(2).to_sparse()}}), "holds in a/b a sparse"),
        (saves({"weight": torch.empty(2, device="meta")}), "holds in weight a sparse"),
        (saves({"weight": torch.zeros(2, dtype=torch.complex64)}), "holds complex numbers in weight"),
        (saves({"a": {"b": torch.zeros(1)}, "a/b": torch.zeros(1)}), "holds two entries named a/b"),
        (saves(torch.zeros(2)), r"holds a Tensor, not a dictionary of tensors; save a state_dict\(\)"),
        (saves([torch.zeros(2)]), "holds a list"),
        (saves(nn.Linear(2, 2)), r"asks for torch\.nn\.modules\.linear\.Linear, which is code or an object"),
    ],
)
def test_what_is_no_file_of_plain_tensors_gives_one_sentence(tmp_path, write, message):
    write(tmp_path / "file.pth")
    with pytest.raises(WeightsError, match=message) as refusal:
        extract(tmp_path / "file.pth", tmp_path / "tensors.safetensors")
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "tensors.safetensors").exists()


def test_dead_objects_take_the_place_of_what_publishers_leave_beside_their_weights(tmp_path):
    beside = {"args": argparse.Namespace(lr=0.1), "optimizer": {"state": {0: torch.zeros(9)}}}
    torch.save({"state_dict": {"weight": torch.ones(2)}, **beside}, tmp_path / "file.pth")
    extract(tmp_path / "file.pth", tmp_path / "tensors.safetensors")
    assert list(load_file(tmp_path / "tensors.safetensors")) == ["state_dict/weight"]


@pytest.mark.parametrize("version", ["2.5.1", "1.13.0+cu117"])
def test_a_torch_whose_weights_only_does_not_hold_opens_nothing(version):
    with pytest.raises(WeightsError, match=r"is opened only with torch 2\.6 or newer; this is torch"):
        check_torch(version)


@pytest.mark.parametrize("version", ["2.6.0", "2.10.0a0+git", "3.0"])
def test_a_newer_torch_opens_files(version):
    check_torch(version)
