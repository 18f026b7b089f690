"""Comments in Matroska and WebM files, which OpenCV cannot write: the element Tags at the end (RFC 9559)."""

from pathlib import Path

_SEGMENT = bytes.fromhex("18538067")
_TAGS = bytes.fromhex("1254c367")
_TAG, _TARGETS, _SIMPLE_TAG = bytes.fromhex("7373"), bytes.fromhex("63c0"), bytes.fromhex("67c8")
_TAG_NAME, _TAG_STRING = bytes.fromhex("45a3"), bytes.fromhex("4487")
_SIZE_BYTES = 8
_UNKNOWN_SIZE = (1 << 7 * _SIZE_BYTES) - 1


def append_comment(path: Path, comment: str) -> None:
    """Add the tag COMMENT to a file whose one segment reaches to its end.

    Raises ValueError for another structure; the file is unchanged then.
    """
    named = _element(_TAG_NAME, b"COMMENT") + _element(_TAG_STRING, comment.encode())
    tags = _element(_TAGS, _element(_TAG, _element(_TARGETS, b"") + _element(_SIMPLE_TAG, named)))
    with path.open("r+b") as file:
        place = file.read(256).find(_SEGMENT) + len(_SEGMENT)
        file.seek(place)
        size = int.from_bytes(file.read(_SIZE_BYTES)) ^ 1 << 7 * _SIZE_BYTES
        end = file.seek(0, 2)
        if place < len(_SEGMENT) or (size != _UNKNOWN_SIZE and place + _SIZE_BYTES + size != end):
            raise ValueError(f"{path.name} has a structure to which no comment can be added.")
        file.write(tags)
        if size != _UNKNOWN_SIZE:
            file.seek(place)
            file.write(_size(size + len(tags)))


def _element(name: bytes, content: bytes) -> bytes:
    return name + _size(len(content)) + content


def _size(number: int) -> bytes:
    """Return a length in eight bytes, the first of which states their number."""
    return (1 << 7 * _SIZE_BYTES | number).to_bytes(_SIZE_BYTES)
