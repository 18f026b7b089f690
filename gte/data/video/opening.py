"""Opening of video files with PyAV (FFmpeg), with a clear error for each way to fail."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from gte.errors import VideoError

THREADS = 2
"""Of each decoder."""
FORMATS = "mov,matroska,webm,avi,mpeg,mpegts,mpegvideo,h264,hevc,m4v,obu,ivf,ogg,asf,flv,mxf,wtv,dv,rm"
"""FFmpeg's names of the formats that are read: none is a list of other files, as a playlist is."""
_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": FORMATS}


@contextmanager
def open_stream(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open the video stream of a file for the block. Raises VideoError, with the cause that was seen."""
    if path.is_dir():
        raise VideoError(f"{path.name} is a folder; give the video file itself.")
    if not path.exists():
        raise VideoError(f"{path} does not exist; check the name.")
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise VideoError(f"{path.name} cannot be read ({error.strerror}); check its permissions.") from error
    if not head:
        raise VideoError(f"{path.name} is empty; the upload or copy may have failed, try again.")
    try:
        # The protocol is named, because FFmpeg reads text before a colon as one; no other may be used from inside.
        container = av.open(f"file:{path.resolve()}", options=_OPTIONS, metadata_errors="replace")
    except (FFmpegError, ValueError) as error:
        raise VideoError(f"{path.name} {_why_not_opened(path, head)}") from error
    with container:
        yield container, _video_stream(container, path)


def _why_not_opened(path: Path, head: bytes) -> str:
    if head[4:8] == b"ftyp":
        return _what_mp4_lacks(path)
    for place, mark, kind in ((0, b"\x1a\x45\xdf\xa3", "WebM or Matroska"), (8, b"AVI ", "AVI")):
        if head[place:].startswith(mark):
            return f"begins as a {kind} file, but what follows its first bytes is no such file; copy it again."
    if head.startswith((b"#EXTM3U", b"ffconcat")):
        return "is a list of other files, and such lists are not followed; give the video file itself."
    return "is no video in a format that is read here; give an MP4, WebM, MKV, AVI or MPEG file."


def _what_mp4_lacks(path: Path) -> str:
    """Walk through the boxes of an MP4 or MOV file (ISO 14496-12, 4.2) to tell what is missing."""
    size, place, kinds = path.stat().st_size, 0, set()
    with path.open("rb") as file:
        while place + 8 <= size:
            file.seek(place)
            head = file.read(16)
            length = int.from_bytes(head[:4])
            kinds.add(head[4:8])
            place += max(8, int.from_bytes(head[8:])) if length == 1 else length or size
    if place > size and b"mdat" in kinds:
        return f"is cut: it has {size:,} bytes and states at least {place:,}; copy it again."
    if b"moov" not in kinds:
        return "has no index (moov), which a recording writes when it is finished; record it again."
    return "is an MP4 or MOV file whose index is damaged; copy it again."


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    stream = container.streams.best("video")
    if not isinstance(stream, VideoStream):
        kinds = sorted({stream.type for stream in container.streams})
        raise VideoError(f"{path.name} has no video stream, only {' and '.join(kinds) or 'an empty container'}.")
    if stream.codec_context is None:
        raise VideoError(
            f"{path.name} is compressed by a codec that is not built in here; convert it to H.264, as by "
            f"`ffmpeg -i INPUT -c:v libx264 output.mp4`."
        )
    stream.thread_type = "AUTO"
    stream.codec_context.thread_count = THREADS
    return stream
