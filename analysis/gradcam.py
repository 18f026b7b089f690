"""The former name of `python -m analysis.attribution`."""

from analysis.attribution.__main__ import main
from gte.cli import run_command

if __name__ == "__main__":
    run_command(main, prog="python -m analysis.attribution")
