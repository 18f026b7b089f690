"""Images as frames of a clip: folders of image files, and zip files of them."""

import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from gte.data.opencv import cv2
from gte.data.sampling import FrameNumbers
from gte.data.video.capture import in_rgb
from gte.data.video.files import VideoInfo
from gte.errors import VideoError

IMAGE_TYPES = (".jpg", ".jpeg", ".png")
IMAGES_FPS = 25.0
"""Assumed frame rate of image files, which state none."""
MAX_IMAGES = 20_000
MAX_UNPACKED_BYTES = 1_000_000_000
"""Of all images of a zip file together."""


@dataclass(frozen=True)
class ImageFootage:
    """A folder of images, in the natural order of their names."""

    files: Sequence[Path]
    info: VideoInfo

    @property
    def seconds(self) -> Float[np.ndarray, " n"]:
        return np.arange(len(self.files)) / self.info.fps

    def read(self, which: FrameNumbers, *, size: int | None = None) -> UInt8[np.ndarray, "t h w 3"]:
        frames = [in_rgb(read_image(self.files[int(number)]), size) for number in which]
        if len({frame.shape for frame in frames}) > 1:
            raise VideoError("The images are not all of one size; resize them first.")
        return np.stack(frames)

    def glimpses(self, which: FrameNumbers, size: int) -> list[UInt8[np.ndarray, "size size 3"] | None]:
        return list(self.read(which, size=size))


def is_image(name: str) -> bool:
    """Return True for the name of an image file that is not hidden."""
    return Path(name).suffix.lower() in IMAGE_TYPES and not Path(name).name.startswith(".")


def images_in(folder: Path) -> list[Path]:
    """Return the image files of a folder in natural order, links excluded."""
    files = [file for file in folder.iterdir() if is_image(file.name) and file.is_file() and not file.is_symlink()]
    return sorted(files, key=lambda file: natural_key(file.name))


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key for natural order: frame9 before frame10."""
    parts = re.findall(r"\d+|\D+", name.casefold())
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts)


def unpack_images(archive: Path, folder: Path) -> None:
    """Write the images of a zip file into an empty folder, under new names, in natural order.

    Raises VideoError if it is no zip file, or holds no images or too many.
    """
    try:
        with zipfile.ZipFile(archive) as packed:
            inside = [item for item in packed.infolist() if is_image(item.filename) and "__MACOSX" not in item.filename]
            inside.sort(key=lambda item: natural_key(item.filename))
            total = sum(item.file_size for item in inside)
            if not inside:
                raise VideoError(
                    f"{archive.name} holds no images; frames are files that end in {', '.join(IMAGE_TYPES)}."
                )
            if len(inside) > MAX_IMAGES or total > MAX_UNPACKED_BYTES:
                raise VideoError(
                    f"{archive.name} holds {len(inside)} images of {total // 1_000_000} MB; at most "
                    f"{MAX_IMAGES} of {MAX_UNPACKED_BYTES // 1_000_000} MB are taken. Give fewer or smaller ones."
                )
            # Names and sizes in the archive are not trusted: none of its paths is used, no more is read than it states.
            for number, item in enumerate(inside):
                suffix = Path(item.filename).suffix.lower()
                with packed.open(item) as source:
                    (folder / f"{number:06d}{suffix}").write_bytes(source.read(item.file_size))
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError) as error:
        raise VideoError(
            f"{archive.name} cannot be unpacked ({error}); pack the images into a new zip file."
        ) from error


def read_image(file: Path) -> UInt8[np.ndarray, "h w 3"]:
    """Return an image in OpenCV's order of colours. Raises VideoError."""
    try:
        content = np.frombuffer(file.read_bytes(), np.uint8)
    except OSError as error:
        raise VideoError(f"{file.name} cannot be read ({error.strerror}); check its permissions.") from error
    image = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
    if image is None:
        raise VideoError(f"{file.name} is no image that can be read here; give JPEG or PNG files.")
    return image
