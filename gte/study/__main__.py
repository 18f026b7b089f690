"""Command `python -m gte.study`: train and test the networks of the study, or those that are left of them."""

import sys
from typing import Annotated

import tyro

from gte.cli import INTERRUPTED, run_command, say
from gte.study.runs import DEFAULTS, StudyConfig
from gte.study.worker import run_study
from gte.training.stopping import Stopped

STOPPED = "Stopped; what was trained is saved, and the same command continues the study."


def main(config: Annotated[StudyConfig, tyro.conf.arg(name=""), tyro.conf.OmitArgPrefixes] = DEFAULTS) -> None:
    """Train and test the networks of the study, or those that are left of them."""
    try:
        run_study(config)
    except Stopped as stopped:
        say(STOPPED)
        sys.exit(stopped.status)
    except KeyboardInterrupt:
        say(STOPPED)
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    run_command(main, prog="python -m gte.study")
