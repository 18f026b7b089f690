"""Class of a video file: `python -m gte.predict CHECKPOINT VIDEO`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from gte.checkpoint import load_model
from gte.checkpoint_header import CheckpointHeader
from gte.cli import print_json, run_command
from gte.data.loading import to_clip
from gte.data.video.files import VideoInfo, read_clip


@dataclass(frozen=True)
class Prediction:
    """Logits of a network for a video, and the frames that it was given."""

    logits: Float[Tensor, " classes"]
    frames: UInt8[np.ndarray, "t h w 3"]
    """The frames given to the network, in RGB."""
    indices: Int[np.ndarray, " t"]
    """Their numbers in the video."""
    info: VideoInfo


def predict(model: nn.Module, header: CheckpointHeader, video: Path | str) -> Prediction:
    """Sample a video as in evaluation, one centre frame per segment, and run the network on it.

    Raises VideoError if the file cannot be read as a video.
    """
    frames, indices, info = read_clip(video, header.num_frames, header.size)
    with torch.inference_mode():
        logits = model(to_clip(frames)[None])[0]
    return Prediction(logits.clone(), frames, indices, info)


def main(checkpoint: Path, video: Path, top: int = 5, json: bool = False) -> None:
    """Predict the class of a video file.

    Args:
        checkpoint: A .safetensors file written by gte.train.
        video: A video file.
        top: Number of classes to print.
        json: Print JSON on standard output.
    """
    model, header = load_model(checkpoint)
    if not 1 <= top <= len(header.classes):
        raise ValueError(f"top must lie between 1 and the {len(header.classes)} classes; got {top}.")
    prediction = predict(model, header, video)
    best = prediction.logits.softmax(0).topk(top)
    answers = [
        {"class": header.classes[index], "index": index, "probability": probability}
        for probability, index in zip(best.values.tolist(), best.indices.tolist(), strict=True)
    ]
    if json:
        print_json(
            {
                "checkpoint": str(checkpoint),
                "video": str(video),
                "num_frames": prediction.info.num_frames,
                "frames": prediction.indices.tolist(),
                "top": answers,
            }
        )
        return
    width = max(len(str(answer["class"])) for answer in answers)
    for answer in answers:
        print(f"{answer['class']:{width}}  {answer['probability']:6.1%}")


if __name__ == "__main__":
    run_command(main, prog="python -m gte.predict")
