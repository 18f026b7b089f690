"""Clips, and their sources: test clips of a data set, files that the server's owner allows, and a visitor's upload.

A link carries a name that is looked up in the list of sources; it never becomes a path.
"""

import hashlib
import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import streamlit as st
from jaxtyping import Float, Int, UInt8
from streamlit.runtime.uploaded_file_manager import UploadedFile

from gte.checkpoint_header import CheckpointHeader
from gte.data import DATASETS, open_dataset
from gte.data.opencv import cv2
from gte.data.video.sources import (
    Footage,
    Stretch,
    is_picture,
    natural_key,
    open_footage,
    pictures_in,
    unpack_pictures,
)
from gte.errors import GteError, VideoError, sentence
from gte.files import Stamp, stamp

OWN_FOLDERS = "GTE_CLIPS"
"""The environment's list of folders whose videos, and folders of pictures, every reader may look at, as PATH is one."""
VIDEO_TYPES = ("mp4", "webm", "mkv", "avi", "mov", "m4v", "mpg", "mpeg", "ogv", "gif")
DROPPED_TYPES = (*VIDEO_TYPES, "zip", "jpg", "jpeg", "png")
MOST_LISTED = 300
"""Entries of all allowed folders together; a folder of a whole data set would make a list that nobody can read."""
SECONDS_LISTED = 10
YOURS = "Your video"
"""What a reader dropped, in the list of clips."""
THUMBNAILS = 20
THUMBNAIL_HEIGHT = 44
GREY = 128
NUMBERED = re.compile(r"\b(\d{6})\.(?:jpe?g|png)\b")
"""The name under which a dropped picture is kept, by its number from 0."""
_DROPPED = "clips: what the reader dropped"


@dataclass(frozen=True, kw_only=True)
class Clip:
    """The frames that a network sees of a clip."""

    digest: str
    """A hash of the frames."""
    frames: UInt8[np.ndarray, "t h w 3"]
    """RGB; shared between visits, so never written to."""
    indices: Int[np.ndarray, " t"]
    """The numbers of these frames in the source."""
    label: int | None = None
    """Its class in its data set."""

    @classmethod
    def of(
        cls, frames: UInt8[np.ndarray, "t h w 3"], indices: Int[np.ndarray, " t"], label: int | None = None
    ) -> "Clip":
        """Make a clip and hash its frames."""
        frames = np.ascontiguousarray(frames)
        return cls(digest=hashlib.sha256(frames.data).hexdigest(), frames=frames, indices=indices, label=label)

    def select(self, places: Sequence[int] | Int[np.ndarray, " n"]) -> "Clip":
        """Return the frames at these places of the clip, in this order."""
        places = np.asarray(places)
        return Clip.of(self.frames[places], self.indices[places], self.label)

    def reversed(self, twins: Sequence[int]) -> "Clip":
        """Return the frames in reverse order, with the class of the reversed motion."""
        twin = -1 if self.label is None else twins[self.label]
        return replace(self.select(range(len(self.frames))[::-1]), label=None if twin == -1 else twin)


FALLBACK = "motionpairs"
"""The data set shown to networks that were trained on a data set that is not here."""


@dataclass(frozen=True, kw_only=True)
class ClipSource:
    """The data set whose test clips are offered for a checkpoint."""

    dataset: str
    classes: tuple[str, ...]
    """The classes of the data set; its first test clips hold each class once, in order."""
    trained_on: bool
    """True if the checkpoint was trained on this data set and has its classes."""


def clip_source(header: CheckpointHeader) -> ClipSource:
    """Return the data set that a checkpoint was trained on if it is here, or else MotionPairs."""
    if header.dataset in DATASETS:
        classes = _classes(header.dataset)
        if classes == header.classes:
            return ClipSource(dataset=header.dataset, classes=classes, trained_on=True)
    return ClipSource(dataset=FALLBACK, classes=_classes(FALLBACK), trained_on=False)


@st.cache_data(max_entries=16, show_spinner=False)
def _classes(dataset: str) -> tuple[str, ...]:
    return open_dataset(dataset, "test").classes


@st.cache_resource(max_entries=64, show_spinner=False)
def dataset_clip(
    dataset: str, index: int, num_frames: int, size: int, backwards: bool = False, stretch: Stretch | None = None
) -> Clip:
    """Return a test clip, or a stretch of it, sampled as in evaluation and played backwards on request."""
    clips = open_dataset(dataset, "test", size)
    indices = (stretch or Stretch(0, clips.num_frames_stored - 1)).sample(num_frames)
    clip = Clip.of(clips.frames(index, indices), indices, clips.label(index))
    return clip.reversed(clips.twins) if backwards else clip


@dataclass(frozen=True, kw_only=True)
class Filmed:
    """A video file or a folder of pictures."""

    name: str
    """As the reader knows it."""
    path: Path
    identity: tuple[Stamp, ...]
    """Tells this state of it from any other."""
    is_numbered: bool = False
    """True if its pictures were given numbers for names when the reader dropped them."""

    @property
    def footage(self) -> Footage:
        """Raises VideoError, naming the file as the reader knows it."""
        with self._as_known():
            return _footage(self)

    @property
    def seconds(self) -> Float[np.ndarray, " n"]:
        return self.footage.seconds

    def read(
        self, which: Sequence[int] | Int[np.ndarray, " t"], size: int | None = None
    ) -> UInt8[np.ndarray, "t h w 3"]:
        with self._as_known():
            return self.footage.read(which, size=size)

    def glimpses(
        self, which: Sequence[int] | Int[np.ndarray, " t"], size: int
    ) -> Sequence[UInt8[np.ndarray, "size size 3"] | None]:
        """Frames to get an idea of the whole, None for what is damaged. Raises VideoError."""
        with self._as_known():
            return self.footage.glimpses(which, size)

    def clip(self, stretch: Stretch, num_frames: int, size: int, backwards: bool) -> Clip:
        return _filmed_clip(self, stretch, num_frames, size, backwards)

    @contextmanager
    def _as_known(self) -> Iterator[None]:
        try:
            yield
        except VideoError as error:
            told = str(error).replace(self.path.name, self.name)
            raise VideoError(NUMBERED.sub(self._picture, told) if self.is_numbered else told) from error

    def _picture(self, number: re.Match[str]) -> str:
        many = len(pictures_in(self.path)) > 1
        return f"Picture {1 + int(number[1])} of {self.name}" if many else self.name


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """A test clip of a data set."""

    name: str
    dataset: str
    index: int
    knows_label: bool
    """False for a network with other classes, of which it cannot be said which one the clip shows."""

    @property
    def seconds(self) -> Float[np.ndarray, " n"]:
        clips = open_dataset(self.dataset, "test")
        return np.arange(clips.num_frames_stored) / clips.fps

    @property
    def identity(self) -> tuple[str, int]:
        return self.dataset, self.index

    def read(
        self, which: Sequence[int] | Int[np.ndarray, " t"], size: int | None = None
    ) -> UInt8[np.ndarray, "t h w 3"]:
        return open_dataset(self.dataset, "test", size).frames(self.index, which)

    def glimpses(
        self, which: Sequence[int] | Int[np.ndarray, " t"], size: int
    ) -> Sequence[UInt8[np.ndarray, "size size 3"] | None]:
        """Frames to get an idea of the whole."""
        return list(self.read(which, size))

    def clip(self, stretch: Stretch, num_frames: int, size: int, backwards: bool) -> Clip:
        clip = dataset_clip(self.dataset, self.index, num_frames, size, backwards, stretch)
        return clip if self.knows_label else replace(clip, label=None)


Source = Filmed | Rendered


@st.cache_resource(max_entries=32, show_spinner="Reading the video")
def _footage(source: Filmed) -> Footage:
    return open_footage(source.path)


@st.cache_resource(max_entries=32, show_spinner="Reading the video")
def _filmed_clip(source: Filmed, stretch: Stretch, num_frames: int, size: int, backwards: bool) -> Clip:
    indices = stretch.sample(num_frames)
    clip = Clip.of(source.read(indices, size), indices)
    return clip.reversed(()) if backwards else clip


@st.cache_data(max_entries=64, show_spinner="Reading the video")
def thumbnails(source: Source) -> UInt8[np.ndarray, "h w 3"]:
    """Draw frames at equal steps of the whole source in one row; grey where it is damaged. Raises VideoError."""
    which = Stretch(0, len(source.seconds) - 1).sample(THUMBNAILS)
    # Of few frames each is drawn several times, because one picture alone would be drawn out over the whole width.
    numbers, places = np.unique(which, return_inverse=True)
    nothing = np.full((THUMBNAIL_HEIGHT, THUMBNAIL_HEIGHT, 3), GREY, np.uint8)
    frames = [nothing if frame is None else frame for frame in source.glimpses(numbers, THUMBNAIL_HEIGHT)]
    return np.concatenate([frames[place] for place in places], axis=1)


def allowed() -> dict[str, Filmed]:
    """What the server's owner allows, by the name that links use."""
    return _allowed(os.environ.get(OWN_FOLDERS, ""))


@st.cache_data(ttl=SECONDS_LISTED, max_entries=4, show_spinner=False)
def _allowed(folders: str) -> dict[str, Filmed]:
    found: dict[str, Filmed] = {}
    for text in filter(str.strip, folders.split(os.pathsep)):
        folder = Path(text).expanduser().resolve()
        for path in _listed(folder):
            name = f"{folder.name}/{path.relative_to(folder).as_posix()}"
            found[name] = Filmed(name=name, path=path, identity=_identity(path))
            if len(found) == MOST_LISTED:
                return found
    return found


def _listed(folder: Path) -> Iterator[Path]:
    """Videos and folders of pictures below a folder; links, which could lead anywhere, are left out."""
    for place, folders, files in os.walk(folder):
        here = Path(place)
        folders[:] = sorted((name for name in folders if not name.startswith(".")), key=natural_key)
        if here != folder and any(is_picture(name) for name in files):
            yield here
            folders.clear()
            continue
        for name in sorted(files, key=natural_key):
            path = here / name
            if path.suffix.lower().removeprefix(".") in VIDEO_TYPES and not name.startswith(".") and _is_inside(path):
                yield path


def _is_inside(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _identity(path: Path) -> tuple[Stamp, ...]:
    if not path.is_dir():
        return (stamp(path),)
    files = pictures_in(path)
    # Of many pictures the folder's own time tells of added and removed ones.
    return tuple(stamp(one) for one in (path, *files[:1], *files[-1:]))


@dataclass
class _Dropped:
    """What a reader dropped last, in a folder that goes when the visit is over."""

    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="gte-explorer-clips-")))
    source: Filmed | None = None
    refusal: str = ""
    """Why what was dropped could not be taken."""

    def __post_init__(self) -> None:
        self.close = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)


def dropped() -> Filmed | None:
    """What the reader dropped in this visit, if it could be taken."""
    return st.session_state[_DROPPED].source if _DROPPED in st.session_state else None


def refusal() -> str:
    """Why what the reader dropped could not be taken; nothing if it could."""
    return st.session_state[_DROPPED].refusal if _DROPPED in st.session_state else ""


def take(uploaded: Sequence[UploadedFile]) -> Filmed | None:
    """Keep what an uploader holds as files of this visit: one video, one zip of pictures, or pictures.

    None if it holds nothing, or anything else, which `refusal` then explains.
    """
    kept: _Dropped = st.session_state.setdefault(_DROPPED, _Dropped())
    kept.source, kept.refusal = None, ""
    shutil.rmtree(kept.folder, ignore_errors=True)
    if uploaded:
        kept.folder.mkdir()
        try:
            name, path = _keep(uploaded, kept.folder)
            kept.source = Filmed(name=name, path=path, identity=_identity(path), is_numbered=path.is_dir())
        except (GteError, OSError) as error:
            kept.refusal = sentence(error)
    return kept.source


def _keep(uploaded: Sequence[UploadedFile], folder: Path) -> tuple[str, Path]:
    """The name for the reader, and the file or the folder of pictures."""
    pictures = sorted((file for file in uploaded if is_picture(file.name)), key=lambda file: natural_key(file.name))
    if len(uploaded) == 1 and not pictures:
        name = Path(uploaded[0].name).name
        path = folder / f"upload{Path(name).suffix.lower()}"
        path.write_bytes(uploaded[0].getbuffer())
        return name, _unpacked(path, name) if path.suffix == ".zip" else path
    if len(pictures) < len(uploaded):
        raise GteError("Drop one video, one zip file of pictures, or pictures alone; take the others away again.")
    path = folder / "pictures"
    path.mkdir()
    for number, file in enumerate(pictures):
        (path / f"{number:06d}{Path(file.name).suffix.lower()}").write_bytes(file.getbuffer())
    return (f"{len(pictures)} pictures" if len(pictures) > 1 else pictures[0].name), path


def _unpacked(archive: Path, name: str) -> Path:
    folder = archive.with_name("pictures")
    folder.mkdir()
    try:
        unpack_pictures(archive, folder)
    except VideoError as error:
        raise VideoError(str(error).replace(archive.name, name)) from error
    finally:
        archive.unlink()
    return folder


def choices(source: ClipSource, yours: Filmed | None) -> Mapping[str, Source]:
    """Every clip by its name in links: the reader's own, the rendered ones, those that the owner allows."""
    rendered = {
        name: Rendered(name=name, dataset=source.dataset, index=index, knows_label=source.trained_on)
        for index, name in enumerate(source.classes)
    }
    return ({YOURS: yours} if yours else {}) | rendered | allowed()


def jpeg_of(picture: UInt8[np.ndarray, "h w 3"]) -> bytes:
    """A picture in RGB as JPEG."""
    _, encoded = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])
    return encoded.tobytes()
