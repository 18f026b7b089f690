"""Pages for networks that were trained on a folder of videos: odd names, classes of unequal size, no reversed class."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import streamlit as st

from analysis.attribution.sanity_checks.checks import Subject, keep
from analysis.attribution.sanity_checks.deletion_insertion import DeletionInsertion
from analysis.interventions.accuracy import changed_clips
from analysis.interventions.experiments import load_network
from analysis.interventions.layer_ablation import layer_ablation, store_ablation
from app.ablation import labelled_clips
from app.clips import dataset_clip
from app.navigation import LAYER_ABLATION
from app.url_keys import CLIP
from gte.checkpoint_header import read_header
from gte.data import DataOptions, DataReference, label_of, open_labelled
from tests.app.opening import captions, finding, markdown, open_page, sentences, url_of
from tests.gte.data.small_data import SMALL_DATA, small_reference, write_clip
from tests.tiny import save_tiny
from tests.videos import encode_at, numbered

ODD = "Pushing [something] from left to right"
CLASSES = ('"$5" 🎾', ODD, "turning", "waiting")
"""In the order of the data set."""
NUM_TEST = {ODD: 4, '"$5" 🎾': 2, "turning": 1}
"""Test clips; nobody waits in them."""
LENGTHS = (1, 3, 9, 20)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the data set odd-videos; clips have 1 to 20 frames, and the one of turning cannot be read."""
    root = tmp_path_factory.mktemp("videos") / "odd-videos"
    for number, name in enumerate(CLASSES):
        write_clip(root / "train" / name / "a.mp4", number)
        for count in range(NUM_TEST.get(name, 0)):
            write_clip(root / "test" / name / f"{count}.mp4", 10 * number + count, LENGTHS[count])
    (root / "test" / "turning" / "0.mp4").write_bytes(b"no video")
    return root.parent


def reference(*twins: str) -> str:
    return str(DataReference("folder", "odd-videos", DataOptions(twins=twins)))


@pytest.fixture
def trained(folders: dict[str, Path], videos: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A GTE of that data set, which is here and declares no reversed class; returns its reference."""
    monkeypatch.setenv("GTE_DATA", str(videos))
    data = open_labelled(reference())
    assert data.classes == CLASSES
    save_tiny(folders[""] / "gte-odd.safetensors", "gte", dataset=reference(), classes=data.classes, twins=data.twins)
    return reference()


@pytest.fixture
def missing(trained: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same network where its data set is not here."""
    monkeypatch.setenv("GTE_DATA", "")
    return trained


def test_the_clips_of_a_network_s_own_data_set_are_offered_by_class_and_stay_valid_in_a_link(trained):
    at = open_page("evidence", clip=ODD)
    assert not at.exception
    assert not at.error
    assert at.selectbox(key="clip").options == ['"$5" 🎾', ODD, "turning"]
    assert at.selectbox(key="clip").value == ODD
    assert url_of(at)[CLIP.name] == [ODD]
    assert f"True class: “{ODD}”" in finding(at).replace("&quot;", '"')


@pytest.mark.parametrize("page", ["evidence", "whatif"])
def test_a_clip_that_cannot_be_read_is_named_in_one_sentence_and_others_can_be_chosen(trained, page):
    at = open_page(page, clip="turning")
    assert not at.exception
    assert [("0.mp4" in error.value) for error in at.error] == [True]
    at.selectbox(key="clip").set_value(ODD).run()
    assert not at.error
    assert finding(at)


@pytest.mark.parametrize("page", ["evidence", "whatif"])
def test_where_the_data_set_is_not_here_an_upload_is_offered_and_the_folder_is_named(missing, page):
    at = open_page(page)
    assert not at.exception
    assert not at.error
    [note] = [text for text in sentences(at) if "odd-videos" in text]
    assert "GTE\\_DATA" in note or "GTE_DATA" in note
    assert "--data-root" in note
    assert "Upload a clip" in note
    assert [uploader.key for uploader in at.file_uploader] == ["upload"]
    assert "clip" not in [box.key for box in at.selectbox]


def test_an_uploaded_clip_is_explained_where_the_data_set_is_not_here(missing, tmp_path):
    at = open_page("evidence")
    path = write_clip(tmp_path / "mine.mp4", 3, 20)
    at.file_uploader(key="upload").upload("mine.mp4", path.read_bytes(), "video/mp4").run()
    assert not at.exception
    assert not at.error
    assert at.selectbox(key="clip").options == ["Yours: mine.mp4"]
    assert finding(at)
    assert any("Its clips are not here" in text for text in sentences(at))
    assert not any("MotionPairs" in text for text in sentences(at))


def test_without_labelled_clips_no_layer_is_tested_and_the_page_says_what_it_needs(missing):
    at = open_page("whatif", experiment=LAYER_ABLATION)
    assert not at.error
    [note] = sentences(at)
    assert note.startswith("Whether a layer matters is measured on labelled clips.")
    assert "odd-videos" in note
    assert "test_clips" not in [box.key for box in at.selectbox]


def test_the_reach_is_not_measured_on_the_clips_of_another_data_set(missing):
    at = open_page("kernels", view="Reach")
    assert not at.exception
    [note] = [text for text in sentences(at) if "odd-videos" in text]
    assert note.startswith("The reach of gte-odd is measured on clips.")


def test_experiments_take_all_labelled_clips_where_there_are_fewer_than_usual(trained):
    at = open_page("whatif", experiment=LAYER_ABLATION)
    assert at.selectbox(key="test_clips").options == ["7"]


def test_no_reversed_class_is_claimed_where_none_is_declared(trained):
    at = open_page("whatif", clip=ODD)
    assert not at.exception
    assert "reversed class" not in finding(at)
    assert "reversed class" not in captions(at)


def test_a_moving_object_is_not_looked_for_in_clips_without_masks(trained):
    at = open_page("evidence", clip=ODD, view="Can you trust it?")
    assert not at.exception
    chips = {button.label for button in at.button if str(button.key).startswith("chip ")}
    assert "Moving object: cannot be run" in chips
    text = "Cannot be run: the pixels of the moving object are known for MotionPairs alone"
    assert text in markdown(at)


def test_results_that_ship_with_a_checkpoint_are_shown_where_the_data_set_is_not_here(folders, tmp_path, monkeypatch):
    for name in ("pull", "push"):
        write_clip(tmp_path / "pairs" / "train" / name / "a.mp4", 0)
        write_clip(tmp_path / "pairs" / "test" / name / "a.mp4", 1)
    monkeypatch.setenv("GTE_DATA", str(tmp_path))
    path = folders[""] / "gte-odd.safetensors"
    save_tiny(path, "gte", dataset="folder:pairs", classes=("pull", "push"), twins=(-1, -1))
    header = read_header(path)
    clips = labelled_clips(header)
    assert clips.num_clips == 2
    table = layer_ablation(load_network("gte-odd", str(path)), None, clips)
    store_ablation(path, table, clips, shipped=True)
    subject = Subject(header=header, method="gradcam", layer="layer1.1")
    maps = np.random.default_rng(0).random((14, 24, 2, 7))
    keep("deletion", subject, DeletionInsertion(shares=(0.0, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0), probabilities=maps))
    monkeypatch.setenv("GTE_DATA", "")
    at = open_page("whatif", experiment=LAYER_ABLATION, layer="layer1.0")
    assert not at.error
    assert finding(at).startswith('<p class="finding">layer1.0: ')
    assert "This result was stored for the checkpoint." in captions(at)
    at = open_page("evidence")
    assert not at.error
    assert "Stored tests of the evidence of gte-odd" in [header.value for header in at.subheader]


@pytest.mark.parametrize("names", [("alone",), tuple(f"Turning [something] {number} over" for number in range(174))])
def test_one_class_and_174_classes_are_listed_and_drawn(folders, tmp_path, monkeypatch, names):
    for number, name in enumerate(names):
        for split in ("train", "test"):
            folder = tmp_path / "many" / split / name
            folder.mkdir(parents=True)
            if split == "train" or number % 50 == 0:
                shutil.copy(still(tmp_path), folder / "a.webm")
    monkeypatch.setenv("GTE_DATA", str(tmp_path))
    data = open_labelled("folder:many")
    assert len(data.classes) == len(names)
    save_tiny(folders[""] / "gte-many.safetensors", "gte", dataset=data.name, classes=data.classes, twins=data.twins)
    for page in ("evidence", "whatif", "kernels"):
        at = open_page(page)
        assert not at.exception
        assert not at.error
        assert finding(at)
    at = open_page("evidence")
    assert len(at.selectbox(key="class").options) == 1 + len(names)
    assert len(at.selectbox(key="clip").options) == len(data)


def still(folder: Path) -> Path:
    """A video of two frames."""
    return folder / "still.webm" if (folder / "still.webm").exists() else write_clip(folder / "still.webm", 0, 2)


@pytest.mark.parametrize("name", SMALL_DATA)
def test_evidence_and_what_if_open_on_a_clip_of_every_data_set(folders, small_data, name):
    data = open_labelled(small_reference(name, small_data))
    save_tiny(folders[""] / "gte-own.safetensors", "gte", dataset=data.name, classes=data.classes, twins=data.twins)
    for page in ("evidence", "whatif"):
        at = open_page(page)
        assert not at.exception
        assert not at.error
        assert at.selectbox(key="clip").value in data.classes
        assert "gte-own" in finding(at)
        assert not any("not here" in text for text in sentences(at))
    assert label_of(data.name) in captions(at)


def test_clips_without_files_are_left_out_of_experiments_and_counted(folders, tmp_path, monkeypatch):
    root = tmp_path / "listed"
    rows = ["path,label,split"]
    for label in (0, 1):
        for number in range(3):
            rows.append(f"{label}-{number}.mp4,{label},{'train' if number == 2 else 'val'}")
            if number or label:
                write_clip(root / f"{label}-{number}.mp4", number)
    (root / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    monkeypatch.setenv("GTE_DATA", str(tmp_path))
    data = open_labelled("list:listed")
    assert (len(data), len(data.present)) == (4, 3)
    path = folders[""] / "gte-own.safetensors"
    save_tiny(path, "gte", dataset=data.name, classes=data.classes, twins=data.twins)
    at = open_page("whatif")
    assert not at.error
    note = (
        "3 validation clips of listed, 1 to 2 per class: one clip is 33 %. Left out of all 4, because their file is "
        "not here: 1."
    )
    assert note in captions(at)
    clips = labelled_clips(read_header(path))
    assert sorted(clips.labels().tolist()) == [0, 1, 1]
    assert sum(len(batch) for batch in clips.batches()) == 3
    table = changed_clips((0, 0, 0), (1, 1, 1), clips)
    assert set(table["Clip"]) <= {"0-1.mp4", "1-0.mp4", "1-1.mp4"}
    for file in root.glob("*.mp4"):
        file.unlink()
    st.cache_resource.clear()
    shutil.move(root, root.with_name("moved"))
    shutil.copytree(root.with_name("moved"), root)
    at = open_page("evidence")
    assert not at.error
    assert any("none of the files of its clips" in text for text in sentences(at))


def test_classes_whose_names_hold_slashes_are_offered_linked_and_asked_about(folders, tmp_path, monkeypatch):
    classes = ("../up/down", "left/right\\n", "C:/stay")
    rows = ["path,label,split"]
    for number, name in enumerate(classes):
        rows += [f"{number}.mp4,{name},train", f"{number}.mp4,{name},val"]
        write_clip(tmp_path / "slashes" / f"{number}.mp4", 9 * number)
    (tmp_path / "slashes" / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    monkeypatch.setenv("GTE_DATA", str(tmp_path))
    data = open_labelled("list:slashes")
    assert data.classes == tuple(sorted(classes))
    save_tiny(folders[""] / "gte-own.safetensors", "gte", dataset=data.name, classes=data.classes, twins=(1, 0, -1))
    for page in ("evidence", "whatif"):
        at = open_page(page, clip="left/right\\n")
        assert not at.exception
        assert not at.error
        assert at.selectbox(key="clip").options == list(data.classes)
        assert url_of(at)[CLIP.name] == ["left/right\\n"]
    at = open_page("evidence", clip="../up/down", **{"class": "C:/stay"})
    assert not at.error
    assert at.selectbox(key="class").value == "C:/stay"
    assert "C:/stay" in finding(at)


@pytest.mark.parametrize("page", ["evidence", "whatif"])
def test_a_clip_of_a_variable_frame_rate_is_taken_by_its_times(folders, tmp_path, monkeypatch, page):
    tenths = [0, 1, 2, 3, 4, 5, 6, 7, 8, 20, 40, 60]
    for name in ("pull", "push"):
        write_clip(tmp_path / "uneven" / "train" / name / "a.mp4", 0)
    path = tmp_path / "uneven" / "test" / "push" / "a.mp4"
    path.parent.mkdir(parents=True)
    encode_at(path, "libx264", numbered(len(tenths)), tenths)
    monkeypatch.setenv("GTE_DATA", str(tmp_path))
    data = open_labelled("folder:uneven")
    save_tiny(folders[""] / "gte-own.safetensors", "gte", dataset=data.name, classes=data.classes, twins=data.twins)
    at = open_page(page)
    assert not at.exception
    assert not at.error
    assert "gte-own" in finding(at)
    assert "e+" not in captions(at)
    # Those that show at 1, 3, 5 and 7 of 8 seconds: by their numbers they would be 1, 4, 7 and 10.
    assert dataset_clip(data.name, 0, 4, 32).indices.tolist() == [8, 9, 10, 11]
