"""References to data sets: one line of text that names the data set, the folder of its files and its options."""

from dataclasses import asdict, dataclass, fields
from pathlib import PurePath
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode

from gte.data.listing import DataOptions

DEFAULT = DataOptions()


@dataclass(frozen=True)
class DataReference:
    """Which data; as text `motionpairs`, `folder:my-videos`, `ucf101:UCF-101?fold=2` or `motionpairs?classes=...`.

    The text is what checkpoints and results remember. It has no path, because that differs between machines.
    """

    dataset: str
    """Name in the table of data sets."""
    root: str = ""
    """Name of the folder of its files, without those above it."""
    options: DataOptions = DEFAULT

    def __str__(self) -> str:
        default = asdict(DEFAULT)
        changed = {name: value for name, value in asdict(self.options).items() if value != default[name]}
        options = f"?{urlencode(changed, doseq=True)}" if changed else ""
        root = self.root.replace("%", "%25").replace("?", "%3F")
        return f"{self.dataset}:{root}{options}" if self.root else f"{self.dataset}{options}"

    @classmethod
    def parse(cls, text: str) -> "DataReference":
        """Read the text of a reference; unknown options, of a newer version, are left out."""
        name, _, query = text.partition("?")
        dataset, _, root = name.partition(":")
        given = parse_qs(query, keep_blank_values=True)
        options: dict[str, Any] = {}
        for part in fields(DataOptions):
            if values := given.get(part.name):
                kind = type(part.default)
                options[part.name] = tuple(values) if kind is tuple else kind(values[0])
        # Only the last part: a checkpoint from elsewhere must not lead to any path.
        return cls(dataset, PurePath(unquote(root)).name, DataOptions(**options))
