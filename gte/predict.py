"""Class of a clip: `python -m gte.predict CHECKPOINT VIDEO`."""

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gte.checkpoint import load_model
from gte.checkpoint_header import CheckpointHeader
from gte.cli import print_json, run_command, say
from gte.data.loading import to_clip
from gte.data.video.sources import Sample, sample_clip


@dataclass(frozen=True)
class Prediction:
    """Logits of a network for a clip, and what it was given."""

    logits: Float[Tensor, " classes"]
    sample: Sample


def predict(
    model: nn.Module,
    header: CheckpointHeader,
    clip: Path | str,
    *,
    stretch: tuple[int, int] | None = None,
    sequence: str | None = None,
) -> Prediction:
    """Sample a clip, or a stretch of it, as in evaluation, one frame per segment, and run the network on the frames.

    Raises what `sample_clip` does.
    """
    sample = sample_clip(clip, header.num_frames, header.size, stretch=stretch, sequence=sequence)
    with torch.inference_mode():
        logits = model(to_clip(sample.frames)[None])[0]
    return Prediction(logits.clone(), sample)


def main(
    checkpoint: Path,
    video: Path,
    top: int = 5,
    stretch: tuple[int, int] | None = None,
    sequence: str | None = None,
    json: bool = False,
) -> None:
    """Predict the class of a clip.

    Args:
        checkpoint: A .safetensors file written by gte.train.
        video: A video file, an image or animation, or a folder or archive of images.
        top: Number of classes to print, at most as many as there are.
        stretch: First and last frame of the part to use, counted from 1; by default the whole clip.
        sequence: Name of a sequence of images, where the folder or archive holds several.
        json: Print JSON on standard output.
    """
    if top < 1:
        raise ValueError(f"top must be at least 1; got {top}.")
    model, header = load_model(checkpoint)
    prediction = predict(model, header, video, stretch=stretch, sequence=sequence)
    sample = prediction.sample
    notes = sample.notes(header.name)
    best = prediction.logits.softmax(0).topk(min(top, len(header.classes)))
    answers = [
        {"class": header.classes[index], "index": index, "probability": probability}
        for probability, index in zip(best.values.tolist(), best.indices.tolist(), strict=True)
    ]
    if json:
        print_json(
            {
                "checkpoint": str(checkpoint),
                "video": str(video),
                "num_frames": sample.footage.info.num_frames,
                "frames": sample.numbers.tolist(),
                "times": sample.seconds.round(3).tolist(),
                "notes": notes,
                "top": answers,
            }
        )
        return
    for note in notes:
        say(note)
    width = max(len(str(answer["class"])) for answer in answers)
    for answer in answers:
        print(f"{answer['class']:{width}}  {answer['probability']:6.1%}")


if __name__ == "__main__":
    run_command(main, prog="python -m gte.predict")
