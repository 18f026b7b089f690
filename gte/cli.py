"""Command lines: JSON alone on standard output, messages on standard error, status 2 for bad input."""

import contextlib
import functools
import io
import itertools
import json
import math
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gte.errors import GteError, sentence

BAD_INPUT = 2
INTERRUPTED = 130


def run_command(main: Callable[..., object], *, prog: str) -> None:
    """Parse the command line for `main`'s signature, call it, and report an error of the user's in one sentence.

    Exits with status 2 on bad input and 130 on Ctrl-C; anything else is a defect and keeps its traceback.
    """
    try:
        arguments = _parse(main, prog)
        main(*arguments.args, **arguments.kwargs)
    except BrokenPipeError:
        # The reader of the output has closed it, as `head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(BAD_INPUT)
    except (GteError, ValueError, OSError) as error:
        say(f"{prog.removeprefix('python -m ')}: {sentence(error)}")
        sys.exit(BAD_INPUT)
    except KeyboardInterrupt:
        say("Stopped.")
        sys.exit(INTERRUPTED)


@dataclass(frozen=True)
class _Arguments:
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def _parse(main: Callable[..., object], prog: str) -> _Arguments:
    """Read the command line. Raises ValueError, in one sentence, for what tyro would print in a frame."""

    # Imported here because modules that only print a message import this one too, and tyro takes a tenth of a second.
    import tyro

    @functools.wraps(main)
    def take(*args: Any, **kwargs: Any) -> _Arguments:
        return _Arguments(args, kwargs)

    printed = io.StringIO()
    try:
        with contextlib.redirect_stderr(printed):
            parsed = tyro.cli(take, prog=prog, config=(tyro.conf.PositionalRequiredArgs, tyro.conf.FlagCreatePairsOff))
    except SystemExit as stop:
        if not stop.code:
            raise  # --help
        # A title, perhaps a rule, the error, a rule, and then every option; with or without a frame.
        plain = printed.getvalue().translate(dict.fromkeys(map(ord, "│╭╮╰╯"), " ") | {ord("─"): "-"})
        lines = [line.strip() for line in plain.splitlines()][1:]
        below = itertools.dropwhile(_is_rule, lines)
        message = (
            " ".join(itertools.takewhile(lambda line: not _is_rule(line), below))
            .removeprefix("Error parsing config: ")
            .rstrip(".")
        )
        raise ValueError(f"{message}. --help lists the options.") from None
    assert isinstance(parsed, _Arguments)
    return parsed


def _is_rule(line: str) -> bool:
    return set(line) <= {"-"}


def say(message: str) -> None:
    """Print a message for a person on standard error."""
    print(message, file=sys.stderr, flush=True)


def print_json(value: object) -> None:
    """Print strict JSON on standard output, as `as_json` writes it."""
    print(as_json(value), flush=True)


def as_json(value: object) -> str:
    """Return strict JSON; numbers that it cannot hold (NaN, infinity) become null."""
    return json.dumps(_finite(value), indent=2, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
