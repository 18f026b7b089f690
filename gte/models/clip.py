"""What every network asks of a clip, and how it is normalised inside the network."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
KINETICS_MEAN = (0.43216, 0.394666, 0.37645)
KINETICS_STD = (0.22803, 0.22145, 0.216989)


@dataclass(frozen=True)
class ClipShape:
    """The size of a clip: frames, and height and width in pixels."""

    frames: int
    height: int
    width: int

    def __str__(self) -> str:
        return f"{self.frames} x {self.height} x {self.width}"

    def holds(self, other: "ClipShape") -> bool:
        """True if this clip is at least as large as the other in every direction."""
        return self.frames >= other.frames and self.height >= other.height and self.width >= other.width


def check_clip(clip: Tensor, smallest: ClipShape) -> None:
    """Raise ValueError, stating the rule, unless the clip is (N, 3, T, H, W) and at least as large as `smallest`."""
    if clip.dim() != 5 or clip.shape[1] != 3:
        raise ValueError(f"A clip is (N, 3, T, H, W) in [0, 1]; got {tuple(clip.shape)}.")
    shape = ClipShape(*map(int, clip.shape[2:]))  # tensors while fvcore traces
    if not shape.holds(smallest):
        raise ValueError(
            f"This network takes clips of at least {smallest}; got {shape}. Give more frames or a larger size."
        )


class Normalize(nn.Module):
    """Subtract the mean and divide by the deviation of each colour, so that nobody does it outside, or twice."""

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        mean: tuple[float, float, float] = IMAGENET_MEAN,
        std: tuple[float, float, float] = IMAGENET_STD,
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1, 1))

    def forward(self, clip: Float[Tensor, "n 3 t h w"]) -> Float[Tensor, "n 3 t h w"]:
        return (clip - self.mean) / self.std
