"""Evidence for one class over the frames of a video: `python -m analysis.gradcam CKPT VIDEO --out FILE`."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import tyro
from jaxtyping import Float, Int, UInt8

from analysis.attribution import METHODS, Evidence
from analysis.attribution.evidence import preselect_layer, top_classes
from analysis.attribution.gradcam import map_shapes
from analysis.attribution.overlay import film_strip, overlay
from gte import cli
from gte.checkpoint import load_model
from gte.data.opencv import cv2
from gte.data.transforms import to_clip
from gte.data.video import read_clip, write_webm
from gte.files import replacing
from gte.models import ClipShape


@dataclass(frozen=True, kw_only=True)
class Picture:
    """What is written: the frames that the network saw, and the evidence over them."""

    frames: UInt8[np.ndarray, "t h w 3"]
    indices: Int[np.ndarray, " t"]
    """Which frames of the video they are."""
    fps: float
    """Frames shown per second, so that the whole plays as long as the video."""
    evidence: Evidence
    card: dict[str, Any]
    opacity: float

    def upsampled(self) -> Float[np.ndarray, "t h w"]:
        return self.evidence.upsampled(*self.frames.shape[:3]).numpy()

    def painted(self) -> UInt8[np.ndarray, "t h w 3"]:
        return overlay(self.frames, self.upsampled(), self.opacity)


def _write_arrays(path: Path, picture: Picture) -> None:
    np.savez_compressed(
        path,
        map=picture.evidence.map.numpy(),
        evidence=picture.upsampled(),
        frame_shares=picture.evidence.frame_shares().numpy(),
        frames=picture.frames,
        indices=picture.indices,
        card=np.array(json.dumps(picture.card)),
    )


def _write_strip(path: Path, picture: Picture) -> None:
    encoded, data = cv2.imencode(".png", film_strip(picture.painted())[:, :, ::-1])
    assert encoded
    path.write_bytes(data.tobytes())


def _write_video(path: Path, picture: Picture) -> None:
    write_webm(path, picture.painted(), picture.fps)


WRITERS: dict[str, Callable[[Path, Picture], None]] = {
    ".npz": _write_arrays,
    ".png": _write_strip,
    ".webm": _write_video,
}
"""The forms of output, by the suffix of the file."""


def main(
    ckpt: Path,
    video: Path,
    *,
    out: Path | None = None,
    class_: Annotated[str | None, tyro.conf.arg(name="class")] = None,
    layer: str | None = None,
    method: Annotated[str, tyro.conf.arg(metavar="{" + ",".join(METHODS) + "}")] = "gradcam",
    opacity: float = 0.8,
) -> None:
    """Show where in a video a network finds evidence for a class; prints what must be known to judge it.

    Args:
        ckpt: A .safetensors file written by gte.train.
        video: The video file.
        out: What to write: arrays (.npz), a film strip (.png) or a video (.webm); nothing when not given.
        class_: The class, by name or number; the predicted one when not given.
        layer: The block to read, such as layer3.1; when not given the last one with a map of at least 7 x 7.
        method: How evidence is looked for; integrated_gradients and occlusion read no block, and take longer.
        opacity: How much the strongest evidence covers the frame, from 0 to 1.
    """
    if out is not None and out.suffix.lower() not in WRITERS:
        raise ValueError(f"--out takes a file that ends in {', '.join(WRITERS)}; got {out.name}.")
    if method not in METHODS:
        raise ValueError(f"--method is one of {', '.join(METHODS)}; got {method}.")
    if not 0 <= opacity <= 1:
        raise ValueError(f"--opacity must lie between 0 and 1; got {opacity:g}.")
    model, header = load_model(ckpt)
    frames, indices, info = read_clip(video, header.num_frames, header.size)
    clip = to_clip(frames)[None]
    with torch.no_grad():
        ranking = top_classes(model(clip), header.classes)
    target = ranking[0].index if class_ is None else class_index(class_, header.classes)
    shapes = map_shapes(header.model, header.options, ClipShape(header.num_frames, header.size, header.size))
    evidence = METHODS[method].attribute(model, clip, target, layer or preselect_layer(shapes))
    card: dict[str, Any] = evidence.card(header.name, header.classes)
    card |= {
        "finding": evidence.finding(),
        "frame shares": evidence.frame_shares().tolist(),
        "frames": np.asarray(indices).tolist(),
        "prediction": {score.name: score.probability for score in ranking},
    }
    if out is not None:
        card["file"] = str(out)
        seconds = info.num_frames / info.fps
        picture = Picture(
            frames=frames, indices=indices, fps=len(frames) / seconds, evidence=evidence, card=card, opacity=opacity
        )
        with replacing(out) as temporary:
            WRITERS[out.suffix.lower()](temporary, picture)
    cli.print_json(card)
    cli.say(
        f"{header.name} knows {len(header.classes)} classes of {header.dataset or 'other data'}; on another kind of "
        "video read this as mechanism, not as recognition."
    )


def class_index(wanted: str, classes: tuple[str, ...]) -> int:
    """The class with this name, whatever its case, or with this number. Raises ValueError if there is none."""
    names = [name.casefold() for name in classes]
    if wanted.casefold() in names:
        return names.index(wanted.casefold())
    if wanted.isdecimal() and int(wanted) < len(classes):
        return int(wanted)
    raise ValueError(f"The classes are {', '.join(classes)}, or their numbers from 0; got {wanted}.")


if __name__ == "__main__":
    cli.run_command(main, prog="python -m analysis.gradcam")
