"""Images as frames: each file in the colours and at the times that it states, and each fault with its cause."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gte.data.opencv import cv2
from gte.data.video import images
from gte.data.video.sources import Footage, open_footage, sample_clip
from gte.errors import VideoError
from tests.videos import coded, number_in, write_coded

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def saved(folder: Path, name: str, image: Image.Image, **options: Any) -> Path:
    path = folder / name
    image.save(path, **options)
    return path


def colours(path: Path) -> np.ndarray:
    """The middle of the first frame."""
    [frame] = open_footage(path).read([0])
    return frame[len(frame) // 2, frame.shape[1] // 2]


def bands() -> Image.Image:
    """Red above, green below; wider than high."""
    image = Image.new("RGB", (64, 48), RED)
    image.paste(GREEN, (0, 24, 64, 48))
    return image


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".tif", ".avif", ".gif"])
def test_an_image_of_each_format_is_one_frame_in_rgb(tmp_path, suffix):
    footage = open_footage(saved(tmp_path, f"bands{suffix}", bands()))
    assert (footage.info.num_frames, footage.info.width, footage.info.height, footage.notes) == (1, 64, 48, ())
    [frame] = footage.read([0])
    assert np.abs(frame[8, 32].astype(int) - RED).max() <= 8
    assert np.abs(frame[40, 32].astype(int) - GREEN).max() <= 8
    assert footage.read([0, 0], size=20).shape == (2, 20, 20, 3)


def test_a_jpeg_has_the_pixels_that_opencv_reads(tmp_path):
    path = tmp_path / "noise.jpg"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8))
    [frame] = open_footage(path).read([0])
    reference = cv2.imread(str(path))
    assert reference is not None
    difference = frame.astype(int) - reference[..., ::-1]
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_an_image_that_the_camera_turned_is_upright(tmp_path, suffix):
    exif = Image.Exif()
    exif[0x0112] = 6  # The first row of the file is the right side of the scene.
    footage = open_footage(saved(tmp_path, f"turned{suffix}", bands(), exif=exif))
    assert (footage.info.width, footage.info.height) == (48, 64)
    [frame] = footage.read([0])
    assert frame[32, 40].argmax() == 0
    assert frame[32, 8].argmax() == 1


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 3])
def test_16_bits_are_scaled_to_8(tmp_path, suffix, channels):
    path = tmp_path / f"deep{suffix}"
    cv2.imwrite(str(path), np.full((8, 8, channels), 40_000, np.uint16).squeeze())
    # 40,000 of 65,535 is 155.6 of 255; Pillow cuts the lower byte off where there is colour.
    assert colours(path).tolist() in ([156, 156, 156], [155, 155, 155])


def test_palettes_greys_and_inks_are_colours(tmp_path):
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([*RED, *BLUE])
    assert colours(saved(tmp_path, "palette.png", palette)).tolist() == list(BLUE)
    assert colours(saved(tmp_path, "grey.png", Image.new("L", (8, 8), 77))).tolist() == [77, 77, 77]
    assert colours(saved(tmp_path, "bit.png", Image.new("1", (8, 8), 1))).tolist() == list(WHITE)
    inks = colours(saved(tmp_path, "inks.jpg", Image.new("CMYK", (8, 8), (0, 255, 255, 0))))
    assert np.abs(inks.astype(int) - RED).max() <= 2


@pytest.mark.parametrize(
    ("image", "seen"),
    [
        (Image.new("RGBA", (8, 8), (*BLUE, 0)), WHITE),
        (Image.new("RGBA", (8, 8), (*BLUE, 51)), (204, 204, 255)),
        (Image.new("LA", (8, 8), (0, 0)), WHITE),
        (Image.new("LA", (8, 8), (0, 51)), (204, 204, 204)),
    ],
)
def test_transparent_pixels_are_shown_over_white_which_is_noted(tmp_path, image, seen):
    path = saved(tmp_path, "glass.png", image)
    assert colours(path).tolist() == list(seen)
    assert open_footage(path).notes == ("Transparent pixels are shown over white.",)


def test_a_transparent_colour_of_a_palette_is_white_and_opaque_images_have_no_note(tmp_path):
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([*RED, *BLUE])
    assert colours(saved(tmp_path, "palette.png", palette, transparency=1)).tolist() == list(WHITE)
    assert open_footage(saved(tmp_path, "opaque.png", Image.new("RGBA", (8, 8), (*BLUE, 255)))).notes == ()


# Animations

MILLISECONDS = [50, 120, 80, 200, 100]


def animation(folder: Path, name: str, **options: Any) -> Path:
    frames = [Image.fromarray(coded(number)[..., ::-1].copy()) for number in range(5)]
    if not name.endswith(".tif"):
        options |= {"duration": MILLISECONDS}
    return saved(folder, name, frames[0], save_all=True, append_images=frames[1:], **options)


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png", "a.apng", "a.avif"])
def test_an_animation_has_its_frames_at_the_times_that_it_states(tmp_path, name):
    options = {"format": "PNG"} if name == "a.apng" else {"lossless": True} if name == "a.webp" else {}
    footage = open_footage(animation(tmp_path, name, **options))
    np.testing.assert_allclose(footage.seconds, [0, 0.05, 0.17, 0.25, 0.45])
    assert footage.end == pytest.approx(0.55)
    assert footage.info.fps == pytest.approx(5 / 0.55)
    assert [number_in(frame) for frame in footage.read([4, 0, 3, 3])] == [4, 0, 3, 3]
    assert [frame is not None for frame in footage.glimpses([0, 4], 16)] == [True, True]


def test_the_last_frame_of_an_animation_is_sampled_as_long_as_it_is_shown(tmp_path):
    frames = [Image.fromarray(coded(number)[..., ::-1].copy()) for number in range(10)]
    path = saved(tmp_path, "a.gif", frames[0], save_all=True, append_images=frames[1:], duration=[100] * 9 + [3000])
    # 3.9 s: the centres of four parts are at 0.4875, 1.4625, 2.4375 and 3.4125 s, and the last frame shows from 0.9 s.
    sample = sample_clip(path, 4, 32)
    assert sample.numbers.tolist() == [4, 9, 9, 9]
    assert sample.play_rate == pytest.approx(4 / 3.9)
    assert sample_clip(path, 3, 32, stretch=(1, 9)).numbers.tolist() == [1, 4, 7]


def test_pages_of_a_tiff_are_frames_at_the_assumed_rate(tmp_path):
    footage = open_footage(animation(tmp_path, "stack.tif"))
    assert [number_in(frame) for frame in footage.read(range(5))] == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="frames from 0 to 4; got"):
        footage.read([5])
    assert footage.info.fps == images.IMAGES_FPS


def test_the_still_of_an_animated_png_for_old_programs_is_no_frame(tmp_path):
    footage = open_footage(animation(tmp_path, "still.png", default_image=True))
    assert footage.info.num_frames == 4
    assert [number_in(frame) for frame in footage.read([0, 3])] == [1, 4]


def test_frames_of_a_gif_that_state_no_time_are_shown_as_long_as_browsers_show_them(tmp_path):
    frames = [Image.new("L", (8, 8), 60 * number) for number in range(4)]
    path = saved(tmp_path, "fast.gif", frames[0], save_all=True, append_images=frames[1:], duration=[0, 10, 20, 100])
    np.testing.assert_allclose(open_footage(path).seconds, [0, 0.1, 0.2, 0.22])


def partial_gif(disposal: int) -> bytes:
    """A GIF of a red field, on which each of two further frames paints one pixel blue; its background is green."""
    palette = bytes([*RED, *BLUE, *GREEN, *WHITE])
    frames = [(0, 0, 4, 4, [0] * 16), (0, 0, 1, 1, [1]), (3, 3, 1, 1, [1])]
    content = b"GIF89a" + struct.pack("<HHBBB", 4, 4, 0x81, 2, 0) + palette
    for number, (left, top, width, height, pixels) in enumerate(frames):
        # Codes of three bits, with "clear" before each pixel so that they stay so short; 4 is clear, 5 is the end.
        codes = [code for pixel in pixels for code in (4, pixel)] + [5]
        bits = sum(code << (3 * place) for place, code in enumerate(codes))
        data = bits.to_bytes((3 * len(codes) + 7) // 8, "little")
        content += b"\x21\xf9\x04" + struct.pack("<BHBB", (disposal if number else 1) << 2, 10, 0, 0)
        content += b"\x2c" + struct.pack("<HHHHB", left, top, width, height, 0)
        content += b"\x02" + bytes([len(data)]) + data + b"\x00"
    return content + b";"


@pytest.mark.parametrize(("disposal", "first_pixel"), [(1, BLUE), (2, GREEN), (3, RED)])
def test_frames_of_a_gif_that_state_a_part_are_completed_as_it_says(tmp_path, disposal, first_pixel):
    (tmp_path / "part.gif").write_bytes(partial_gif(disposal))
    first, second, third = open_footage(tmp_path / "part.gif").read([0, 1, 2])
    assert first[0, 0].tolist() == list(RED)
    assert second[0, 0].tolist() == list(BLUE)
    assert second[3, 3].tolist() == list(RED)
    # Kept, in the colour of the background, or as it was before.
    assert third[0, 0].tolist() == list(first_pixel)
    assert third[3, 3].tolist() == list(BLUE)
    assert third[2, 1].tolist() == list(RED)


def test_what_is_left_of_a_cut_animation_is_read_and_noted(tmp_path):
    path = animation(tmp_path, "cut.gif")
    path.write_bytes(path.read_bytes()[: int(0.7 * path.stat().st_size)])
    footage: Footage = open_footage(path)
    count = footage.info.num_frames
    assert 1 <= count < 5
    assert f"The first {count} of" in footage.notes[0]
    assert [number_in(frame) for frame in footage.read(range(count))] == list(range(count))


# Faults


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tif", ".avif", ".gif"])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_half_an_image_is_called_cut(tmp_path, suffix, part):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    path = saved(tmp_path, f"half{suffix}", noise)
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    with pytest.raises(VideoError, match=rf"^half{suffix} is cut short: its end is missing"):
        open_footage(path).read([0])


def test_what_is_no_image_says_so(tmp_path):
    (tmp_path / "text.png").write_bytes(b"no picture, but long enough to be one")
    with pytest.raises(VideoError, match=r"^text.png is not an image: its first bytes are not those of PNG, JPEG"):
        open_footage(tmp_path / "text.png")
    (tmp_path / "empty.jpg").write_bytes(b"")
    with pytest.raises(VideoError, match=r"^empty.jpg is empty"):
        open_footage(tmp_path / "empty.jpg")
    (tmp_path / "text.gif").write_bytes(b"no picture, but long enough to be one")
    with pytest.raises(VideoError, match=r"^text.gif is not an image"):
        open_footage(tmp_path / "text.gif")
    with pytest.raises(VideoError, match=r"missing.png cannot be read \(No such file or directory\)"):
        open_footage(tmp_path / "missing.png")


def test_the_name_of_a_file_does_not_decide_what_it_is(tmp_path):
    renamed = saved(tmp_path, "image.png", bands()).rename(tmp_path / "image.mp4")
    assert colours(renamed).argmax() == 1
    video = write_coded(tmp_path / "video.mp4", "mp4v", 20).rename(tmp_path / "video.jpg")
    assert open_footage(video).info.num_frames == 20


def test_an_image_that_states_more_pixels_than_are_read_gives_one_sentence(tmp_path):
    header = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    body = b"IDAT" + zlib.compress(b"\x00" * 1000)
    content = b"\x89PNG\r\n\x1a\n"
    for chunk in (header, body, b"IEND"):
        content += struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    (tmp_path / "bomb.png").write_bytes(content)
    with pytest.raises(VideoError, match=r"^bomb.png states more than 89 million pixels"):
        open_footage(tmp_path / "bomb.png")


def test_an_animation_of_too_many_pixels_gives_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "MAX_ANIMATION_PIXELS", 5 * 64 * 48 - 1)
    with pytest.raises(VideoError, match=r"a.gif has 5 frames of 64 x 48 pixels"):
        open_footage(animation(tmp_path, "a.gif"))


def test_pixels_of_32_bits_give_one_sentence(tmp_path):
    path = saved(tmp_path, "depth.tif", Image.fromarray(np.full((8, 8), 0.5, np.float32)))
    with pytest.raises(VideoError, match=r"depth.tif cannot be decoded \(its pixels have 32 bits"):
        open_footage(path)


def test_a_damaged_image_is_named_with_the_reason(tmp_path):
    path = saved(
        tmp_path, "scratched.png", Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    )
    content = bytearray(path.read_bytes())
    content[60:80] = bytes(20)
    path.write_bytes(content)
    with pytest.raises(VideoError, match=r"scratched.png cannot be decoded \(broken"):
        open_footage(path)


def test_the_image_of_another_size_is_named(tmp_path):
    for number in range(5):
        size = (32, 20) if number == 3 else (64, 48)
        saved(tmp_path, f"{number}.png", Image.new("RGB", size))
    for numbers in (range(5), [3]):
        with pytest.raises(VideoError, match=r"^3.png has 32 x 20 pixels, others have 64 x 48"):
            open_footage(tmp_path).read(numbers, size=16)
    assert len(open_footage(tmp_path).glimpses(range(5), 16)) == 5


def test_an_overview_goes_on_after_an_image_that_cannot_be_read(tmp_path):
    for number in range(5):
        saved(tmp_path, f"{number}.png", Image.new("RGB", (64, 48)))
    (tmp_path / "2.png").write_bytes((tmp_path / "2.png").read_bytes()[:50])
    seen = open_footage(tmp_path).glimpses([0, 2, 4, 1, 3], 16)
    assert [frame is not None for frame in seen] == [True, False, True, True, True]
    with pytest.raises(VideoError, match=r"^2.png is cut short"):
        open_footage(tmp_path).read([2])


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".avif"])
def test_a_cut_image_is_noted_whether_it_is_shown_or_not(tmp_path, suffix):
    noise = np.random.default_rng(0).integers(0, 256, (5, 48, 64, 3), np.uint8)
    for number in range(5):
        saved(tmp_path, f"{number}{suffix}", Image.fromarray(noise[number]))
    assert open_footage(tmp_path).notes == ()
    for number in (2, 3):
        path = tmp_path / f"{number}{suffix}"
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    footage = open_footage(tmp_path)
    assert footage.notes == (
        f"2 of the 5 images cannot be read. 2{suffix} is cut short: its end is missing; copy it again.",
    )
    assert len(footage.read([0, 1, 4])) == 3


def test_bytes_after_the_end_of_a_jpeg_are_no_fault(tmp_path):
    for number in range(2):
        path = saved(tmp_path, f"{number}.jpg", bands())
        path.write_bytes(path.read_bytes() + b"\x00\xff\xda of the camera")
    assert open_footage(tmp_path).notes == ()


def test_an_animation_among_images_is_no_image(tmp_path):
    for number in range(2):
        animation(tmp_path, f"{number}.webp")
    with pytest.raises(VideoError, match=r"0.webp is an animation of 5 frames, not one image"):
        open_footage(tmp_path)
