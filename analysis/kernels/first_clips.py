"""The first labelled clips of a data set, as a network sees them."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from gte.checkpoint_header import CheckpointHeader
from gte.data import label_of, loading, open_labelled


@dataclass(frozen=True, kw_only=True)
class FirstClips:
    """The first labelled clips of a data set, as a network sees them in evaluation."""

    dataset: str
    count: int

    @property
    def words(self) -> str:
        """The clips as a sentence names them."""
        return f"{'one clip' if self.count == 1 else f'{self.count} clips'} of {label_of(self.dataset)}"


def first_clips(header: CheckpointHeader, dataset: str, count: int) -> Float[Tensor, "n 3 t h w"]:
    """Read the first labelled clips of a data set, or all, as the network of `header` takes them in evaluation.

    Raises DatasetError if they are not here.
    """
    data = open_labelled(dataset, header.size)
    return loading.first_clips(data, min(count, len(data.present)), header.num_frames)
