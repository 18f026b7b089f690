"""The data set whose clips a network is shown, and why they, or their classes, are not known here."""

from typing import Final

from gte.checkpoint_header import CheckpointHeader
from gte.data import label_of, open_labelled
from gte.errors import DatasetError, GteError, sentence

FALLBACK: Final = "motionpairs"
"""The data set shown to networks that were trained elsewhere."""

OTHER_CLASSES: Final = "{name} has other classes than {data} here, so its answers are neither right nor wrong."
OTHER_DATA: Final = "{name} was not trained on {data}, so its answers to these clips are neither right nor wrong."
NO_FILES: Final = "Its annotations are here, but none of the files of its clips."
NOT_HERE: Final = "{name} was trained on {data}. {reason}"


def dataset_of(header: CheckpointHeader) -> str:
    """Return the data set whose clips a network is shown: its own, here or not, or MotionPairs if it is unknown."""
    return header.dataset or FALLBACK


def why_no_clips(header: CheckpointHeader) -> str:
    """Return why the clips of the network's data set cannot be shown, in sentences; empty if they can."""
    return _open(header)[1]


def why_no_labels(header: CheckpointHeader) -> str:
    """Return why the answers of a network cannot be judged here, in sentences; empty if they can."""
    classes, reason = _open(header)
    if reason or (header.dataset and classes == header.classes):
        return reason
    words = OTHER_CLASSES if header.dataset else OTHER_DATA
    return words.format(name=header.name, data=label_of(dataset_of(header)))


def has_labels(header: CheckpointHeader) -> bool:
    """Return True if the labelled clips of the network's data set are here and have its classes."""
    return not why_no_labels(header)


def num_clips(header: CheckpointHeader, most: int) -> int:
    """Return how many labelled clips of the network's data set are here, at most `most`; that many if it is not."""
    return most if why_no_clips(header) else min(most, len(open_labelled(dataset_of(header)).present))


def find_clip(header: CheckpointHeader, name: str) -> int | None:
    """Return the labelled clip with this name, or the example of this class; None if there is none.

    Raises DatasetError if the network's data set is not here.
    """
    if reason := why_no_clips(header):
        raise DatasetError(reason)
    data = open_labelled(dataset_of(header))
    examples = {data.classes[data.label(index)]: index for index in data.examples()}
    return examples.get(name, next((index for index in range(len(data)) if data.clip_id(index) == name), None))


def _open(header: CheckpointHeader) -> tuple[tuple[str, ...], str]:
    """Return the classes of the clips, and why they are not here."""
    try:
        data = open_labelled(dataset_of(header))
        if data.present:
            return data.classes, ""
        reason = NO_FILES
    except (GteError, ValueError, OSError) as error:
        reason = sentence(error)
    return (), NOT_HERE.format(name=header.name, data=label_of(header.dataset), reason=reason)
