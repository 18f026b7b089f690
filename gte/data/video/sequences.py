"""Sequences of images in a folder or archive, told apart by folder and by name, and the one that is the clip."""

import re
import shlex
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gte.data.video.archives import PackedFile, list_files
from gte.errors import SequenceError, VideoError

IMAGE_TYPES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".avif")
MAX_NAMED = 12
"""Sequences that a sentence lists."""
MIN_TIME_DIGITS = 8
"""Of an earlier number that is a date or a time, and tells no sequences apart: 20240102_101112."""
ANIMATION_TYPES = (".gif", ".apng")
"""Of files that are clips by themselves; .webp, .png, .avif and .tif may be as well."""
_ACCOMPANIMENT = re.compile(
    r"(optical[_-]?)?flow[_-]?[xyuvij]?|depths?|disparit(y|ies)|masks?|mattes?|alpha|seg(mentations?)?|semantic|"
    r"instances?|annotations?|labels?|normals?|edges?|thumb(nail)?s?|[xyuv]",
    re.IGNORECASE,
)
"""Whole names of what accompanies frames in colour; x, y, u and v are directions of optical flow."""
_COLOUR = re.compile(r"rgb|colou?rs?|img|imgs|images?|jpegimages|frames?", re.IGNORECASE)
"""Whole names of the frames in colour."""
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True)
class Sequences:
    """The sequences of images of a folder or archive."""

    place: Path
    files: Mapping[str, Sequence[PackedFile]]
    """The images of each, by its name: its folder and what its file names share; "." for bare numbers."""
    left_out: Sequence[str]
    """Names of single images that belong to none."""

    @property
    def colour(self) -> str | None:
        """The only one, or the only one that no other accompanies as its flow, masks or the like; None if in doubt.

        run/flow_x accompanies run/img, but a class thumb_up or flow accompanies no class jump.
        """
        others = {name for name in self.files if any(map(_ACCOMPANIMENT.fullmatch, name.split("/")))}
        subjects = {_subject(name) for name in self.files.keys() - others}
        candidates = [name for name in self.files if name not in others or _subject(name) not in subjects]
        return candidates[0] if len(candidates) == 1 else None

    def choose(self, name: str | None = None) -> str:
        """Return the name of the sequence that is the clip. Raises SequenceError if it is unknown or not clear."""
        chosen = self.colour if name is None else name
        if chosen is not None and chosen in self.files:
            return chosen
        problem = f"holds {len(self.files)} sequences of images:" if name is None else f"has no sequence “{name}”, but"
        raise SequenceError(
            f"{self.place.name} {problem} {_listed(list(self.files))}; choose one with an option such as "
            f"--sequence {shlex.quote(next(iter(self.files)))}",
            list(self.files),
        )

    def notes(self, chosen: str) -> Iterator[str]:
        """Yield sentences on what is no part of the clip."""
        others = [name for name in self.files if name != chosen]
        if others:
            yield f"These are the {len(self.files[chosen])} images of “{chosen}”; left out: {_listed(others)}."
        joined = {_without_last_number(PurePosixPath(file.name))[0]: None for file in self.files[chosen]}
        if 1 < len(joined) < len(self.files[chosen]):
            yield f"Joined to one clip, in the order of their names: {_listed(list(joined))}."
        if self.left_out:
            yield f"Left out, because no other image has a name like it: {_listed(self.left_out)}."


def find_sequences(place: Path) -> Sequences:
    """Sort the images of a folder or archive into sequences. Raises VideoError if there is no image."""
    files = list_files(place)
    images = [file for file in files if is_image(file.name)]
    if not images:
        kinds = sorted({PurePosixPath(file.name).suffix.lower() or "no ending" for file in files})
        what = (
            f"but files that end in {', '.join(kinds)}; give one of them alone, or"
            if kinds
            else "and no other files; give"
        )
        raise VideoError(
            f"{place.name} holds no images (links and hidden files are left out), {what} images that end in "
            f"{', '.join(IMAGE_TYPES)}."
        )
    found: dict[str, Sequence[PackedFile]] = {}
    singles: dict[str, Sequence[PackedFile]] = {}
    for folder, inside in _by(images, lambda file: str(PurePosixPath(file.name).parent)).items():
        groups = dict(_groups(inside, _KEYS))
        if max(map(len, groups.values())) == 1:
            groups = {"": inside}
        for stem, group in groups.items():
            kept = found if len(group) > 1 else singles
            kept[_name(folder, stem, kept)] = group
    if not found:
        return Sequences(place, singles, ())
    return Sequences(place, found, [group[0].name for group in singles.values()])


def is_image(name: str) -> bool:
    """Return True for the name of an image file that is not hidden."""
    path = PurePosixPath(name)
    return path.suffix.lower() in IMAGE_TYPES and not path.name.startswith(".")


def _without_last_number(path: PurePosixPath) -> tuple[str, str]:
    """Return the name with a star for its last number, and this number without leading zeros."""
    # No pattern that looks ahead to the end: on a name of many digits it would take forever.
    *_, last = [*_NUMBER.finditer(path.stem)] or [None]
    if last is None:
        return path.stem, ""
    return f"{path.stem[: last.start()]}*{path.stem[last.end() :]}", last[0].lstrip("0")


_KEYS: tuple[Callable[[PurePosixPath], str], ...] = (
    lambda path: _NUMBER.sub("*", path.stem),
    lambda path: _without_last_number(path)[0],
    lambda path: _without_last_number(path)[0] + path.suffix.lower(),
)
"""What the images of a sequence share; the next decides where two have one last number or earlier ones differ."""


def _groups(
    files: Sequence[PackedFile], keys: Sequence[Callable[[PurePosixPath], str]]
) -> Iterator[tuple[str, Sequence[PackedFile]]]:
    for stem, group in _by(files, lambda file: keys[0](PurePosixPath(file.name))).items():
        numbers = {_without_last_number(PurePosixPath(file.name))[1] for file in group}
        if len(keys) > 1 and (len(numbers) < len(group) or _differ_earlier(group)):
            yield from _groups(group, keys[1:])
        else:
            yield stem, group


def _differ_earlier(group: Sequence[PackedFile]) -> bool:
    """Return True if an earlier number, no date or time, tells several sequences apart: cam1_0040, cam2_0041."""
    groups = _by(group, lambda file: _without_last_number(PurePosixPath(file.name))[0])
    has_times = any(len(digits) >= MIN_TIME_DIGITS for stem in groups for digits in re.findall(r"\d+", stem))
    return not has_times and sum(len(files) > 1 for files in groups.values()) > 1


def _subject(name: str) -> tuple[str, ...]:
    """Return the parts of a name that do not say which kind of image it is: run, v1 of run/v1/flow_x."""
    parts = (part for part in name.split("/") if part != ".")
    return tuple(part for part in parts if not (_ACCOMPANIMENT.fullmatch(part) or _COLOUR.fullmatch(part)))


def _by(files: Iterable[PackedFile], key: Callable[[PackedFile], str]) -> dict[str, list[PackedFile]]:
    groups: dict[str, list[PackedFile]] = {}
    for file in files:
        groups.setdefault(key(file), []).append(file)
    return groups


def _name(folder: str, stem: str, taken: Container[str]) -> str:
    """Return a name that is not taken: run/v1/img for run/v1/img_00001.jpg, run/v1 for run/v1/00001.jpg."""
    parts = [part for part in (folder, stem.replace("*", "").strip(" _-.()")) if part not in (".", "")]
    name = "/".join(parts) or "."
    return name if name not in taken else _name(folder, f"{stem}'", taken)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - MAX_NAMED
    return ", ".join(f"“{name}”" for name in names[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
