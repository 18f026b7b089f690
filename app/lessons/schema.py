"""What a file of a lesson holds, and how it is read and checked."""

import re
from pathlib import Path
from typing import Annotated

import msgspec

from app.navigation import PAGES
from app.steps import Step
from app.url_keys import EACH_PAGE, KEYS, SUBJECT, as_texts
from gte.errors import GteError

Text = Annotated[str, msgspec.Meta(min_length=1)]

TYPES = {"str": "text", "int": "a whole number", "array": "a list", "object": "a table", "bool": "true or false"}
"""Words for what the schema calls by its type."""


class LessonError(GteError):
    """A file holds no lesson; the sentence names the file, the place in it and the way out."""


class LessonStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A step: a page in some state, and the strip above it, whose parts `app.steps.Step` describes."""

    page: str
    """Key of the page in `PAGES`."""
    state: dict[str, str | int | float | bool | list[str]] = {}
    """Keys of the page's address, as in `app/url_keys.py`; what is not named here is as on a first visit."""
    text: Text
    question: str = ""
    choices: tuple[Text, ...] = ()
    right: str = ""
    look: str = ""
    hide: tuple[Annotated[str, msgspec.Meta(pattern="^[a-z-]+$")], ...] = ()
    """Keys of containers of the page that this step hides, because they would answer the question of a later one."""

    def __post_init__(self) -> None:
        if self.page not in PAGES:
            raise ValueError(f"The pages are {', '.join(PAGES)}; got {self.page}")
        owners = (self.page, SUBJECT, EACH_PAGE)
        for name, texts in self.query.items():
            key = KEYS.get(name)
            if key is None or key.page not in owners:
                known = ", ".join(sorted(known.name for known in KEYS.values() if known.page in owners))
                raise ValueError(f"The page {self.page} has the keys {known}; got {name}")
            try:
                key.read(texts)
            except ValueError as error:
                raise ValueError(f"{name} cannot be {', '.join(texts)}") from error
        _ = self.shown

    @property
    def query(self) -> dict[str, list[str]]:
        """The state as texts of an address."""
        return {name: as_texts(value) for name, value in self.state.items()}

    @property
    def shown(self) -> Step:
        """What the strip shows. Raises ValueError for a question that cannot be answered."""
        return Step(text=self.text, question=self.question, choices=self.choices, right=self.right, look=self.look)


class Lesson(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A lesson: one file."""

    title: Text
    about: Text
    """The question that it answers, on its card."""
    minutes: Annotated[int, msgspec.Meta(ge=1)]
    audience: Text
    """What a reader should know before."""
    steps: Annotated[tuple[LessonStep, ...], msgspec.Meta(min_length=1)]

    def address(self, name: str, number: int) -> dict[str, list[str]]:
        """Return the parameters of the address that opens step `number` of this lesson, whose file is called `name`."""
        return {"lesson": [name], "at": [str(number)], **self.steps[number - 1].query}


def read(path: Path) -> Lesson:
    """Read a lesson. Raises LessonError."""
    try:
        return msgspec.toml.decode(path.read_bytes(), type=Lesson)
    except OSError as error:
        raise LessonError(f"{path.name}: {error.strerror}; the lesson is left out.") from error
    except UnicodeDecodeError as error:
        raise LessonError(f"{path.name}: it is not a text file in UTF-8; save it as one.") from error
    except ValueError as error:
        raise LessonError(f"{_place_and_fault(path.name, str(error))}; correct this in the file.") from error


def _place_and_fault(file: str, message: str) -> str:
    """Turn "Expected `str`, got `int` - at `$.steps[0].text`" into "file, step 1, text: expected text, got a …"."""
    message, _, path = message.partition(" - at `$.")
    step, field = re.search(r"steps\[(\d+)\]", path), re.search(r"(?:^|\.)(?!steps)(\w+)", path)
    place = [file, *([f"step {int(step[1]) + 1}"] if step else []), *([field[1]] if field else [])]
    message = re.sub(r"`(\w+)`", lambda found: TYPES.get(found[1], f"“{found[1]}”"), message).rstrip(".")
    return f"{', '.join(place)}: {message[:1].lower()}{message[1:]}"
