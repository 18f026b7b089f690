"""Command line: evidence for a class in a video, `python -m analysis.attribution CKPT VIDEO --out FILE`."""

from pathlib import Path
from typing import Annotated, Any

import torch
import tyro

from analysis.attribution.evidence import preselect_layer, top_classes
from analysis.attribution.export import FINDING, FRAMES, TIMES, WRITERS, Picture, write
from analysis.attribution.gradcam import map_shapes
from analysis.attribution.methods import METHODS, find_evidence
from analysis.attribution.sanity_checks.checks import CHECKS, Subject, facts, stored
from analysis.own_clips import dataset_of, find_clip, has_labels
from gte import cli
from gte.checkpoint import load_model
from gte.data import label_of, open_labelled
from gte.data.clip_footage import ClipFootage
from gte.data.loading import to_clip
from gte.data.video.sources import sample_clip, sample_footage
from gte.models import ClipShape


def main(
    ckpt: Path,
    video: Path,
    *,
    out: Path | None = None,
    class_: Annotated[str | None, tyro.conf.arg(name="class")] = None,
    against: str | None = None,
    stretch: tuple[int, int] | None = None,
    sequence: str | None = None,
    layer: str | None = None,
    method: Annotated[str, tyro.conf.arg(metavar="{" + ",".join(METHODS) + "}")] = "gradcam",
    opacity: float = 0.8,
    caption: bool = False,
) -> None:
    """Show where in a video a network finds evidence for a class, and print the facts needed to judge it.

    Args:
        ckpt: A .safetensors file written by gte.train.
        video: A video file, an image or animation, or a folder or archive of images; or the name of a clip of the
            checkpoint's data set, or of a class for its first clip.
        out: The file to write: arrays (.npz), a film strip (.png), a video (.mp4, .webm) or .gif; by default none.
        class_: The class, by name or number; by default the predicted one.
        against: Contrast with this class: evidence for the first rather than for this one.
        stretch: First and last frame of the part to use, counted from 1; by default the whole clip.
        sequence: Name of a sequence of images, where the folder or archive holds several.
        layer: The block, such as layer3.1; by default the last one with a map of at least 7 x 7.
        method: The attribution method; integrated_gradients and occlusion use no block and take longer.
        opacity: Opacity of the strongest evidence, from 0 to 1.
        caption: Draw the network, class, layer and method below the frames.
    """
    if out is not None and out.suffix.lower() not in WRITERS:
        raise ValueError(f"--out takes a file that ends in {', '.join(WRITERS)}; got {out.name}.")
    if method not in METHODS:
        raise ValueError(f"--method is one of {', '.join(METHODS)}; got {method}.")
    if not 0 <= opacity <= 1:
        raise ValueError(f"--opacity must lie between 0 and 1; got {opacity:g}.")
    model, header = load_model(ckpt)
    own_clip = None if video.exists() else find_clip(header, str(video))
    if own_clip is None:
        sample = sample_clip(video, header.num_frames, header.size, stretch=stretch, sequence=sequence)
    else:
        footage = ClipFootage(open_labelled(dataset_of(header), header.size), own_clip)
        sample = sample_footage(footage, header.num_frames, header.size, stretch)
    clip = to_clip(sample.frames)[None]
    with torch.no_grad():
        ranking = top_classes(model(clip), header.classes)
    target = ranking[0].index if class_ is None else class_index(class_, header.classes)
    shapes = map_shapes(header.model, header.options, ClipShape(header.num_frames, header.size, header.size))
    contrast = None if against is None else class_index(against, header.classes)
    evidence = find_evidence(method, model, clip, target, layer or preselect_layer(shapes), contrast=contrast)
    card: dict[str, Any] = evidence.card(header.name, header.classes)
    card |= {
        FINDING: evidence.finding(),
        "frame shares": evidence.frame_shares().tolist(),
        FRAMES: (1 + sample.numbers).tolist(),
        TIMES: sample.seconds.round(3).tolist(),
        "frames of the source": sample.footage.info.num_frames,
        "prediction": {score.name: score.probability for score in ranking},
    }
    if own_clip is not None and has_labels(header):
        card["true class"] = header.classes[open_labelled(header.dataset).label(own_clip)]
    subject = Subject(header=header, method=method, layer=layer or preselect_layer(shapes))
    card |= facts({name: stored(name, subject) for name in CHECKS})
    if out is not None:
        card["file"] = str(out)
        picture = Picture(
            frames=sample.frames,
            indices=sample.numbers,
            fps=sample.play_rate,
            evidence=evidence,
            card=card,
            opacity=opacity,
            caption=caption,
        )
        write(out, picture)
    cli.print_json(card)
    for note in sample.notes(header.name):
        cli.say(note)
    if own_clip is None or not has_labels(header):
        data = label_of(header.dataset) or "other data"
        cli.say(
            f"{header.name} was trained on {len(header.classes)} classes of {data}; for other videos the evidence "
            "shows how the network works, not what it recognises."
        )


def class_index(text: str, classes: tuple[str, ...]) -> int:
    """The class with this name, ignoring case, or with this number. Raises ValueError if there is none."""
    names = [name.casefold() for name in classes]
    if text.casefold() in names:
        return names.index(text.casefold())
    if text.isdecimal() and int(text) < len(classes):
        return int(text)
    raise ValueError(f"The classes are {', '.join(classes)}, or their numbers from 0; got {text}.")


if __name__ == "__main__":
    cli.run_command(main, prog="python -m analysis.attribution")
