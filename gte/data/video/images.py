"""Images as frames of a clip: a still, an animation, or a sequence in a folder or archive."""

import io
import re
import struct
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from jaxtyping import Float, UInt8
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from gte.data.sampling import FrameNumbers, is_constant_rate
from gte.data.video.archives import PackedFile, read_files
from gte.data.video.drawing import middle_square
from gte.data.video.reading import VARIABLE_RATE, VideoInfo
from gte.errors import VideoError

IMAGES_FPS = 25.0
"""Assumed frame rate of image files, which state none."""
MAX_PIXELS = 89_000_000
"""Of one image: 267 MB in RGB. Above 89.5 million Pillow itself warns."""
MAX_ANIMATION_PIXELS = 20_000_000_000
"""Of all frames of an animation: about a minute of decoding."""
MAX_CHECKED_BYTES = 100_000_000
"""Of a sequence whose files are looked at when it is opened: half a second."""
BACKGROUND = "white"
"""Seen through transparent pixels, as on a white page."""
BRIEF_MILLISECONDS = 10
"""Frames of animations that state at most this are shown for TYPICAL_MILLISECONDS, as browsers do."""
TYPICAL_MILLISECONDS = 100
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "AVIF", "GIF")
ANIMATED = ("PNG", "WEBP", "AVIF", "GIF", "TIFF")
"""Formats whose further images are frames; those of a JPEG (MPO) are previews or other views."""
Item = TypeVar("Item")
Result = TypeVar("Result")
_ORIENTATION = ExifTags.Base.Orientation
_SIGNATURE = re.compile(
    rb"\x89PNG|\xff\xd8\xff|GIF8|RIFF.{4}WEBP|BM|II\*\0|MM\0\*|.{4}ftyp(?:avif|avis|mif1|miaf)", re.DOTALL
)
_UNDECODABLE = (OSError, SyntaxError, ValueError, TypeError, EOFError, IndexError, KeyError, RuntimeError, struct.error)
"""What Pillow raises for damaged files."""


@dataclass(frozen=True)
class ImageFootage:
    """Image files of one size, or the frames of one animation."""

    place: Path
    """The folder or archive of the files, or the file itself."""
    files: Sequence[PackedFile]
    """One for each frame, or one for all."""
    info: VideoInfo
    seconds: Float[np.ndarray, " n"]
    notes: tuple[str, ...] = ()
    end: float | None = None
    """Time at which the last frame ends."""

    def read(self, which: FrameNumbers, *, size: int | None = None) -> UInt8[np.ndarray, "t h w 3"]:
        """Return frames in RGB, transparent pixels over BACKGROUND; with `size` their middle squares.

        Raises VideoError if one cannot be read or has another size than the others; ValueError for no number, or one
        that is no frame's.
        """
        numbers = sorted({int(number) for number in which})
        if not numbers or numbers[0] < 0 or numbers[-1] >= self.info.num_frames:
            raise ValueError(f"Ask for frames from 0 to {self.info.num_frames - 1}; got {list(which)}.")
        frames, sizes = {}, {}
        for number, frame in zip(numbers, self._decode(numbers), strict=True):
            frames[number] = frame if size is None else middle_square(frame, size)
            sizes[number] = frame.shape[1], frame.shape[0]
        usual = Counter([(self.info.width, self.info.height), *sizes.values()]).most_common(1)[0][0]
        for number, (width, height) in sizes.items():
            if (width, height) != usual:
                raise VideoError(
                    f"{self._name(number)} has {width} x {height} pixels, others have {usual[0]} x {usual[1]}; "
                    "give images of one size."
                )
        return np.stack([frames[int(number)] for number in which])

    def glimpses(self, which: FrameNumbers, size: int) -> list[UInt8[np.ndarray, "size size 3"] | None]:
        """Return the middle squares of frames, None for those that cannot be read."""
        found = dict(_despite_errors(sorted({int(number) for number in which}), self._decode))
        frames = {
            number: middle_square(frame, size) for number, frame in found.items() if isinstance(frame, np.ndarray)
        }
        return [frames.get(int(number)) for number in which]

    def _decode(self, numbers: Sequence[int]) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        if len(self.files) == 1:
            [content] = read_files(self.place, self.files)
            with _opened(_known_name(self.place, self.files[0]), content) as image:
                for number in numbers:
                    image.seek(_first(image) + number)
                    yield _in_rgb(image)
            return
        files = [self.files[number] for number in numbers]
        for file, content in zip(files, read_files(self.place, files), strict=True):
            with _opened(_known_name(self.place, file), content) as image:
                yield _in_rgb(image)

    def _name(self, number: int) -> str:
        if len(self.files) == 1:
            return f"Frame {1 + number} of {_known_name(self.place, self.files[0])}"
        return _known_name(self.place, self.files[number])


def open_images(place: Path, files: Sequence[PackedFile] = (), notes: Iterable[str] = ()) -> ImageFootage:
    """Open image files as frames of a clip, at IMAGES_FPS; a single one may be an animation with its own times.

    `place` is their folder or archive, or the file itself. Raises VideoError if the first one is no image.
    """
    files = files or [PackedFile(place.name, place.stat().st_size if place.exists() else 0, place)]
    name = _known_name(place, files[0])
    durations: list[float] = []
    transparent = False
    [content] = read_files(place, files[:1])
    with _opened(name, content) as image:
        count = _count(image)
        if count * image.width * image.height > MAX_ANIMATION_PIXELS:
            raise VideoError(f"{name} has {count} frames of {image.width} x {image.height} pixels; give a shorter one.")
        if len(files) > 1 and count > 1:
            raise VideoError(f"{name} is an animation of {count} frames, not one image; give it alone.")
        height, width, _ = _in_rgb(image).shape
        for number in range(count):
            try:
                image.seek(_first(image) + number)
                image.load()
            except _UNDECODABLE:
                if not durations:
                    raise
                break
            stated = image.info.get("duration") or 0
            durations.append(stated if stated > BRIEF_MILLISECONDS else TYPICAL_MILLISECONDS)
            transparent = transparent or _has_transparent_pixels(image)
        has_times = image.format != "TIFF" and count > 1
    notes = list(notes)
    if (
        len(files) > 1
        and sum(file.size for file in files) <= MAX_CHECKED_BYTES
        and (faults := [*_faults(place, files)])
    ):
        notes.append(f"{len(faults)} of the {len(files)} images cannot be read. {faults[0]}")
    if len(durations) < count:
        notes.append(f"The first {len(durations)} of the {count} frames that {name} states can be read.")
    if transparent:
        notes.append(f"Transparent pixels are shown over {BACKGROUND}.")
    num_frames = max(len(files), len(durations))
    if not has_times:
        durations = [1000 / IMAGES_FPS] * num_frames
    seconds = np.cumsum([0, *durations]) / 1000
    if not is_constant_rate(seconds):
        notes.append(VARIABLE_RATE)
    info = VideoInfo(num_frames, num_frames / float(seconds[-1]), width, height)
    return ImageFootage(place, files, info, seconds[:-1], tuple(notes), float(seconds[-1]))


def _faults(place: Path, files: Sequence[PackedFile]) -> Iterator[str]:
    """Yield the errors of images of a sequence that are no images, are cut or cannot be unpacked."""
    for file, content in _despite_errors(files, partial(read_files, place)):
        try:
            if isinstance(content, VideoError):
                raise content
            if not _SIGNATURE.match(content) or _ends_early(content):
                with _opened(_known_name(place, file), content) as image:
                    image.load()
        except VideoError as error:
            yield str(error)


def _despite_errors(
    items: Sequence[Item], produce: Callable[[Sequence[Item]], Iterator[Result]]
) -> Iterator[tuple[Item, Result | VideoError]]:
    """Yield each item with what `produce` yields for it, or with its error, after which the other items go on."""
    waiting = list(items)
    while waiting:
        try:
            for result in produce(tuple(waiting)):
                yield waiting.pop(0), result
        except VideoError as error:
            yield waiting.pop(0), error


def begins_as_image(path: Path) -> bool:
    """Return True for a file whose first bytes are those of an image, whatever its name."""
    try:
        with path.open("rb") as file:
            return _SIGNATURE.match(file.read(16)) is not None
    except OSError:
        return False


def _known_name(place: Path, file: PackedFile) -> str:
    return f"{file.name} in {place.name}" if place.is_file() and place.name != file.name else file.name


def _first(image: Image.Image) -> int:
    """The place of the first frame: an animated PNG may begin with an image for programs that show only one."""
    return 1 if getattr(image, "default_image", False) else 0


def _count(image: Image.Image) -> int:
    return getattr(image, "n_frames", 1) - _first(image) if image.format in ANIMATED else 1


def _has_transparent_pixels(image: Image.Image) -> bool:
    return image.has_transparency_data and bool((np.asarray(image.convert("RGBA").getchannel("A")) < 255).any())


def _in_rgb(image: Image.Image) -> UInt8[np.ndarray, "h w 3"]:
    """Return an image upright in RGB. Raises ValueError for a mode that has no colours here."""
    # Large images are copied no more than needed.
    upright = ImageOps.exif_transpose(image) if image.getexif().get(_ORIENTATION, 1) != 1 else image
    if upright.mode in ("I", "F"):
        raise ValueError("its pixels have 32 bits, whose range it does not state")
    if upright.mode.startswith("I;16"):
        grey = (np.asarray(upright).astype(np.float32) / 257).round().astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=-1)
    if upright.has_transparency_data:
        upright = upright.convert("RGBA")
        upright = Image.alpha_composite(Image.new("RGBA", upright.size, BACKGROUND), upright)
    return np.asarray(upright if upright.mode == "RGB" else upright.convert("RGB"))


@contextmanager
def _opened(name: str, content: bytes) -> Iterator[Image.Image]:
    """Open an image for the block, and raise VideoError with the cause of what fails there."""
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise Image.DecompressionBombError
            yield image
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise VideoError(
            f"{name} states more than {MAX_PIXELS // 1_000_000} million pixels, the most that are read; "
            "give a smaller image."
        ) from error
    except _UNDECODABLE as error:
        raise VideoError(f"{name} {_cause(content, error)}") from error


def _cause(content: bytes, error: Exception) -> str:
    """Why an image cannot be read, from its content and from Pillow's error."""
    if not content:
        return "is empty: it has 0 bytes."
    if not _SIGNATURE.match(content):
        return f"is not an image: its first bytes are not those of {', '.join(FORMATS)}."
    if "truncat" in str(error).lower() or _ends_early(content):
        return "is cut short: its end is missing; copy it again."
    reason = "its header is damaged" if isinstance(error, UnidentifiedImageError) else error
    return f"cannot be decoded ({reason}); save it again as PNG."


def _ends_early(content: bytes) -> bool:
    """Return True if a file has fewer bytes than it states, or lacks the mark at its end."""
    if content.startswith(b"\xff\xd8"):
        # After the last start of a scan comes the end of the image.
        return content.rfind(b"\xff\xd9") < content.rfind(b"\xff\xda")
    match content[:4], content[4:8]:
        case b"RIFF", size:
            return 8 + int.from_bytes(size, "little") > len(content)
        case b"\x89PNG", _:
            return b"IEND" not in content[-16:]
        case b"GIF8", _:
            return not content.endswith(b";")
        case _, b"ftyp":
            end = 0
            while end + 8 <= len(content):
                end += max(8, int.from_bytes(content[end : end + 4], "big"))
            return end > len(content)
        case _:
            return False
