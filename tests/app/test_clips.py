"""What a clip is cut from: what a link may name, what a reader drops, a stretch, and evidence as files."""

import io
import re
import zipfile

import numpy as np
import pytest
import streamlit as st
from PIL import Image

from app import clips
from gte.data.opencv import cv2
from gte.data.video import archives, reading, writing
from gte.data.video.sources import Stretch
from gte.files import stamp
from tests.app.opening import finding, open_page, sentences, url_of
from tests.videos import write_coded, zero


def write_video(path, count=12):
    frames = np.random.default_rng(0).integers(0, 256, (count, 40, 40, 3), dtype=np.uint8)
    writing.write_video(path, frames, fps=6)
    return path


def png(value):
    return cv2.imencode(".png", np.full((32, 32, 3), value, np.uint8))[1].tobytes()


@pytest.fixture
def allowed_folder(tmp_path, monkeypatch):
    """A folder that the server's owner allows: a video, a folder of pictures, and links that lead out of it."""
    folder = tmp_path / "mine"
    (folder / "walk").mkdir(parents=True)
    write_video(folder / "ball 10.webm")
    write_video(folder / "ball 9.webm")
    for number in range(11):
        (folder / "walk" / f"{number}.png").write_bytes(png(20 * number))
    secret = write_video(tmp_path / "secret.webm")
    (folder / "linked.webm").symlink_to(secret)
    outside = tmp_path / "outside"
    outside.mkdir()
    write_video(outside / "other.webm")
    (folder / "linked folder").symlink_to(outside, target_is_directory=True)
    (folder / ".hidden.webm").write_bytes(b"x")
    (folder / "notes.txt").write_text("x")
    monkeypatch.setenv(clips.FOLDERS_VARIABLE, str(folder))
    st.cache_data.clear()
    return folder


def test_videos_and_folders_of_pictures_of_an_allowed_folder_are_listed_and_links_are_not(allowed_folder):
    assert list(clips.in_folders()) == ["mine/ball 9.webm", "mine/ball 10.webm", "mine/walk"]


@pytest.mark.parametrize("name", ["film.webm", "film.m2ts", "film.WMV"])
def test_one_image_hides_no_videos_of_its_folder(allowed_folder, name):
    (allowed_folder / "films").mkdir()
    (allowed_folder / "films" / "cover.jpg").write_bytes(png(0))
    (allowed_folder / "films" / name).write_bytes(b"x")
    assert [clip for clip in clips.in_folders() if "films" in clip] == [f"mine/films/{name}"]
    (allowed_folder / "films" / "cover2.jpg").write_bytes(png(0))
    st.cache_data.clear()
    assert [clip for clip in clips.in_folders() if "films" in clip] == ["mine/films", f"mine/films/{name}"]


def test_a_link_names_an_allowed_clip_and_a_stretch_of_it(two_networks, allowed_folder):
    at = open_page("evidence", clip="mine/walk", stretch="5-8")
    assert not at.exception
    assert not at.error
    assert at.selectbox(key="clip").value == "mine/walk"
    assert any("Frames 5–8 of 11" in text.value for text in at.caption)
    assert any("recognise" in text for text in sentences(at))


@pytest.mark.parametrize("name", ["../secret.webm", "mine/../secret.webm", "mine/linked.webm", "/etc/passwd"])
def test_no_link_reaches_what_is_not_listed(two_networks, allowed_folder, name):
    at = open_page("evidence", clip=name)
    assert not at.exception
    assert at.selectbox(key="clip").value == "moves left"
    assert any("which is not here" in text for text in sentences(at))


def test_a_stretch_that_the_clip_does_not_have_is_told(two_networks):
    at = open_page("evidence", stretch="20-30")
    assert any("the stretch of the clip “20-30”" in text for text in sentences(at))
    assert any("Frames 1–24 of 24" in text.value for text in at.caption)


def test_where_a_long_video_is_damaged_another_stretch_can_still_be_chosen(two_networks, allowed_folder, monkeypatch):
    monkeypatch.setattr(reading, "MAX_SHORT_PIXELS", 1)
    zero(write_coded(allowed_folder / "ball 11.mp4", "mp4v", 900), 0.4, 0.6)
    st.cache_data.clear()
    at = open_page("evidence", clip="mine/ball 11.mp4", stretch="580-640")
    assert not at.exception
    [error] = at.error
    assert error.value.startswith("mine/ball 11.mp4 is damaged at frame 58")
    # The whole of it is still seen, and the slider is there.
    assert [element for element in at.get("html") if 'class="whole"' in element.proto.body]
    at.slider[0].set_value((1, 300)).run()
    assert not at.exception
    assert not at.error


def test_the_slider_cuts_and_another_clip_is_whole_again(two_networks):
    at = open_page("evidence")
    at.slider[0].set_value((5, 12)).run()
    assert any("Frames 5–12 of 24" in text.value for text in at.caption)
    assert url_of(at)["stretch"] == ["5-12"]
    at.selectbox(key="clip").set_value("turns clockwise").run()
    assert not at.exception
    assert any("Frames 1–24 of 24" in text.value for text in at.caption)


def test_pictures_and_a_zip_of_them_become_the_clip_in_their_natural_order(two_networks, tmp_path):
    at = open_page("evidence")
    files = [(f"frame{number}.png", png(20 * number), "image/png") for number in (10, 9, 1, 2)]
    at.file_uploader(key="upload").set_value(files).run()
    assert not at.exception
    assert not at.error
    assert any("Frames 1–4 of 4" in text.value for text in at.caption)
    archive = tmp_path / "frames.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for number in range(12):
            packed.writestr(f"f{number}.png", png(20 * number))
    files = [("frames.zip", archive.read_bytes(), "application/zip")]
    at.file_uploader(key="upload").set_value(files).run()
    assert not at.error
    assert any("Frames 1–12 of 12" in text.value for text in at.caption)
    changed = open_page("whatif")
    changed.file_uploader(key="upload").set_value(files).run()
    assert changed.code
    assert all("name='frames.zip'" in code.value for code in changed.code)


def test_a_broken_picture_is_told_by_the_name_or_the_place_that_the_reader_knows(two_networks):
    at = open_page("evidence")
    at.file_uploader(key="upload").set_value([("sun.png", b"no picture", "image/png")]).run()
    [error] = at.error
    assert error.value.startswith("sun.png is not an image: its first bytes")
    files = [("1.png", png(20), "image/png"), ("2.png", b"no picture", "image/png")]
    at.file_uploader(key="upload").set_value(files).run()
    assert not at.exception
    [error] = at.error
    assert error.value.startswith("2.png in 2 images is not an image")


def packed(names):
    """A zip file of grey images, brighter from one to the next."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for number, name in enumerate(names):
            archive.writestr(name, png(5 * number))
    return content.getvalue()


RAW_FRAMES = [f"{stem}_{number:05}.png" for stem in ("flow_x", "flow_y", "img") for number in range(4)]


def test_flow_beside_the_frames_is_left_out_and_the_page_says_so(two_networks):
    at = open_page("evidence")
    at.file_uploader(key="upload").set_value([("raw.zip", packed(RAW_FRAMES), "application/zip")]).run()
    assert not at.exception
    assert not at.error
    assert any("Frames 1–4 of 4" in text.value for text in at.caption)
    assert "These are the 4 images of “img”; left out: “flow_x”, “flow_y”." in [text.value for text in at.caption]
    assert at.selectbox(key="sequence").value == "img"
    assert at.selectbox(key="sequence").options == ["flow_x · 4 images", "flow_y · 4 images", "img · 4 images"]
    # The same images without an archive.
    files = [(name, png(5 * number), "image/png") for number, name in enumerate(RAW_FRAMES)]
    at.file_uploader(key="upload").set_value(files).run()
    assert at.selectbox(key="sequence").value == "img"
    assert any("Frames 1–4 of 4" in text.value for text in at.caption)


@pytest.mark.parametrize("page", ["evidence", "whatif"])
def test_one_of_several_sequences_is_chosen_on_the_page_and_by_a_link(two_networks, allowed_folder, page):
    names = [f"{video}/{number:03}.png" for video in ("jump", "run") for number in range(5 if video == "jump" else 7)]
    (allowed_folder / "two.zip").write_bytes(packed(names))
    st.cache_data.clear()
    at = open_page(page, clip="mine/two.zip")
    assert not at.exception
    assert not at.error
    assert at.selectbox(key="sequence").value == "jump"
    assert len(at.slider[0].value) == 2
    assert at.slider[0].max == 5
    at.selectbox(key="sequence").set_value("run").run()
    assert not at.exception
    assert at.slider[0].max == 7
    assert url_of(at)["sequence"] == ["run"]
    linked = open_page(page, clip="mine/two.zip", sequence="run", stretch="2-6")
    assert linked.slider[0].value == (2, 6)
    unknown = open_page(page, clip="mine/two.zip", sequence="fly")
    assert unknown.selectbox(key="sequence").value == "jump"
    assert any("the sequence of images “fly”, which is not here" in text for text in sentences(unknown))
    if page == "whatif":
        assert any("sequence='run'" in code.value for code in linked.code)


def test_sequences_of_an_allowed_folder_are_offered(two_networks, allowed_folder):
    for number in range(3):
        (allowed_folder / "walk" / f"depth_{number}.png").write_bytes(png(0))
    st.cache_data.clear()
    at = open_page("evidence", clip="mine/walk")
    assert at.selectbox(key="sequence").options == [". · 11 images", "depth · 3 images"]
    assert at.selectbox(key="sequence").value == "."


def test_a_folder_of_too_many_files_says_so_where_it_is_chosen_and_nowhere_else(
    two_networks, allowed_folder, monkeypatch
):
    monkeypatch.setattr(archives, "MAX_FILES", 5)
    at = open_page("evidence")
    assert "mine/walk" in at.selectbox(key="clip").options
    assert not at.error
    chosen = open_page("evidence", clip="mine/walk")
    assert not chosen.exception
    assert [error.value for error in chosen.error] == ["mine/walk holds more than 5 files; give a part of them."]


def test_notes_call_an_upload_by_the_name_that_the_reader_knows(two_networks):
    content = io.BytesIO()
    images = [Image.fromarray(np.full((32, 32, 3), 20 * number, np.uint8)) for number in range(9)]
    images[0].save(content, "GIF", save_all=True, append_images=images[1:], duration=100)
    at = open_page("evidence")
    cut = content.getvalue()[: len(content.getvalue()) // 2]
    at.file_uploader(key="upload").set_value([("ball.gif", cut, "image/gif")]).run()
    assert not at.exception
    assert not at.error
    assert any(
        re.match(r"The first \d of the \d frames that ball\.gif states can be read\.", text.value)
        for text in at.caption
    )
    archive = packed([f"{number}.png" for number in range(4)]).replace(png(10), png(10)[:-5] + b"wrong")
    at.file_uploader(key="upload").set_value([("grey.zip", archive, "application/zip")]).run()
    assert "1 of the 4 images cannot be read. grey.zip cannot be unpacked (Bad CRC-32" in " ".join(
        text.value for text in at.caption
    )


def test_an_archive_that_cannot_be_read_is_refused_in_one_sentence(two_networks):
    at = open_page("evidence")
    at.file_uploader(key="upload").set_value([("broken.zip", b"no archive", "application/zip")]).run()
    assert not at.exception
    assert at.selectbox(key="clip").value == "moves left"
    assert at.error[0].value.startswith("broken.zip cannot be unpacked (File is not a zip file)")
    at.file_uploader(key="upload").set_value([("docs.zip", packed(["a.txt"]), "application/zip")]).run()
    assert at.error[0].value.startswith("docs.zip holds no images (links and hidden files are left out), but files")


def test_images_of_one_name_from_several_folders_are_several_sequences(two_networks):
    files = [(f"{number}.png", png(9 * number), "image/png") for number in (1, 2, 3)] * 2
    at = open_page("evidence")
    at.file_uploader(key="upload").set_value(files).run()
    assert not at.exception
    assert at.selectbox(key="sequence").options == [". · 3 images", "again · 3 images"]


@pytest.mark.parametrize("count", [1, 3, 40])
def test_the_small_pictures_of_the_whole_keep_their_shape_however_few_frames_there_are(tmp_path, count):
    path = write_video(tmp_path / "few.webm", count=count)
    whole = clips.thumbnails(clips.VideoSource(name="few.webm", path=path, identity=(stamp(path),)))
    assert whole.shape == (clips.THUMBNAIL_HEIGHT, clips.THUMBNAILS * clips.THUMBNAIL_HEIGHT, 3)
    pictures = {part.tobytes() for part in np.split(whole, clips.THUMBNAILS, axis=1)}
    assert len(pictures) == min(count, clips.THUMBNAILS)


def test_two_videos_at_once_give_one_sentence(two_networks, tmp_path):
    content = write_video(tmp_path / "a.webm").read_bytes()
    at = open_page("evidence")
    at.file_uploader(key="upload").set_value(
        [("a.webm", content, "video/webm"), ("b.webm", content, "video/webm")]
    ).run()
    assert not at.exception
    assert any(error.value.startswith("Upload one video") for error in at.error)


def test_a_reversed_stretch_names_its_frames_backwards(two_networks):
    source = clips.DatasetSource(name="moves left", dataset="motionpairs", index=0, knows_label=True)
    forwards = source.clip(Stretch(4, 19), 8, 32, backwards=False)
    backwards = source.clip(Stretch(4, 19), 8, 32, backwards=True)
    assert forwards.indices.tolist() == Stretch(4, 19).sample(8).tolist()
    assert backwards.indices.tolist() == forwards.indices.tolist()[::-1]
    assert np.array_equal(backwards.frames, source.read(backwards.indices, 32))


def test_a_class_is_asked_about_rather_than_another_and_never_rather_than_itself(two_networks):
    at = open_page("evidence", **{"class": "moves up", "against": "moves down"})
    assert "For “moves up” rather than “moves down”" in finding(at)
    at.selectbox(key="against").set_value("moves up").run()
    assert not at.exception
    assert any("nothing to contrast it with" in text for text in sentences(at))


def test_the_tab_of_space_and_time_opens_by_a_link(two_networks):
    at = open_page("evidence", view="Space-time")
    assert not at.exception
    assert not at.error
    assert any("evidence" in text.value and "width" in text.value for text in at.markdown)
