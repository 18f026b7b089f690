"""The former name of `python -m analysis.kernels.report`."""

from analysis.kernels.report import main
from gte.cli import run_command

if __name__ == "__main__":
    run_command(main, prog="python -m analysis.kernels.report")
