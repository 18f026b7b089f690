"""Logits of a network with many changes, each computed from the first changed block on."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

from analysis.formatting import block_name
from gte.models.outputs import block_outputs, recording
from gte.models.resnet import VideoResNet
from gte.models.shift import fold, unfold

Changed = Mapping[str, Tensor]
"""Weights that replace those of a network, by their names in the state_dict."""


class _RestOfNetwork(nn.Module):
    """The blocks of a ResNet after a given one, and its classifier, under the names that they have in the network."""

    def __init__(self, model: VideoResNet, num_blocks: int) -> None:
        super().__init__()
        for name, child in model.named_children():
            self.add_module(name, child)
        # The network itself is stored outside the modules.
        self._network = (model,)
        self.training = model.training
        self._blocks = tuple(model.blocks().values())[num_blocks:]

    def forward(self, clip: Float[Tensor, "n c t h w"]) -> Float[Tensor, "n classes"]:
        frames, num_frames = fold(clip), clip.shape[2]
        for block in self._blocks:
            frames = block(frames, num_frames)
        return self._network[0].classify(unfold(frames, num_frames))


class ResumedPasses:
    """The outputs of a network's blocks for one batch, from which passes with changed weights are resumed.

    A block before the first changed one gives what it gave before. In ResNets it does not run again; other networks
    run as a whole. The network must not be used by others during a call, and is left unchanged.
    """

    def __init__(self, model: nn.Module, clips: Float[Tensor, "n 3 t h w"]) -> None:
        self._model, self._clips = model, clips
        blocks = block_outputs(model) if isinstance(model, VideoResNet) else {}
        with torch.no_grad(), recording(blocks) as outputs:
            self.logits: Float[Tensor, "n classes"] = model(clips)
            """As trained."""
        self._outputs = outputs

    def logits_with(self, changed: Changed) -> Float[Tensor, "n classes"]:
        """Return the logits with some weights replaced."""
        blocks = list(self._outputs)
        first = min((blocks.index(block) if block in blocks else 0 for block in map(block_name, changed)), default=0)
        with torch.no_grad():
            if first == 0:
                return functional_call(self._model, dict(changed), (self._clips,))
            assert isinstance(self._model, VideoResNet)
            rest, before = _RestOfNetwork(self._model, first), self._outputs[blocks[first - 1]]
            return functional_call(rest, dict(changed), (before,))
