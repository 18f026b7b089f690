"""Run the sanity checks of a checkpoint: `python -m analysis.attribution.sanity_checks CKPT`."""

import time
from pathlib import Path
from typing import Annotated

import tyro

from analysis.attribution.evidence import preselect_layer
from analysis.attribution.gradcam import map_shapes
from analysis.attribution.methods import METHODS
from analysis.attribution.sanity_checks.checks import CHECKS, Subject, keep, obstacle
from analysis.progress import no_report
from gte import cli
from gte.checkpoint import load_model
from gte.models import ClipShape


def main(
    ckpt: Path,
    *,
    layers: tuple[str, ...] = (),
    methods: tuple[Annotated[str, tyro.conf.arg(metavar="{" + ",".join(METHODS) + "}")], ...] = ("gradcam",),
    checks: tuple[Annotated[str, tyro.conf.arg(metavar="{" + ",".join(CHECKS) + "}")], ...] = tuple(CHECKS),
    store: bool = False,
) -> None:
    """Run sanity checks of the evidence over sets of labelled clips, print the verdicts.

    Args:
        ckpt: A .safetensors file written by gte.train.
        layers: Blocks, such as layer3.1; by default the one that the page Evidence opens with.
        methods: Attribution methods.
        checks: The checks to run.
        store: Keep the results with the checkpoint, in results/ next to it, where the app finds them.
    """
    model, header = load_model(ckpt)
    shapes = map_shapes(header.model, header.options, ClipShape(header.num_frames, header.size, header.size))
    given = ((methods, METHODS, "--methods"), (checks, CHECKS, "--checks"), (layers, shapes, "--layers"))
    for names, table, option in given:
        if unknown := [name for name in names if name not in table]:
            raise ValueError(f"{option} takes {', '.join(table)}; got {', '.join(unknown)}.")
    for layer in layers or (preselect_layer(shapes),):
        for method in methods:
            for name in checks:
                subject = Subject(header=header, method=method, layer=layer)
                if reason := obstacle(name, subject):
                    cli.say(f"{layer}, {METHODS[method].label}, {name}: {reason}")
                    continue
                started = time.perf_counter()
                result = CHECKS[name].run(model, subject, CHECKS[name].num_clips, no_report)
                seconds = time.perf_counter() - started
                if store:
                    keep(name, subject, result, shipped=True)
                cli.say(f"{layer}, {METHODS[method].label}, {name} ({seconds:.0f} s): {result.verdict.sentence}")


if __name__ == "__main__":
    cli.run_command(main, prog="python -m analysis.attribution.sanity_checks")
