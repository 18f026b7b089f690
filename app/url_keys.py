"""URL keys: the one table of all parameters that pages read from the URL, each with its type, owner and default."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")

SUBJECT = "every page"
"""Owner of what the reader looks at: chosen on one page, it is shown on the next."""
EACH_PAGE = "each page"
"""Owner of what every page has and remembers for itself."""

KEYS: "dict[str, Key[Any]]" = {}
"""All keys by name."""


@dataclass(frozen=True)
class Key(Generic[Value]):
    """A parameter of the URL and the key of its widget. Raises ValueError for a name that is declared already."""

    name: str
    noun: str
    """What it chooses, as a sentence calls it."""
    page: str
    """The page that owns it, or SUBJECT or EACH_PAGE."""
    read: Callable[[Sequence[str]], Value]
    """The value for the texts in the URL; raises ValueError where they are none."""
    default: Value | None = None
    """None where it depends on what is shown."""

    def __post_init__(self) -> None:
        if self.name in KEYS:
            raise ValueError(f"Each name has one meaning; “{self.name}” is the {KEYS[self.name].noun} already.")
        KEYS[self.name] = self


def text(values: Sequence[str]) -> str:
    """Return the last text."""
    return values[-1]


def several(values: Sequence[str]) -> list[str]:
    """Return all texts; an empty one says that nothing is chosen."""
    return [value for value in values if value]


def whole(values: Sequence[str]) -> int:
    """Return a whole number."""
    return int(values[-1])


def decimal(values: Sequence[str]) -> float:
    """Return a number."""
    return float(values[-1])


def switch(values: Sequence[str]) -> bool:
    """Return True for "true" and False for "false"."""
    if values[-1] not in ("true", "false"):
        raise ValueError(f"A switch is true or false; got {values[-1]}.")
    return values[-1] == "true"


def as_texts(value: object) -> list[str]:
    """Return the texts in the URL from which the functions above read the value."""
    match value:
        case bool():
            return [str(value).lower()]
        case float():
            return [f"{value:g}"]
        case list():
            return value or [""]
        case _:
            return [str(value)]


CKPT = Key("ckpt", "checkpoint", SUBJECT, text)
CLIP = Key("clip", "clip", SUBJECT, text)
LAYER = Key("layer", "layer", SUBJECT, text)
SEQUENCE = Key("sequence", "sequence of images", SUBJECT, text)
STRETCH = Key("stretch", "stretch of the clip", SUBJECT, text)
PRESENT = Key("present", "setting of presenter mode", SUBJECT, switch)
VIEW = Key("view", "view", EACH_PAGE, text)
LESSON = Key("lesson", "lesson", SUBJECT, text)
AT = Key("at", "step of the lesson", SUBJECT, whole)
PART = Key("part", "part of the page", EACH_PAGE, text)

SCENE = Key("scene", "scene of the story", "start", whole, default=1)

COMPARE = Key("compare", "checkpoint to compare with", "kernels", several)
TAPS = Key("taps", "reading of the taps", "kernels", text)
SORT = Key("sort", "order of the outputs", "kernels", text)
OUTPUT = Key("output", "output", "kernels", whole)
EDIT = Key("edit", "edit of the taps", "kernels", text)
STEP = Key("step", "step", "kernels", whole)
FORM = Key("form", "form of the kernels", "kernels", text)
MEASURE = Key("measure", "measure", "kernels", text)
FORMAT = Key("format", "format of figures", "kernels", text)

NETWORKS = Key("networks", "network", "evidence", several)
METHOD = Key("method", "method", "evidence", text)
CLASS = Key("class", "class", "evidence", text)
CONTRAST = Key("against", "class to compare with", "evidence", text)
SCALE = Key("scale", "scale", "evidence", text)
REVERSE = Key("reverse", "setting of “Reverse”", "evidence", switch, default=False)
UNTRAINED = Key("untrained", "untrained network", "evidence", text)
SLICE = Key("slice", "reading of the slices", "evidence", text)

EXPERIMENT = Key("experiment", "experiment", "whatif", text)
TEST_CLIPS = Key("test_clips", "number of labelled clips", "whatif", text)
CHANGE = Key("change", "change of time", "whatif", text)
SEED = Key("seed", "seed", "whatif", whole, default=0)
FRAME = Key("frame", "frame", "whatif", whole)
COUNT = Key("count", "number of frames", "whatif", whole, default=1)
SPEED = Key("speed", "speed", "whatif", text, default="2 x")
BESIDE = Key("beside", "network to compare with", "whatif", several)
WHERE = Key("where", "choice of layers", "whatif", text)
SETTING = Key("setting", "setting of the kernels", "whatif", text)
CHANGED_BY_TIME = Key("changed_by_time", "change whose clips are listed", "whatif", text)
CHANGED_BY_SETTING = Key("changed_by_setting", "setting whose clips are listed", "whatif", text)
EXPLAINED = Key("explained", "class of the evidence", "whatif", text)
BLEND = Key("blend", "blend", "whatif", decimal, default=0.5)

LEARNER = Key("learner", "network", "train", text)
MOTIONS = Key("motions", "classes", "train", text)
RATE = Key("rate", "learning rate", "train", text)

AXIS = Key("axis", "cost", "results", text)
RUN = Key("run", "network", "results", text)
CURVES = Key("curves_of", "network", "results", several)
SPENT = Key("spent", "measure of what was spent", "results", text)

DEPTH = Key("depth", "depth", "architectures", text, default="50")
FRAMES = Key("frames", "number of frames", "architectures", whole, default=8)
SIZE = Key("size", "size", "architectures", whole, default=224)
CLASSES = Key("classes", "number of classes", "architectures", whole)
SHARE = Key("t", "temporal share", "architectures", text, default="1/4")
UNIT = Key("unit", "unit", "architectures", text)
WIDTH = Key("width", "width", "architectures", text, default="64")
CLIPS = Key("clips", "number of clips", "architectures", whole, default=1)
CROPS = Key("crops", "number of crops", "architectures", whole, default=1)
HEAD = Key("head", "choice for the classifier", "architectures", text)
COMPARED = Key("compared", "network", "architectures", several)
ABLATIONS = Key("ablations", "network", "architectures", several)
RELATIVES = Key("relatives", "network", "architectures", several)
DIAGRAM = Key("diagram", "network of the diagram", "architectures", text)
DRAWN = Key("drawn", "block of the diagram", "architectures", text)
NETWORK = Key("network", "network", "architectures", text)
STAGE = Key("stage", "stage", "architectures", text)
BLOCK = Key("block", "block", "architectures", text)
BOX = Key("box", "layer of the block", "architectures", text)
DATASET = Key("dataset", "data set", "architectures", text)
IN_CHANNELS = Key("ci", "number of channels C_i", "architectures", text)
OUT_CHANNELS = Key("co", "number of channels C_o", "architectures", text)
KERNEL = Key("k", "kernel size k", "architectures", text)
NUM_TAPS = Key("kt", "number of taps k_T", "architectures", text)
FORMULA_SHARE = Key("ft", "temporal share of the formulas", "architectures", text)
ROUNDS = Key("rounds", "number of rounds", "architectures", whole)
BATCH = Key("batch", "batch size", "architectures", whole, default=1)
THREADS = Key("threads", "number of threads", "architectures", whole)
FUSED = Key("fused", "fusing", "architectures", switch, default=False)
