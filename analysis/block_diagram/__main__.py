"""Command `python -m analysis.block_diagram gte --out gte.svg`: a block of a network as SVG."""

from analysis.block_diagram.svg import main
from gte.cli import run_command

if __name__ == "__main__":
    run_command(main, prog="python -m analysis.block_diagram")
