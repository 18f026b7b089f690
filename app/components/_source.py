"""Reads the components' scripts and encodes their arrays; no build step stands between a file here and the browser."""

import base64
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent


def read(*names: str) -> str:
    """Return the text of the named files of this folder, one after the other."""
    return "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in names)


def encode(array: np.ndarray) -> str:
    """Return the array's bytes, little-endian and in C order, as base64 text."""
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return base64.b64encode(np.ascontiguousarray(little).tobytes()).decode("ascii")
