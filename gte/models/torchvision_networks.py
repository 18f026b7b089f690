"""torchvision's R(2+1)D-18 and S3D, for clips in [0, 1] and with block outputs for hooks.

Their weights keep torchvision's names, without a prefix; only `normalize.mean` and `normalize.std` are added. Both
normalise as torchvision's Kinetics-400 weights ask.
"""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor, nn
from torchvision.models.video.resnet import BasicBlock, Conv2Plus1D, R2Plus1dStem, VideoResNet
from torchvision.models.video.s3d import S3D as TorchvisionS3D
from torchvision.models.video.s3d import SepInceptionBlock3D

from gte.models.config import KINETICS_MEAN, KINETICS_STD, ClipShape, Normalize, check_clip
from gte.models.outputs import BlockOutput


class Block(BasicBlock):
    """torchvision's block; `output` is where hooks attach."""

    def __init__(
        self,
        inplanes: int,
        planes: int,
        conv_builder: Callable[..., nn.Module],
        stride: int = 1,
        downsample: nn.Module | None = None,
    ) -> None:
        super().__init__(inplanes, planes, conv_builder, stride, downsample)
        self.output = BlockOutput()

    def forward(self, x: Float[Tensor, "n i t h w"]) -> Float[Tensor, "n o t2 h2 w2"]:
        return self.output(super().forward(x))


class R2Plus1D(VideoResNet):
    """Clips in [0, 1] to logits. Tran et al., "A Closer Look at Spatiotemporal Convolutions", CVPR 2018."""

    def __init__(self, smallest: ClipShape, num_classes: int) -> None:
        super().__init__(Block, [Conv2Plus1D] * 4, [2, 2, 2, 2], R2Plus1dStem, num_classes)
        self.smallest = smallest
        self.normalize = Normalize(KINETICS_MEAN, KINETICS_STD)

    def forward(self, clip: Float[Tensor, "..."]) -> Float[Tensor, "n classes"]:
        check_clip(clip, self.smallest)  # (n, 3, t, h, w)
        return super().forward(self.normalize(clip))


class S3D(TorchvisionS3D):
    """Clips in [0, 1] to logits. Xie et al., "Rethinking Spatiotemporal Feature Learning", ECCV 2018."""

    def __init__(self, smallest: ClipShape, num_classes: int, dropout: float) -> None:
        super().__init__(num_classes, dropout)
        self.smallest = smallest
        self.normalize = Normalize(KINETICS_MEAN, KINETICS_STD)
        for part in self.features:
            if isinstance(part, SepInceptionBlock3D):
                part.add_module("output", BlockOutput())

    def forward(self, clip: Float[Tensor, "..."]) -> Float[Tensor, "n classes"]:
        check_clip(clip, self.smallest)  # (n, 3, t, h, w)
        x = self.normalize(clip)
        for part in self.features:
            x = part(x)
            if isinstance(part, SepInceptionBlock3D):
                x = part.get_submodule("output")(x)
        return self.classifier(self.avgpool(x)).mean((2, 3, 4))
