"""What the command lines share: JSON on standard output alone, messages on standard error, status 2 for bad input."""

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

import tyro

from gte.errors import GteError, sentence

BAD_INPUT = 2
INTERRUPTED = 130


def run_command(main: Callable[..., object], *, prog: str) -> None:
    """Parse the command line for `main`'s signature, call it, and turn what a person can mend into one sentence.

    Exits with status 2 on bad input and 130 on Ctrl-C; anything else is a defect and keeps its traceback.
    """
    try:
        arguments = _parse(main, prog)
        main(*arguments.args, **arguments.kwargs)
    except BrokenPipeError:
        # Whoever read the output has seen enough, as `head` does; there is nobody left to tell.
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
        # A title, perhaps a line across, what is wrong, a line across, and then every option; in a frame or without.
        plain = printed.getvalue().translate(dict.fromkeys(map(ord, "│╭╮╰╯"), " ") | {ord("─"): "-"})
        lines = [line.strip() for line in plain.splitlines()][1:]
        below = itertools.dropwhile(_is_rule, lines)
        told = (
            " ".join(itertools.takewhile(lambda line: not _is_rule(line), below))
            .removeprefix("Error parsing config: ")
            .rstrip(".")
        )
        raise ValueError(f"{told}. --help lists what can be given.") from None
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
    """Strict JSON; numbers that it cannot hold (NaN, infinity) become null."""
    return json.dumps(_finite(value), indent=2, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
