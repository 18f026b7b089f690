"""What the command lines share: JSON on standard output alone, messages on standard error, status 2 for bad input."""

import json
import math
import sys
from collections.abc import Callable
from typing import Any

import tyro

from gte.errors import GteError

BAD_INPUT = 2
INTERRUPTED = 130


def run_command(main: Callable[..., object], *, prog: str) -> None:
    """Parse the command line for `main`'s signature, call it, and turn what a person can mend into one sentence.

    Exits with status 2 on bad input and 130 on Ctrl-C; anything else is a defect and keeps its traceback.
    """
    try:
        tyro.cli(main, prog=prog, config=(tyro.conf.PositionalRequiredArgs, tyro.conf.FlagCreatePairsOff))
    except (GteError, ValueError, OSError) as error:
        say(f"{prog.removeprefix('python -m ')}: {sentence(error)}")
        sys.exit(BAD_INPUT)
    except KeyboardInterrupt:
        say("Stopped.")
        sys.exit(INTERRUPTED)


def sentence(error: Exception) -> str:
    """One line that a person can read; an OSError keeps its file name but not its number."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return " ".join(str(error).split())


def say(message: str) -> None:
    """Print a message for a person on standard error."""
    print(message, file=sys.stderr, flush=True)


def print_json(value: object) -> None:
    """Print strict JSON on standard output; numbers that JSON cannot hold (NaN, infinity) become null."""
    print(json.dumps(_finite(value), indent=2, allow_nan=False))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
