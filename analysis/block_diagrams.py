"""The former name of `python -m analysis.block_diagram`."""

from analysis.block_diagram.svg import main
from gte.cli import run_command

if __name__ == "__main__":
    run_command(main, prog="python -m analysis.block_diagram")
