"""What every row of the table of networks says about its network, and how its options are changed."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from torch import nn

from gte.models.clip import ClipShape

NUM_CLASSES = 174
"""Classes of Something-Something V1, the data set for which the paper gives parameters and FLOPs."""

Kind = Literal["compared", "ablation", "relative"]
"""compared: in the paper's tables; ablation: another form of GTE or GST; relative: another network for video."""


@dataclass(frozen=True, kw_only=True)
class ModelConfig(ABC):
    """A row of the table: all that command lines, widgets and contract tests know of a network.

    A family of networks adds its options, names them in OPTIONS, and builds.
    """

    OPTIONS: ClassVar[tuple[str, ...]] = ("num_classes",)
    """The fields that may be chosen; plain numbers, so that a checkpoint can store them."""

    label: str
    """The name to show."""
    paper: str
    """Who proposed it, where."""
    kind: Kind = "relative"
    """Why it is in the table."""
    note: str = ""
    """What a reader of the table should know."""
    native: ClipShape = ClipShape(8, 224, 224)
    """The clip of the publication."""
    smallest: ClipShape = ClipShape(1, 32, 32)
    """Fewest frames and smallest height and width taken."""
    num_classes: int = NUM_CLASSES

    def __post_init__(self) -> None:
        for name in ("base_width", "num_classes"):
            value = getattr(self, name, 1)
            if value != int(value) or value < 1:
                raise ValueError(f"{name} must be a whole number of at least 1; got {value}.")
        dropout = getattr(self, "dropout", 0.0)
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be at least 0 and less than 1; got {dropout:g}.")

    def options(self) -> dict[str, int | float]:
        """Everything that can be chosen, with the values chosen."""
        return {name: getattr(self, name) for name in self.OPTIONS}

    def with_options(self, **options: Any) -> "ModelConfig":
        """A copy with other values. Raises ValueError for an unknown option or an impossible value."""
        unknown = sorted(options.keys() - self.options().keys())
        if unknown:
            raise ValueError(f"{self.label} takes the options {', '.join(self.options())}; got {', '.join(unknown)}.")
        return self._replace(options)

    def check_takes(self, clip: ClipShape) -> None:
        """Raise ValueError, stating the rule, for a clip that is too small for the network."""
        if not clip.holds(self.smallest):
            raise ValueError(
                f"{self.label} takes clips of at least {self.smallest}; got {clip}. Give more frames or a larger size."
            )

    def _replace(self, options: dict[str, Any]) -> "ModelConfig":
        return replace(self, **options)

    @abstractmethod
    def build(self) -> nn.Module:
        """A new network with random weights: clips (N, 3, T, H, W) in [0, 1] to logits (N, num_classes).

        Raises ValueError for options that leave a path without channels.
        """
