"""A reader's own checkpoints: opened for one visit, converted where needed, refused in one sentence."""

import gc
import shutil
from pathlib import Path

import pytest
import torch
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.testing.v1 import AppTest

from app import checkpoints, uploads
from app.checkpoints import MAX_MEGABYTES, MAX_OPEN, Uploads
from gte.checkpoint import load_histories
from gte.errors import GteError
from tests.app.opening import open_page, sentences
from tests.moved import save_moved
from tests.published import Gst, randomised
from tests.tiny import save_tiny


@pytest.fixture
def own(tmp_path: Path) -> bytes:
    return save_tiny(tmp_path / "own.safetensors", "gte").read_bytes()


@pytest.fixture
def foreign(tmp_path: Path) -> bytes:
    """A small GST as its publishers' repository saves it."""
    path = tmp_path / "gst.pth"
    torch.save({"state_dict": randomised(Gst(alpha=4)).state_dict(), "epoch": 3}, path)
    return path.read_bytes()


def files_in(visit: Uploads) -> list[str]:
    return sorted(path.name for path in visit.folder.iterdir())


def test_a_file_of_this_project_is_opened_as_it_is(own):
    visit = Uploads()
    name = visit.add("my run.safetensors", own)
    assert name == "yours/my-run"
    assert visit.opened[name].path.read_bytes() == own
    assert files_in(visit) == ["my-run.safetensors"]


def test_a_file_from_elsewhere_is_converted_and_its_kernels_can_be_browsed(foreign):
    visit = Uploads()
    name = visit.add("gst_v1.pth.tar", foreign)
    assert name == "yours/gst_v1"
    header = visit.opened[name]
    assert header.environment["source"].startswith("gst_v1.pth.tar was recognised as GST's repository: GST")
    assert header.model == "gst"
    assert [history.starts_known for history in load_histories(header.path)] == [False] * 8
    assert files_in(visit) == ["gst_v1.safetensors"]


def test_files_of_one_name_are_told_apart_and_no_name_leaves_the_folder(own):
    visit = Uploads()
    names = [visit.add(name, own) for name in ("a.safetensors", "../../a.safetensors", "C:\\a.safetensors")]
    assert names == ["yours/a", "yours/a-2", "yours/a-3"]
    assert files_in(visit) == ["a-2.safetensors", "a-3.safetensors", "a.safetensors"]


def test_a_visit_holds_a_bounded_number_until_one_is_removed(own):
    visit = Uploads()
    names = [visit.add("a.safetensors", own) for _ in range(MAX_OPEN)]
    with pytest.raises(GteError, match=f"At most {MAX_OPEN} checkpoints"):
        visit.add("b.safetensors", own)
    visit.remove(names[0])
    assert visit.add("b.safetensors", own) == "yours/b"
    assert len(files_in(visit)) == MAX_OPEN


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("nothing.safetensors", b"", "nothing.safetensors is empty"),
        ("text.safetensors", b"hello", "text.safetensors is no checkpoint, or a truncated one"),
        ("text.pth", b"hello", "text.pth"),
        ("zeros.pt", b"\x00" * 1000, "zeros.pt"),
    ],
)
def test_what_cannot_be_used_gives_one_sentence_with_its_name_and_leaves_nothing(name, content, message):
    visit = Uploads()
    with pytest.raises(GteError, match=r"^[^\n]*$") as refused:
        visit.add(name, content)
    assert message in str(refused.value)
    assert visit.opened == {}
    assert files_in(visit) == []


@pytest.mark.parametrize("share", [0.001, 0.5, 0.99])
def test_a_truncated_file_is_refused_and_what_was_open_stays(own, foreign, share):
    visit = Uploads()
    visit.add("first.safetensors", own)
    for name, content in (("own.safetensors", own), ("gst.pth", foreign)):
        with pytest.raises(GteError, match=name.replace(".", r"\.")):
            visit.add(name, content[: int(share * len(content))])
    assert list(visit.opened) == ["yours/first"]
    assert files_in(visit) == ["first.safetensors"]


def test_a_file_whose_weights_do_not_fit_its_network_is_refused(tmp_path):
    path = save_tiny(tmp_path / "odd.safetensors", "gte", model="transformer")
    with pytest.raises(GteError, match="does not fit the network it names, transformer"):
        Uploads().add(path.name, path.read_bytes())


def test_a_file_above_the_limit_is_refused(own, monkeypatch):
    monkeypatch.setattr(checkpoints, "MAX_MEGABYTES", 1)
    with pytest.raises(GteError, match=r"big\.safetensors is larger than 1 MB"):
        Uploads().add("big.safetensors", own)
    assert len(own) > 2**20


def test_the_limit_is_the_server_s_own():
    config = Path(__file__).parents[2] / ".streamlit" / "config.toml"
    assert f"maxUploadSize = {MAX_MEGABYTES}\n" in config.read_text()


@pytest.mark.parametrize("value", ["off", " OFF ", "no", "0", "false", "disabled", ""])
def test_a_server_s_owner_switches_files_from_elsewhere_off(own, foreign, monkeypatch, value):
    monkeypatch.setenv(checkpoints.SWITCH, value)
    assert checkpoints.file_types() == [".safetensors"]
    visit = Uploads()
    with pytest.raises(GteError, match=r"this server accepts no others; .*gte\.convert gst\.pth --to gst\.safetensors"):
        visit.add("gst.pth", foreign)
    assert visit.add("own.safetensors", own) == "yours/own"


def test_the_folder_goes_with_the_visit(own):
    visit = Uploads()
    folder = visit.folder
    visit.add("own.safetensors", own)
    assert folder.is_dir()
    del visit
    gc.collect()
    assert not folder.exists()


def upload(at: AppTest, name: str, content: bytes, number: int = 0) -> AppTest:
    return at.file_uploader(key=f"checkpoint {number}").upload(name, content, "application/octet-stream").run()


def test_an_upload_becomes_the_chosen_checkpoint_and_can_be_removed(two_networks, own):
    at = upload(open_page("library"), "mine.safetensors", own)
    assert not at.exception
    assert not at.error
    assert at.selectbox(key="ckpt").value == "yours/mine"
    assert "a link to this page does not contain it" in at.success[0].value
    assert at.dataframe[0].value["Checkpoint"].tolist() == ["gte-tiny", "c2d-tiny", "yours/mine"]
    at.button[-1].click().run()
    assert not at.exception
    assert at.selectbox(key="ckpt").options == ["gte-tiny", "c2d-tiny"]


def test_an_upload_from_elsewhere_is_said_to_be_one(two_networks, foreign):
    at = upload(open_page("library"), "gst.pth", foreign)
    assert not at.error
    assert "gst.pth is open as yours/gst" in at.success[0].value
    assert [text.value.startswith("gst.pth was recognised as GST's repository") for text in at.info] == [True]


@pytest.mark.parametrize("content", [b"no checkpoint", None])
def test_the_memory_of_an_upload_is_given_back(two_networks, own, monkeypatch, content):
    held = []
    remove = MemoryUploadedFileManager.remove_file

    def watched(manager: MemoryUploadedFileManager, session_id: str, file_id: str) -> None:
        held.append(len(manager.file_storage[session_id]))
        remove(manager, session_id, file_id)
        held.append(len(manager.file_storage[session_id]))

    monkeypatch.setattr(MemoryUploadedFileManager, "remove_file", watched)
    upload(open_page("library"), "mine.safetensors", content or own)
    assert held == [1, 0]


def test_a_file_that_is_refused_leaves_the_page_as_it_was_and_the_next_one_is_taken(two_networks, own):
    at = upload(open_page("library"), "notes.safetensors", b"no checkpoint")
    assert not at.exception
    assert [error.value.startswith("notes.safetensors is no checkpoint") for error in at.error] == [True]
    assert at.selectbox(key="ckpt").options == ["gte-tiny", "c2d-tiny"]
    at = upload(at, "mine.safetensors", own, number=1)
    assert not at.error
    assert at.selectbox(key="ckpt").value == "yours/mine"


def test_another_visit_sees_no_upload_and_a_link_to_one_says_that_it_is_not_here(two_networks, own):
    upload(open_page("library"), "mine.safetensors", own)
    at = open_page("kernels", ckpt="yours/mine")
    assert at.selectbox(key="ckpt").options == ["gte-tiny", "c2d-tiny"]
    assert any("“yours/mine”, which is not here" in text for text in sentences(at))


def test_the_page_says_which_files_it_takes(two_networks, monkeypatch):
    message = " ".join(caption.value for caption in open_page("library").caption)
    assert f"at most {MAX_MEGABYTES} MB; up to {MAX_OPEN} can be open at once" in message
    assert "GST from GST's repository" in message
    monkeypatch.setenv(checkpoints.SWITCH, "off")
    message = " ".join(caption.value for caption in open_page("library").caption)
    assert "does not accept files of other projects" in message
    assert "GST's repository" not in message


def test_the_layouts_are_grouped_by_who_publishes_them():
    labels = ["a: One", "b: One", "a: Two", "b: Two", "b: Three"]
    assert uploads.by_publisher(labels) == ["One and Two from a", "One, Two and Three from b"]


def test_a_file_of_another_type_is_refused_in_a_sentence_and_its_memory_given_back(two_networks, own):
    at = upload(open_page("library"), "mine.safetensors", own)
    assert at.success
    at = upload(at, "wrong.txt", b"hello", number=1)
    assert [error.value for error in at.error] == [
        "wrong.txt is not a checkpoint; choose a file that ends in .safetensors, .pth, .pt, .tar, .ckpt."
    ]
    # The message about the file before has gone.
    assert not at.success
    assert at.selectbox(key="ckpt").value == "yours/mine"


def test_what_is_told_of_an_upload_goes_when_the_reader_does_something_else(two_networks, own):
    at = upload(open_page("library"), "mine.safetensors", own)
    assert at.success
    at.selectbox(key="ckpt").select("c2d-tiny").run()
    assert not at.success
    at.selectbox(key="ckpt").select("yours/mine").run()
    assert not at.success


def test_a_library_without_checkpoints_takes_an_upload(folders, tmp_path):
    path = save_moved(tmp_path / "i3d.safetensors", "i3d", known=True)
    at = upload(open_page("library"), path.name, path.read_bytes())
    assert not at.exception
    assert at.selectbox(key="ckpt").value == "yours/i3d"


def test_networks_of_the_study_come_after_the_few_that_pages_open_on(two_networks):
    study = two_networks[""] / checkpoints.STUDY
    study.mkdir()
    shutil.copy(two_networks[""] / "gte-tiny.safetensors", study / "gte-seed0.safetensors")
    assert list(checkpoints.list_checkpoints()[0]) == ["gte-tiny", "c2d-tiny", "study/gte-seed0"]
