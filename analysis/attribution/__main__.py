"""Evidence for one class over the frames of a video: `python -m analysis.attribution CKPT VIDEO --out FILE`."""

from pathlib import Path
from typing import Annotated, Any

import torch
import tyro

from analysis.attribution import METHODS
from analysis.attribution.evidence import preselect_layer, top_classes
from analysis.attribution.export import FINDING, FRAMES, WRITERS, Picture, write
from analysis.attribution.gradcam import map_shapes
from gte import cli
from gte.checkpoint import load_model
from gte.data.loading import to_clip
from gte.data.video.sources import Stretch, open_footage
from gte.models import ClipShape


def main(
    ckpt: Path,
    video: Path,
    *,
    out: Path | None = None,
    class_: Annotated[str | None, tyro.conf.arg(name="class")] = None,
    against: str | None = None,
    stretch: tuple[int, int] | None = None,
    layer: str | None = None,
    method: Annotated[str, tyro.conf.arg(metavar="{" + ",".join(METHODS) + "}")] = "gradcam",
    opacity: float = 0.8,
    caption: bool = False,
) -> None:
    """Show where in a video a network finds evidence for a class; prints what must be known to judge it.

    Args:
        ckpt: A .safetensors file written by gte.train.
        video: The video file, or a folder of pictures.
        out: What to write: arrays (.npz), a film strip (.png), a video (.webm) or .gif; nothing when not given.
        class_: The class, by name or number; the predicted one when not given.
        against: Ask what speaks for the class rather than for this one.
        stretch: First and last frame of the part to look at, counted from 1; all of the video when not given.
        layer: The block to read, such as layer3.1; when not given the last one with a map of at least 7 x 7.
        method: How evidence is looked for; integrated_gradients and occlusion read no block, and take longer.
        opacity: How much the strongest evidence covers the frame, from 0 to 1.
        caption: Draw the network, class, layer and method under the frames of a picture or video.
    """
    if out is not None and out.suffix.lower() not in WRITERS:
        raise ValueError(f"--out takes a file that ends in {', '.join(WRITERS)}; got {out.name}.")
    if method not in METHODS:
        raise ValueError(f"--method is one of {', '.join(METHODS)}; got {method}.")
    if not 0 <= opacity <= 1:
        raise ValueError(f"--opacity must lie between 0 and 1; got {opacity:g}.")
    model, header = load_model(ckpt)
    footage = open_footage(video)
    seen = _stretch(stretch, footage.info.num_frames)
    indices = seen.sample(header.num_frames)
    frames = footage.read(indices, size=header.size)
    clip = to_clip(frames)[None]
    with torch.no_grad():
        ranking = top_classes(model(clip), header.classes)
    target = ranking[0].index if class_ is None else class_index(class_, header.classes)
    shapes = map_shapes(header.model, header.options, ClipShape(header.num_frames, header.size, header.size))
    rival = None if against is None else class_index(against, header.classes)
    evidence = METHODS[method].attribute(model, clip, target, layer or preselect_layer(shapes), contrast=rival)
    card: dict[str, Any] = evidence.card(header.name, header.classes)
    card |= {
        FINDING: evidence.finding(),
        "frame shares": evidence.frame_shares().tolist(),
        FRAMES: (1 + indices).tolist(),
        "frames of the source": footage.info.num_frames,
        "prediction": {score.name: score.probability for score in ranking},
    }
    if out is not None:
        card["file"] = str(out)
        picture = Picture(
            frames=frames,
            indices=indices,
            fps=len(frames) / (seen.num_frames / footage.info.fps),
            evidence=evidence,
            card=card,
            opacity=opacity,
            caption=caption,
        )
        write(out, picture)
    cli.print_json(card)
    cli.say(
        f"{header.name} knows {len(header.classes)} classes of {header.dataset or 'other data'}; on another kind of "
        "video read this as mechanism, not as recognition."
    )


def _stretch(wanted: tuple[int, int] | None, num_frames: int) -> Stretch:
    if wanted is None:
        return Stretch(0, num_frames - 1)
    first, last = wanted
    if not 1 <= first <= last <= num_frames:
        raise ValueError(
            f"--stretch takes two of the frames 1 to {num_frames}, the earlier one first; got {first} {last}."
        )
    return Stretch(first - 1, last - 1)


def class_index(wanted: str, classes: tuple[str, ...]) -> int:
    """The class with this name, whatever its case, or with this number. Raises ValueError if there is none."""
    names = [name.casefold() for name in classes]
    if wanted.casefold() in names:
        return names.index(wanted.casefold())
    if wanted.isdecimal() and int(wanted) < len(classes):
        return int(wanted)
    raise ValueError(f"The classes are {', '.join(classes)}, or their numbers from 0; got {wanted}.")


if __name__ == "__main__":
    cli.run_command(main, prog="python -m analysis.attribution")
