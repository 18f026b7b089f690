"""Results of the study as its runs wrote them, and what follows from the answers of each run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import numpy as np
from jaxtyping import Bool, Float, Int

from gte.errors import GteError
from gte.study import ROWS, Row

FOLDER: Final = Path(__file__).parents[2] / "checkpoints" / "study"
"""Where the study ships its results and checkpoints."""
FILE_NAME: Final = "results.json"
FORMAT: Final = 1

HOW: Final = "There are no results of the study here yet; `make study` trains its networks and writes them."


@dataclass(frozen=True, kw_only=True)
class Clips:
    """The test clips, the same for all runs: clip i and clip i + n/2 are each other's reversal."""

    data: str
    """Name in the table of data sets."""
    size: int
    """Height and width in pixels."""
    classes: tuple[str, ...]
    twins: Int[np.ndarray, " c"]
    """For each class its reversed class."""
    labels: Int[np.ndarray, " n"]

    @cached_property
    def reversal(self) -> Int[np.ndarray, " n"]:
        """For each clip the number of its reversal."""
        return np.roll(np.arange(len(self.labels)), len(self.labels) // 2)

    @cached_property
    def scenes(self) -> Int[np.ndarray, " n"]:
        """For each clip the number of its scene, which it shares with its reversal."""
        return np.arange(len(self.labels)) % (len(self.labels) // 2)

    @cached_property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """The classes in pairs, each with its reversed class."""
        return tuple((first, int(second)) for first, second in enumerate(self.twins) if first < second)

    def name_of(self, pair: tuple[int, int]) -> str:
        """Return the name of a pair of classes: "moves left / right" for "moves left" and "moves right"."""
        first, second = (self.classes[number] for number in pair)
        shared, words = first.split(), second.split()
        same = next((place for place, (a, b) in enumerate(zip(shared, words, strict=False)) if a != b), len(words))
        return f"{first} / {' '.join(words[same:])}" if same else f"{first} / {second}"


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training of the study, and its answers to the test clips."""

    name: str
    row: str
    """Name of the row of the study's table that it belongs to."""
    label: str
    """Name of the row on pages."""
    network: str
    """Name in the table of networks."""
    options: Mapping[str, float]
    """Of the network."""
    seed: int
    num_frames: int
    seconds: float
    """Time of the training."""
    clips_seen: int
    """Clips that the training took."""
    metrics: Sequence[Mapping[str, float]]
    """One entry per epoch, as in the header of a checkpoint."""
    top1: float
    loss: float
    answers: Int[np.ndarray, " n"]
    """The most probable class of each test clip."""
    revision: str = ""
    date: str = ""
    clips: Clips

    @cached_property
    def right(self) -> Bool[np.ndarray, " n"]:
        """Whether each answer is right."""
        return self.answers == self.clips.labels

    @property
    def reversed_to_twin(self) -> float:
        """Share of clips whose reversal is given the reversed class of their own answer.

        0 for a network that averages over frames without mixing them: a clip and its reversal get the same answer.
        """
        return float((self.answers[self.clips.reversal] == self.clips.twins[self.answers]).mean())

    @property
    def right_by_pair(self) -> list[float]:
        """Share of right answers among the clips of each pair of classes; NaN for a pair without a clip."""
        return [_mean(self.right[np.isin(self.clips.labels, pair)]) for pair in self.clips.pairs]

    @property
    def confusion(self) -> Int[np.ndarray, "c c"]:
        """Numbers of clips, by their class and by the answer."""
        count = len(self.clips.classes)
        table = np.zeros((count, count), dtype=int)
        np.add.at(table, (self.clips.labels, self.answers), 1)
        return table


@dataclass(frozen=True)
class Study:
    """All finished runs, in the order of the study's table."""

    clips: Clips
    runs: tuple[Run, ...]
    planned: tuple[Row, ...]
    """The study's table."""

    @cached_property
    def rows(self) -> dict[str, list[Run]]:
        """The finished runs of each row that has some, by the row's name."""
        rows: dict[str, list[Run]] = {}
        for run in self.runs:
            rows.setdefault(run.row, []).append(run)
        return rows

    @property
    def labels(self) -> dict[str, str]:
        """The names of the rows with finished runs, as shown."""
        return {name: runs[0].label for name, runs in self.rows.items()}

    @property
    def num_planned(self) -> int:
        """Number of runs of the whole study."""
        return sum(len(row.seeds) for row in self.planned)

    @property
    def progress(self) -> str:
        """Say how many of the planned runs are finished; empty if all are."""
        done = {(run.row, run.seed) for run in self.runs}
        left = sum((row.name, seed) not in done for row in self.planned for seed in row.seeds)
        return f"{self.num_planned - left} of {self.num_planned} runs of the study are finished." if left else ""


class _Entry(msgspec.Struct):
    """A run in the file, which holds more than is read here."""

    name: str
    row: str
    label: str
    network: str
    options: dict[str, int | float]
    seed: int
    num_frames: int
    seconds: float
    clips_seen: int
    metrics: list[dict[str, int | float]]
    top1: float
    loss: float
    answers: list[int]
    revision: str = ""
    date: str = ""


class _File(msgspec.Struct):
    format: int
    data: str
    size: int
    classes: tuple[str, ...]
    twins: list[int]
    labels: list[int]
    runs: Annotated[list[_Entry], msgspec.Meta(min_length=1)]

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise ValueError(f"it has format {self.format}, and this program reads format {FORMAT}")
        count = len(self.classes)
        if len(self.twins) != count:
            raise ValueError(f"it has {len(self.twins)} reversed classes for {count} classes")
        for entry in self.runs:
            if len(entry.answers) != len(self.labels):
                raise ValueError(f"{entry.name} has {len(entry.answers)} answers to {len(self.labels)} clips")
        named = {*self.twins, *self.labels}.union(*(entry.answers for entry in self.runs))
        if not named <= set(range(count)):
            raise ValueError(f"its classes have the numbers 0 to {count - 1}, and it names others")


def load(folder: Path | None = None, planned: Sequence[Row] = ROWS) -> Study | None:
    """Read the results of the study, by default the shipped ones; None if there are none yet.

    Raises GteError for a damaged file.
    """
    path = (folder or FOLDER) / FILE_NAME
    try:
        file = msgspec.json.decode(path.read_bytes(), type=_File)
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise GteError(f"{path.name} of the study is damaged ({error}). `make study` writes it again.") from error
    twins, labels = np.array(file.twins), np.array(file.labels)
    clips = Clips(data=file.data, size=file.size, classes=file.classes, twins=twins, labels=labels)
    runs = [Run(**_as_arrays(entry), clips=clips) for entry in file.runs]
    order = [row.name for row in planned]
    runs.sort(key=lambda run: (order.index(run.row) if run.row in order else len(order), run.seed))
    return Study(clips, tuple(runs), tuple(planned))


def _as_arrays(entry: _Entry) -> dict[str, Any]:
    return msgspec.structs.asdict(entry) | {"answers": np.array(entry.answers)}


def _mean(values: Bool[np.ndarray, " n"] | Float[np.ndarray, " n"]) -> float:
    return float(values.mean()) if len(values) else float("nan")
