"""Command `python -m analysis.kernels.measure CKPT`: what the page Shift kernels needs the network for, kept."""

from pathlib import Path

from analysis.kernels import measured_reach
from analysis.kernels.moments import measure_moments, store_moments
from gte import checkpoint, cli
from gte.models import block_outputs


def main(ckpt: Path) -> None:
    """Measure the inputs of the temporal layers of a checkpoint and its reach, and keep both with the checkpoint.

    Args:
        ckpt: A .safetensors file written by gte.train or gte.convert.
    """
    model, header = checkpoint.load_model(ckpt)
    if header.layers:
        store_moments(ckpt, header, measure_moments(model, header), shipped=True)
    clips = measured_reach.reach_clips(header)
    blocks = tuple(block_outputs(model))
    reach = measured_reach.measure(model, header, clips, measured_reach.chosen_blocks(header, blocks, ""))
    measured_reach.store(ckpt, header, reach, shipped=True)
    cli.say(f"Stored the inputs and the reach of {header.name}.")


if __name__ == "__main__":
    cli.run_command(main, prog="python -m analysis.kernels.measure")
