"""Clips, and their sources: labelled clips of a data set, files that the server's owner allows, and a visitor's upload.

A link carries a name that is looked up in the list of sources; it never becomes a path.
"""

import hashlib
import os
import re
import shutil
import tempfile
import weakref
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import streamlit as st
from jaxtyping import Float, Int, UInt8
from streamlit.runtime.uploaded_file_manager import UploadedFile

from analysis.own_clips import dataset_of, has_labels, why_no_clips
from gte.checkpoint_header import CheckpointHeader
from gte.data import is_rendered, open_labelled
from gte.data.opencv import cv2
from gte.data.video.archives import is_archive, list_files, natural_key
from gte.data.video.sequences import IMAGE_TYPES, Sequences, find_sequences, is_image
from gte.data.video.sources import CLIP_TYPES, Footage, Stretch, open_footage
from gte.errors import GteError, VideoError, sentence
from gte.files import Stamp, stamp

FOLDERS_VARIABLE = "GTE_CLIPS"
"""Environment variable with folders, separated as in PATH, whose clips every visitor may see."""
UPLOAD_TYPES = tuple(dict.fromkeys((*CLIP_TYPES, *IMAGE_TYPES)))
MAX_LISTED = 300
"""Entries of all these folders together: a list of a whole data set would be too long to read."""
SECONDS_LISTED = 10
YOURS = "Your video"
"""The name of the uploaded clip in the list of clips."""
THUMBNAILS = 20
THUMBNAIL_HEIGHT = 44
GREY = 128
_KEY = "clips: the upload of this visit"


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


@dataclass(frozen=True, kw_only=True)
class ClipSource:
    """The data set whose labelled clips are offered for a checkpoint."""

    dataset: str
    trained_on: bool
    """True if the checkpoint was trained on this data set and has its classes."""
    missing: str = ""
    """Why the data set's clips are not here, in sentences; empty if they are."""

    def test_clips(self) -> dict[str, "DatasetSource"]:
        """Return the labelled clips to offer, one of each class that has some, by the names of their classes."""
        if self.missing:
            return {}
        clips = open_labelled(self.dataset)
        return {
            name: DatasetSource(name=name, dataset=self.dataset, index=index, knows_label=self.trained_on)
            for index in clips.examples()
            for name in (clips.classes[clips.label(index)],)
        }


def clip_source(header: CheckpointHeader) -> ClipSource:
    """Return the data set that a checkpoint was trained on, or MotionPairs if it was trained elsewhere."""
    return ClipSource(dataset=dataset_of(header), trained_on=has_labels(header), missing=why_no_clips(header))


@st.cache_resource(max_entries=64, show_spinner=False)
def dataset_clip(
    dataset: str, index: int, num_frames: int, size: int, backwards: bool = False, stretch: Stretch | None = None
) -> Clip:
    """Return a labelled clip, or a stretch of it, sampled as in evaluation and played backwards on request."""
    clips = open_labelled(dataset, size)

    def choose(seconds: Float[np.ndarray, " n"], end: float | None) -> Int[np.ndarray, " t"]:
        return (stretch or Stretch(0, len(seconds) - 1)).sample(num_frames, seconds, end)

    indices, frames = clips.sample(index, choose)
    clip = Clip.of(frames, indices, clips.label(index))
    return clip.reversed(clips.twins) if backwards else clip


@dataclass(frozen=True, kw_only=True)
class VideoSource:
    """A video, an image, an animation, or a sequence of images in a folder or an archive."""

    name: str
    """The name that the visitor knows."""
    path: Path
    identity: tuple[Stamp | str, ...]
    """The stamps of its files, which change whenever it is written again, and the sequence if one is chosen."""
    sequence: str | None = None
    is_rendered = False

    @property
    def sequences(self) -> Sequences | None:
        """The sequences of a folder or archive; None for a file that is a clip. Raises VideoError."""
        if not (self.path.is_dir() or is_archive(self.path.name)):
            return None
        with self._known_name_in_errors():
            return _sequences(self)

    def with_sequence(self, sequence: str) -> "VideoSource":
        return replace(self, sequence=sequence, identity=(*self.identity, sequence))

    @property
    def footage(self) -> Footage:
        """Its frames. Raises VideoError with the name that the visitor knows."""
        with self._known_name_in_errors():
            return _footage(self)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences that the visitor should know. Raises VideoError."""
        return tuple(map(self._with_known_name, self.footage.notes))

    @property
    def seconds(self) -> Float[np.ndarray, " n"]:
        return self.footage.seconds

    @property
    def end(self) -> float | None:
        """When the last frame ends, if it is known."""
        return self.footage.end

    def read(
        self, which: Sequence[int] | Int[np.ndarray, " t"], size: int | None = None
    ) -> UInt8[np.ndarray, "t h w 3"]:
        with self._known_name_in_errors():
            return self.footage.read(which, size=size)

    def glimpses(
        self, which: Sequence[int] | Int[np.ndarray, " t"], size: int
    ) -> Sequence[UInt8[np.ndarray, "size size 3"] | None]:
        """Return frames for a small preview, None for damaged ones. Raises VideoError."""
        with self._known_name_in_errors():
            return self.footage.glimpses(which, size)

    def clip(self, stretch: Stretch, num_frames: int, size: int, backwards: bool) -> Clip:
        return _video_clip(self, stretch, num_frames, size, backwards)

    @contextmanager
    def _known_name_in_errors(self) -> Iterator[None]:
        try:
            yield
        except VideoError as error:
            raise VideoError(self._with_known_name(str(error))) from error

    def _with_known_name(self, text: str) -> str:
        own_name = rf"(?<![\w/]){re.escape(self.path.name)}(?!\w)"
        return re.sub(own_name, lambda _: self.name, text)


@dataclass(frozen=True, kw_only=True)
class DatasetSource:
    """A labelled clip of a data set."""

    name: str
    """That of its class."""
    dataset: str
    index: int
    knows_label: bool
    """False for a network with other classes: the true class is then unknown."""

    @property
    def is_rendered(self) -> bool:
        """True for a clip so short that all of its frames are read."""
        return is_rendered(self.dataset)

    @property
    def seconds(self) -> Float[np.ndarray, " n"]:
        return open_labelled(self.dataset).seconds(self.index)

    @property
    def end(self) -> float | None:
        """When the last frame ends, if it is known."""
        return open_labelled(self.dataset).end(self.index)

    @property
    def identity(self) -> tuple[str, int]:
        return self.dataset, self.index

    def read(
        self, which: Sequence[int] | Int[np.ndarray, " t"], size: int | None = None
    ) -> UInt8[np.ndarray, "t h w 3"]:
        return open_labelled(self.dataset, size).frames(self.index, which)

    def glimpses(
        self, which: Sequence[int] | Int[np.ndarray, " t"], size: int
    ) -> Sequence[UInt8[np.ndarray, "size size 3"] | None]:
        """Return frames for a small preview."""
        return list(self.read(which, size))

    def clip(self, stretch: Stretch, num_frames: int, size: int, backwards: bool) -> Clip:
        clip = dataset_clip(self.dataset, self.index, num_frames, size, backwards, stretch)
        return clip if self.knows_label else replace(clip, label=None)


Source = VideoSource | DatasetSource


@st.cache_resource(max_entries=32, show_spinner="Reading the video")
def _footage(source: VideoSource) -> Footage:
    return open_footage(source.path, source.sequence)


@st.cache_resource(max_entries=32, show_spinner="Reading the names of the images")
def _sequences(source: VideoSource) -> Sequences:
    return find_sequences(source.path)


@st.cache_resource(max_entries=32, show_spinner="Reading the video")
def _video_clip(source: VideoSource, stretch: Stretch, num_frames: int, size: int, backwards: bool) -> Clip:
    indices = stretch.sample(num_frames, source.seconds, source.end)
    clip = Clip.of(source.read(indices, size), indices)
    return clip.reversed(()) if backwards else clip


@st.cache_data(max_entries=64, show_spinner="Reading the video")
def thumbnails(source: Source) -> UInt8[np.ndarray, "h w 3"]:
    """Draw frames at equal steps of the whole source in one row; grey where it is damaged. Raises VideoError."""
    which = Stretch(0, len(source.seconds) - 1).sample(THUMBNAILS)
    # Few frames are repeated: a single one would be stretched to the whole width.
    numbers, places = np.unique(which, return_inverse=True)
    grey = np.full((THUMBNAIL_HEIGHT, THUMBNAIL_HEIGHT, 3), GREY, np.uint8)
    frames = [grey if frame is None else frame for frame in source.glimpses(numbers, THUMBNAIL_HEIGHT)]
    return np.concatenate([frames[place] for place in places], axis=1)


def in_folders() -> dict[str, VideoSource]:
    """Return the clips in the folders of the server's owner, by their names in links."""
    return _in_folders(os.environ.get(FOLDERS_VARIABLE, ""))


@st.cache_data(ttl=SECONDS_LISTED, max_entries=4, show_spinner=False)
def _in_folders(folders: str) -> dict[str, VideoSource]:
    sources: dict[str, VideoSource] = {}
    for text in filter(str.strip, folders.split(os.pathsep)):
        folder = Path(text).expanduser().resolve()
        for path in _listed(folder):
            name = f"{folder.name}/{path.relative_to(folder).as_posix()}"
            sources[name] = VideoSource(name=name, path=path, identity=_identity(path))
            if len(sources) == MAX_LISTED:
                return sources
    return sources


def _listed(folder: Path) -> Iterator[Path]:
    """Yield clips and the folders of images below a folder, without symbolic links, which could lead anywhere.

    A single image among clips or folders is their cover.
    """
    for place, folders, files in os.walk(folder):
        here = Path(place)
        folders[:] = sorted((name for name in folders if not name.startswith(".")), key=natural_key)
        paths = [here / name for name in sorted(files, key=natural_key) if not name.startswith(".")]
        images = [path for path in paths if is_image(path.name)]
        others = [path for path in paths if path.name.lower().endswith(CLIP_TYPES) and _is_inside(path)]
        if here != folder and len(images) > (1 if folders or set(others).difference(images) else 0):
            yield here
            folders.clear()
            others = [path for path in others if path not in images]
        yield from others


def _is_inside(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _identity(path: Path) -> tuple[Stamp, ...]:
    if not path.is_dir():
        return (stamp(path),)
    paths: list[Path] = []
    # What cannot be listed is still offered, and says why when it is chosen.
    with suppress(VideoError):
        paths = [file.entry for file in list_files(path) if is_image(file.name) and isinstance(file.entry, Path)]
    # The modification time of the folder changes when images are added or removed.
    return tuple(stamp(file) for file in (path, *paths[:1], *paths[-1:]))


@dataclass
class _Upload:
    """The last upload of a visit, in a folder that is deleted with the visit."""

    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="gte-explorer-clips-")))
    source: VideoSource | None = None
    error: str = ""
    """Why the upload could not be used."""

    def __post_init__(self) -> None:
        self.close = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)


def uploaded() -> VideoSource | None:
    """Return the last upload of this visit, if it could be used."""
    return st.session_state[_KEY].source if _KEY in st.session_state else None


def is_uploaded(source: Source) -> bool:
    """Return True for the last upload of this visit, whatever sequence of it is chosen."""
    upload = uploaded()
    return upload is not None and isinstance(source, VideoSource) and source.path == upload.path


def upload_error() -> str:
    """Return why the last upload could not be used; empty if it could."""
    return st.session_state[_KEY].error if _KEY in st.session_state else ""


def take(files: Sequence[UploadedFile]) -> VideoSource | None:
    """Keep the files of an uploader for this visit: one video, one archive of images, or images.

    Returns None for no files and for anything else, which `upload_error` then explains.
    """
    kept: _Upload = st.session_state.setdefault(_KEY, _Upload())
    kept.source, kept.error = None, ""
    shutil.rmtree(kept.folder, ignore_errors=True)
    if files:
        kept.folder.mkdir()
        try:
            name, path = _keep(files, kept.folder)
            source = VideoSource(name=name, path=path, identity=_identity(path))
            # An archive that cannot be read is refused at once.
            _ = source.sequences
            kept.source = source
        except (GteError, OSError) as error:
            kept.error = sentence(error)
    return kept.source


def _keep(files: Sequence[UploadedFile], folder: Path) -> tuple[str, Path]:
    """Write the upload to one file in a folder; return the name for the visitor, and the file."""
    if len(files) > 1:
        if not all(is_image(file.name) for file in files):
            raise GteError("Upload one video, one archive of images, or images alone; remove the other files.")
        path = folder / "upload.zip"
        names: dict[str, UploadedFile] = {}
        for file in files:
            # Files of one name come from several folders, and are several sequences.
            name = next(
                name for name in (f"{'again/' * count}{file.name}" for count in range(len(files))) if name not in names
            )
            names[name] = file
        with zipfile.ZipFile(path, "w") as packed:
            for name, file in names.items():
                packed.writestr(name, file.getbuffer())
        return f"{len(files)} images", path
    name = Path(files[0].name).name
    path = folder / f"upload{next(filter(name.lower().endswith, UPLOAD_TYPES), '')}"
    path.write_bytes(files[0].getbuffer())
    return name, path


def choices(source: ClipSource, upload: VideoSource | None) -> Mapping[str, Source]:
    """Return every clip by its name in links: the upload, the labelled clips, those in the owner's folders."""
    return ({YOURS: upload} if upload else {}) | source.test_clips() | in_folders()


def as_jpeg(image: UInt8[np.ndarray, "h w 3"]) -> bytes:
    """Encode an RGB image as JPEG."""
    _, encoded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])
    return encoded.tobytes()
