"""Scripts and data of the components, as they are sent to the browser; there is no build step."""

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


def payload(data: dict[str, object]) -> tuple[dict[str, object]]:
    """Wrap the data of a component, which `mounted` in common.js unwraps.

    Among the values of a dict Streamlit searches for data frames, which imports pandas.
    """
    return (data,)
