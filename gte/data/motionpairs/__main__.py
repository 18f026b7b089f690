"""Write clips of MotionPairs as video files: `python -m gte.data.motionpairs --export DIR`."""

from gte.cli import run_command
from gte.data.motionpairs.dataset import main

if __name__ == "__main__":
    run_command(main, prog="python -m gte.data.motionpairs")
