"""Video files read with PyAV (FFmpeg): frames by their presentation times.

A file's frames are listed once: those of a short file by decoding it, those of a long one from its packets, of which
only the first and last are decoded. A frame is then reached by decoding from the key frame before it. One frame is
held at a time, so memory does not grow with the length.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import dropwhile, groupby, islice
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from jaxtyping import Float, Int, UInt8

from gte.data.sampling import FrameNumbers, is_constant_rate
from gte.data.video.drawing import Draw, drawing_of, shown_size
from gte.data.video.opening import open_stream
from gte.errors import VideoError

MAX_SHORT_PIXELS = 100_000_000
"""A video with more in all its frames is long: decoding it takes more than a part of a second."""
MAX_DECODED_PIXELS = 30_000_000_000
"""Decoding more would take more than a minute or two, and is not started."""
MAX_REPLACED = 4
"""How many frames before a damaged one the frame may lie that stands in for it."""
SKIPPING_DECODERS = ("h264", "hevc", "mpeg4", "mpeg2video")
"""FFmpeg's names of the decoders that can leave out a frame from which no other is decoded, and nothing besides."""
STATING_DURATION = ("mov", "matroska", "flv", "asf")
"""Formats whose header states a duration; that of others is guessed from the size of the file."""
NUM_CHECKED = 8
"""Frames at each end of a long video that are decoded to check the list of packets."""
MAX_LAST_KEYS = 3
"""Key frames from the end of a long video that are tried to find its last frame."""
VARIABLE_RATE = "Variable frame rate: the frames shown to a network are chosen by their times."
ASSUMED_FPS = 25.0
_HIGHEST_FPS = 480.0

Choice = Callable[[Float[np.ndarray, " n"]], FrameNumbers]
"""Numbers of frames by the times of all frames in seconds."""
Frames = dict[int, UInt8[np.ndarray, "_ _ 3"]]
"""Frames in RGB by their numbers."""
_Decoded = tuple[Int[np.ndarray, " n"], tuple[int, int], Frames]
"""The ticks of frames, their width and height as shown, and some of the frames by their ticks."""
_Packet = tuple[int | None, int | None, bool, int]
"""Presentation and decoding time in ticks, whether it is a key frame, and its duration in ticks, 0 if unknown."""


@dataclass(frozen=True)
class VideoInfo:
    """Facts about a clip's source."""

    num_frames: int
    """Frames that can be read."""
    fps: float
    """Frames per second, the mean where they vary; 25 where the source tells no times."""
    width: int
    """In pixels, as shown: rotated and with square pixels."""
    height: int


@dataclass(frozen=True)
class VideoFootage:
    """The frames of a video file, of which any can be read."""

    path: Path
    info: VideoInfo
    seconds: Float[np.ndarray, " n"]
    """Presentation time of each frame after that of the first."""
    ticks: Int[np.ndarray, " n"]
    """The same times in the file's own unit and from its own start; the frames' numbers where it tells no times."""
    keys: Int[np.ndarray, "k 2"]
    """Presentation and decoding times of the key frames in ticks, ascending; none where no seek is safe."""
    notes: tuple[str, ...]
    """Sentences that a user should know."""
    held: Mapping[tuple[int, int | None], UInt8[np.ndarray, "_ _ 3"]] = field(default_factory=dict)
    """Frames that were decoded already, by their numbers and sizes."""
    end: float | None = None
    """Time at which the last frame ends; None if after as long as the one before."""

    def read(self, which: FrameNumbers, *, size: int | None = None) -> UInt8[np.ndarray, "t h w 3"]:
        """Return the frames with these numbers (from 0, any order, repeats allowed), in RGB.

        With `size` the middle square, resized to it. Raises VideoError if one is damaged or the file has gone;
        ValueError for no number, or one that the video does not have.
        """
        frames = self._find(which, size)
        missing = {int(number) for number in which} - frames.keys()
        if missing:
            raise VideoError(
                f"{self.path.name} is damaged at frame {min(missing) + 1} (counted from 1) and cannot be read there; "
                "choose a stretch before or after it."
            )
        ordered = [frames[int(number)] for number in which]
        if len({frame.shape for frame in ordered}) > 1:
            raise VideoError(f"The frames of {self.path.name} change size; convert it to a single size first.")
        return np.stack(ordered)

    def glimpses(self, which: FrameNumbers, size: int) -> list[UInt8[np.ndarray, "size size 3"] | None]:
        """Return the middle squares of these frames, None for damaged ones."""
        frames = self._find(which, size)
        return [frames.get(int(number)) for number in which]

    def _find(self, which: FrameNumbers, size: int | None) -> Frames:
        """Return those of these frames that can be read, by their numbers."""
        if len(which) == 0 or min(which) < 0 or max(which) >= len(self.ticks):
            raise ValueError(f"Ask for frames from 0 to {len(self.ticks) - 1}; got {list(which)}.")
        frames: Frames = {number: self.held[number, size] for number in map(int, which) if (number, size) in self.held}
        wanted = sorted({int(number) for number in which} - frames.keys())
        if not wanted:
            return frames
        before = np.searchsorted(self.keys[:, 0], self.ticks[wanted], side="right").tolist()
        with open_stream(self.path) as (container, stream):
            draw = drawing_of(stream, size)
            for num_keys, group in groupby(zip(before, wanted, strict=True), key=lambda pair: pair[0]):
                numbers = [number for _, number in group]
                ticks = set(self.ticks[numbers].tolist()) if num_keys else None
                found = None
                for target in self._targets(num_keys):
                    container.seek(target, stream=stream)
                    # What a seek ends in the middle of decodes to wrong pictures up to the next key frame.
                    decoded = dropwhile(lambda one: not one[2].key_frame, _decode(container, stream, ticks))
                    found = self._decode_to(numbers, decoded, draw)
                    if found is not None:
                        break
                if found is None:
                    with open_stream(self.path) as opened:
                        found = self._decode_to(numbers, _decode(*opened, ticks), draw)
                frames |= found or {}
        return frames

    def _targets(self, num_keys: int) -> list[int]:
        """Return times in ticks to seek to for a frame behind so many key frames, the next where one ends behind it.

        Some formats seek by the time of presentation, some by that of decoding.
        """
        shown, decoded = self.keys[max(0, num_keys - 2) : num_keys].T.tolist()
        return [*shown[-1:], *decoded[::-1]]

    def _decode_to(
        self, numbers: list[int], decoded: Iterator[tuple[int, int, VideoFrame]], draw: Draw
    ) -> Frames | None:
        """Return those of these ascending frames that are among the decoded; None if those begin behind the first.

        As players do, a frame close before a damaged one stands in for it.
        """
        frames: Frames = {}
        rest = list(numbers)
        last: tuple[int, VideoFrame] | None = None
        for count, tick, frame in decoded:
            number = int(np.searchsorted(self.ticks, tick)) if len(self.keys) else count
            while rest and rest[0] < number:
                if last is None:
                    return None
                if rest[0] - last[0] <= MAX_REPLACED:
                    frames[rest[0]] = draw(last[1])
                del rest[0]
            if rest and rest[0] == number and (not len(self.keys) or self.ticks[number] == tick):
                frames[rest.pop(0)] = draw(frame)
            if not rest:
                break
            last = number, frame
        return frames if frames or last else None


def open_video(path: Path, choose: Choice | None = None, size: int | None = None) -> VideoFootage:
    """List the frames of a video; those that `choose` takes are kept with `size` if the video is decoded for that.

    Raises VideoError, with one sentence, if the file is missing, is no video or holds no frame that decodes.
    """
    decoded = None
    with open_stream(path) as (container, stream):
        packets, num_hidden = _list_packets(container, stream)
        pixels = len(packets) * stream.codec_context.width * stream.codec_context.height
        unit, rate = float(stream.time_base or 0), float(stream.average_rate or 0)
        # Times in MPEG program streams are partly guessed, and otherwise so after a seek.
        can_seek = container.format.name != "mpeg"
        stated_seconds = 0.0
        if container.format.name.split(",")[0] in STATING_DURATION:
            stated_seconds = (container.duration or 0) / av.time_base
        num_stated, is_still = stream.frames - num_hidden, bool(stream.disposition & Disposition.attached_pic)
        times = sorted((pts, pts if dts is None else dts, *rest) for pts, dts, *rest in packets if pts is not None)
        listed = np.array([pts for pts, *_ in times], np.int64)
        keys = np.array([(pts, dts) for pts, dts, is_key, _ in times if is_key], np.int64).reshape(-1, 2)
        is_timed = unit > 0 and len(listed) == len(packets) > 0
        can_seek = can_seek and is_timed and len(keys) > 0 and _ascends(listed)
        keep: set[int] = set()
        if choose and is_timed:
            # The packets may be too many, and the choice impossible for them.
            with suppress(ValueError):
                keep = set(listed[np.asarray(choose((listed - listed[0]) * unit))].tolist())
        if can_seek and pixels > MAX_SHORT_PIXELS:
            with open_stream(path) as opened:
                decoded = _decode_ends(*opened, listed, keys, keep, size)
        if decoded is None and is_timed and pixels <= MAX_DECODED_PIXELS:
            container.seek(int(listed[0]), stream=stream)
            decoded = _decode_all(container, stream, keep, size)
            if decoded and decoded[0][0] != listed[0]:
                decoded = None
    if decoded is None:
        if pixels > MAX_DECODED_PIXELS:
            lacks = "time stamps in order" if not can_seek else "key frames near its end that decode"
            raise VideoError(
                f"{path.name} is too long to be read from its start, and has no {lacks} by which its frames could be "
                "reached; convert it again, or cut out the part to be seen."
            )
        with open_stream(path) as opened:
            decoded = _decode_all(*opened, keep, size)
    if decoded is None:
        raise VideoError(f"{path.name} opens as a video, but none of its frames can be decoded.")
    ticks, shape, kept = decoded
    if (np.diff(ticks) < 0).any():
        # The time stamps of some AVI files are in the order of decoding.
        ticks, kept, is_timed = np.arange(len(ticks)), {}, False
    can_seek = can_seek and is_timed and _ascends(ticks)
    seconds = (ticks - ticks[0]) * unit
    fps = _plausible_fps(rate, len(ticks), float(seconds[-1]) if is_timed else 0.0)
    if not is_timed or (len(ticks) > 1 and seconds[-1] == 0):
        seconds = np.arange(len(ticks)) / fps
    end = None
    if is_timed and len(ticks) > 1 and ticks[-1] == listed[-1]:
        # Some programs state too short a time for the last frame; a longer one is believed.
        shown, before = times[-1][3] * unit, float(seconds[-1] - seconds[-2])
        end = float(seconds[-1]) + shown if shown > 1.5 * before else None
    notes = []
    if is_still:
        notes.append(f"{path.name} is sound with one still picture, its cover: nothing moves in it.")
    elif len(ticks) < num_stated:
        notes.append(f"{len(ticks)} of the {num_stated} frames that {path.name} states can be read.")
    elif (end or seconds[-1]) < 0.8 * stated_seconds - 1:
        notes.append(f"{path.name} states {stated_seconds:.1f} seconds, and its frames end after {seconds[-1]:.1f}.")
    if not is_constant_rate(seconds if end is None else np.append(seconds, end)):
        fps = (len(ticks) - 1) / float(seconds[-1])
        notes.append(VARIABLE_RATE)
    return VideoFootage(
        path,
        VideoInfo(len(ticks), fps, *shape),
        seconds,
        ticks,
        # Where packets are not frames, a seek could end at another frame than decoding from the start does.
        keys if can_seek and np.isin(ticks, listed).all() else keys[:0],
        tuple(notes),
        {(int(np.searchsorted(ticks, tick)), size): frame for tick, frame in kept.items()},
        end,
    )


def _ascends(ticks: Int[np.ndarray, " n"]) -> bool:
    return bool((np.diff(ticks) > 0).all())


def _list_packets(container: InputContainer, stream: VideoStream) -> tuple[list[_Packet], int]:
    """Return the packets of a file that are shown, and the number of those that are not.

    An edited file can begin before its stated start with packets that are decoded and not shown.
    """
    packets, hidden = [], 0
    # An error ends the file: what follows cannot be read.
    with suppress(FFmpegError):
        for packet in container.demux(stream):
            hidden += packet.is_discard
            if packet.size and not packet.is_discard and not packet.is_corrupt:
                packets.append((packet.pts, packet.dts, packet.is_keyframe, packet.duration or 0))
    return packets, hidden


def _decode(
    container: InputContainer, stream: VideoStream, needed: Collection[int] | None = None
) -> Iterator[tuple[int, int, VideoFrame]]:
    """Yield the frames that decode from here on, past damaged ones, with their numbers from here and times in ticks.

    With the ticks of those that are `needed`, most others are left out that no frame is decoded from.
    """
    packets, context = container.demux(stream), stream.codec_context
    count = 0
    while True:
        packet, frames = None, []
        # An error ends the file: what follows cannot be read.
        with suppress(FFmpegError):
            packet = next(packets, None)
        # A packet that was cut is left out, because with it a decoder of several threads loses whole ones before it.
        if packet is not None and packet.is_corrupt:
            continue
        is_needed = needed is None or packet is None or packet.pts in needed
        if context.name in SKIPPING_DECODERS:
            context.skip_frame = "DEFAULT" if is_needed else "NONREF"
        with suppress(FFmpegError):
            # No packet empties the decoder.
            frames = stream.decode(packet)
        for frame in frames:
            yield count, count if frame.pts is None else frame.pts, frame
            count += 1
        if packet is None or not packet.size:
            return


def _decode_all(
    container: InputContainer, stream: VideoStream, keep: Collection[int], size: int | None
) -> _Decoded | None:
    """Decode all from here on, and keep the frames with some ticks in RGB; None if no frame decodes."""
    ticks, frames, shape = [], {}, None
    draw = drawing_of(stream, size)
    for _, tick, frame in _decode(container, stream):
        ticks.append(tick)
        shape = shape or shown_size(stream, frame)
        if tick in keep:
            frames[tick] = draw(frame)
    return (np.array(ticks), shape, frames) if shape else None


def _decode_ends(
    container: InputContainer,
    stream: VideoStream,
    listed: Int[np.ndarray, " n"],
    keys: Int[np.ndarray, "k 2"],
    keep: Collection[int],
    size: int | None,
) -> _Decoded | None:
    """Take the packets' ticks from the first to the last frame that decodes, and keep frames that are met on the way.

    None if the decoded frames have other ticks, or the last ones are far from a key frame.
    """
    draw = drawing_of(stream, size)
    frames: Frames = {}

    def decode(needed: Collection[int]) -> Iterator[tuple[int, VideoFrame]]:
        for _, tick, frame in _decode(container, stream, needed):
            if tick in keep:
                frames[tick] = draw(frame)
            yield tick, frame

    first = list(islice(decode(listed[:NUM_CHECKED].tolist()), NUM_CHECKED))
    if not first:
        return None
    shape = shown_size(stream, first[0][1])
    for key in keys[::-1][:MAX_LAST_KEYS, 0].tolist():
        if (listed >= key).sum() * shape[0] * shape[1] > MAX_DECODED_PIXELS:
            return None
        container.seek(key, stream=stream)
        last = [tick for tick, _ in decode({*keep, *listed[-NUM_CHECKED:].tolist()})]
        if last:
            shown = listed[(listed >= first[0][0]) & (listed <= last[-1])]
            ends = np.array([tick for tick, _ in first]), np.array(last)
            is_safe = all(_ascends(end) and np.isin(end, shown).all() for end in ends)
            return (shown, shape, frames) if is_safe else None
    return None


def _plausible_fps(stated: float, num_frames: int, seconds: float) -> float:
    """Return the container's rate, unless it is the clock of the time stamps (some recorders state 1000 a second)."""
    if 0 < stated <= _HIGHEST_FPS:
        return stated
    measured = (num_frames - 1) / seconds if seconds > 0 else 0.0
    return measured if 0 < measured <= _HIGHEST_FPS else ASSUMED_FPS
